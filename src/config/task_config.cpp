// A task, or [defaults], out of a document's table.
#include "config/fields.hpp"
#include "config/node.hpp"

namespace darn {
namespace {

Status set_from_text(TaskSpec& spec, const FieldName& field, const Node& node) {
  DARN_ASSIGN(const std::string text, node.text());
  auto status = set_field(spec, field, text);
  return status ? status : node.placed(std::move(status.error()));
}

// A list of texts; one text is split as a cell is.
Status set_list(TaskSpec& spec, const FieldName& field, std::vector<std::string>& out,
                const Node& node) {
  return node.json().is_array() ? into(out)(node) : set_from_text(spec, field, node);
}

Status set_score(ScoreRule& score, const Node& node) {
  if (!node.json().is_object()) {
    return into_regex(score.regex)(node);
  }
  return read_table(node, {{"regex", into_regex(score.regex)},
                           {"pointer", into_pointer(score.pointer)},
                           {"pass_score", into(score.pass_score, -1e12, 1e12)}});
}

// env: {NAME: value}
Status set_env(TaskSpec& spec, const Node& node) {
  if (!node.json().is_object()) {
    return node.error("'env' is no table", "write env.NAME, or a table of names and values");
  }
  for (const std::string& name : node.keys()) {
    const Node value = node.child(name);
    auto field = classify_field("env." + name, false);
    if (!field) {
      Error error = std::move(field.error());
      return value.key_error(std::move(error.message), std::move(error.mend));
    }
    DARN_TRY(set_from_text(spec, *field, value));
  }
  return {};
}

Status set_reserved(TaskSpec& spec, const FieldName& field, const Node& node) {
  const std::string& name = field.name;
  if (name == "budget") {
    return into(spec.budget)(node);
  }
  if (name == "score") {
    return set_score(spec.score, node);
  }
  if (name == "after") {
    return set_list(spec, field, spec.after, node);
  }
  if (name == "tags") {
    return set_list(spec, field, spec.tags, node);
  }
  if (name == "context_path") {
    return set_list(spec, field, spec.context_path, node);
  }
  if (name == "race") {
    return set_list(spec, field, spec.race, node);
  }
  if (name == "failed_when") {
    return into_predicates(spec.failed_when)(node);
  }
  return set_from_text(spec, field, node);
}

}  // namespace

Result<TaskSpec> task_from_config(const ConfigDocument& document, const std::string& pointer,
                                  ErrorKind kind, const TaskSpec& start) {
  const Node node(document, pointer, kind);
  if (!node.json().is_object()) {
    return node.error("a task that is no table of fields", "give it fields such as id and command");
  }
  TaskSpec spec = start;
  for (const std::string& key : node.keys()) {
    const Node value = node.child(key);
    if (value.json().is_null()) {
      continue;
    }
    if (key == "env") {
      DARN_TRY(set_env(spec, value));
      continue;
    }
    auto field = classify_field(key, false);
    if (!field) {
      Error error = std::move(field.error());
      return value.key_error(std::move(error.message), std::move(error.mend));
    }
    if (key == "task" && node.has("prompt")) {
      return value.key_error("both 'task' and 'prompt', which are the same", "keep one of the two");
    }
    DARN_TRY(field->kind == FieldName::Kind::reserved ? set_reserved(spec, *field, value)
                                                      : set_from_text(spec, *field, value));
  }
  return spec;
}

}  // namespace darn
