// One field of a task out of one cell's text.
#include "config/fields.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "config/config.hpp"
#include "config/secrets.hpp"

namespace darn {
namespace {

tl::unexpected<Error> bad(std::string message, std::string mend) {
  return fail(ErrorKind::bad_input, std::move(message), std::move(mend));
}

using Set = Status (*)(TaskSpec& spec, std::string_view text);

struct Field {
  std::string_view name;
  bool cell;  // may be a CSV column
  Set set;
};

template <std::string TaskSpec::*member>
Status set_text(TaskSpec& spec, std::string_view text) {
  spec.*member = text;
  return {};
}

template <std::vector<std::string> TaskSpec::*member>
Status set_words(TaskSpec& spec, std::string_view text) {
  std::vector<std::string>& words = spec.*member;
  words.clear();
  // Blanks may stand in paths, not in ids and tags.
  const bool paths = member == &TaskSpec::context_path;
  const std::string_view separators = paths ? ";,\n" : ";, \t\r\n";
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t end = std::min(text.find_first_of(separators, begin), text.size());
    const std::string_view word = trim(text.substr(begin, end - begin));
    if (!word.empty()) {
      words.emplace_back(word);
    }
    begin = end + 1;
  }
  return {};
}

template <std::optional<Duration> TaskSpec::*member>
Status set_duration(TaskSpec& spec, std::string_view text) {
  const auto value = parse_duration(text);
  if (!value || value->count() == 0) {
    return bad("bad duration " + quote(text), "give one such as 90 (seconds), 250ms, 10m or 1h30m");
  }
  spec.*member = *value;
  return {};
}

Result<int> whole_number(std::string_view text, int least, int most) {
  const auto value = parse_int(text);
  if (!value || *value < least || *value > most) {
    return bad("bad number " + quote(text),
               "give a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  }
  return static_cast<int>(*value);
}

Status set_retries(TaskSpec& spec, std::string_view text) {
  DARN_ASSIGN(spec.retries, whole_number(text, 0, 1000));
  return {};
}

Status set_max_turns(TaskSpec& spec, std::string_view text) {
  DARN_ASSIGN(spec.max_turns, whole_number(text, 1, 1'000'000));
  return {};
}

Status set_priority(TaskSpec& spec, std::string_view text) {
  DARN_ASSIGN(spec.priority, whole_number(text, -1'000'000, 1'000'000));
  return {};
}

Status set_idempotent(TaskSpec& spec, std::string_view text) {
  const auto value = parse_bool(text);
  if (!value) {
    return bad("bad value " + quote(text), "give true or false");
  }
  spec.idempotent = *value;
  return {};
}

Status set_workspace(TaskSpec& spec, std::string_view text) {
  const auto value = parse_workspace_mode(trim(text));
  if (!value) {
    return bad("unknown workspace " + quote(text), "give keep, fresh, worktree or none");
  }
  spec.workspace = value;
  return {};
}

Status set_budget(TaskSpec& spec, std::string_view text) {
  DARN_ASSIGN(spec.budget, parse_budget(text));
  return {};
}

Status set_failed_when(TaskSpec& spec, std::string_view text) {
  spec.failed_when = {std::string{text}};
  return {};
}

// `score` is a table in YAML; as a text it is the regex.
Status set_score(TaskSpec& spec, std::string_view text) {
  spec.score.regex = text;
  return {};
}

constexpr std::array kFields = std::to_array<Field>({
    {"id", true, set_text<&TaskSpec::id>},
    {"command", true, set_text<&TaskSpec::command>},
    {"agent", true, set_text<&TaskSpec::agent>},
    {"prompt", true, set_text<&TaskSpec::prompt>},
    {"after", true, set_words<&TaskSpec::after>},
    {"cwd", true, set_text<&TaskSpec::cwd>},
    {"timeout", true, set_duration<&TaskSpec::timeout>},
    {"idle_timeout", true, set_duration<&TaskSpec::idle_timeout>},
    {"retries", true, set_retries},
    {"pool", true, set_text<&TaskSpec::pool>},
    {"priority", true, set_priority},
    {"tags", true, set_words<&TaskSpec::tags>},
    {"context_path", true, set_words<&TaskSpec::context_path>},
    {"output_file", true, set_text<&TaskSpec::output_file>},
    {"max_turns", true, set_max_turns},
    {"model", true, set_text<&TaskSpec::model>},
    {"check", true, set_text<&TaskSpec::check>},
    {"budget", true, set_budget},
    {"idempotent", true, set_idempotent},
    {"workspace", true, set_workspace},
    {"base", true, set_text<&TaskSpec::base>},
    {"session", true, set_text<&TaskSpec::session>},
    {"deadline", false, set_duration<&TaskSpec::deadline>},
    {"fallback", false, set_text<&TaskSpec::fallback>},
    {"race", false, set_words<&TaskSpec::race>},
    {"failed_when", false, set_failed_when},
    {"score", false, set_score},
});

Status set_pair(std::vector<std::pair<std::string, std::string>>& pairs, const std::string& name,
                std::string_view text) {
  if (looks_like_secret(name, text)) {
    return bad(quote(name) + " holds what looks like a key, and keys are never stored",
               "set it in the environment that darn is started from");
  }
  for (auto& [key, value] : pairs) {
    if (key == name) {
      value = text;
      return {};
    }
  }
  pairs.emplace_back(name, text);
  return {};
}

}  // namespace

const std::vector<std::string>& task_fields(bool cell_only) {
  static const auto names = [](bool cells) {
    std::vector<std::string> out;
    for (const Field& field : kFields) {
      if (field.cell || !cells) {
        out.emplace_back(field.name);
      }
    }
    return out;
  };
  static const std::vector<std::string> in_cells = names(true);
  static const std::vector<std::string> all = names(false);
  return cell_only ? in_cells : all;
}

Status set_field(TaskSpec& spec, const FieldName& field, std::string_view text) {
  if (text.empty()) {
    return {};
  }
  if (field.kind == FieldName::Kind::env) {
    return set_pair(spec.env, field.name, text);
  }
  if (field.kind == FieldName::Kind::parameter) {
    return set_pair(spec.params, field.name, text);
  }
  for (const Field& known : kFields) {
    if (known.name == field.name) {
      return known.set(spec, text);
    }
  }
  return fail(ErrorKind::internal, "no field " + quote(field.name));
}

Status set_field(TaskSpec& spec, const std::string& canonical, std::string_view text) {
  if (canonical.starts_with("env.")) {
    return set_field(spec, FieldName{FieldName::Kind::env, canonical.substr(4)}, text);
  }
  const auto& fields = task_fields(false);
  const bool reserved = std::find(fields.begin(), fields.end(), canonical) != fields.end();
  return set_field(
      spec, FieldName{reserved ? FieldName::Kind::reserved : FieldName::Kind::parameter, canonical},
      text);
}

TaskSpec start_task(const TaskSpec& defaults) {
  TaskSpec spec;
  spec.idempotent = defaults.idempotent;
  spec.priority = defaults.priority;
  return spec;
}

namespace {

template <class T>
void fill(T& value, const T& from) {
  if (value == T{}) {
    value = from;
  }
}

void fill_pairs(std::vector<std::pair<std::string, std::string>>& pairs,
                const std::vector<std::pair<std::string, std::string>>& from) {
  for (const auto& pair : from) {
    const bool there = std::any_of(pairs.begin(), pairs.end(),
                                   [&](const auto& own) { return own.first == pair.first; });
    if (!there) {
      pairs.push_back(pair);
    }
  }
}

}  // namespace

void merge_defaults(TaskSpec& spec, const TaskSpec& defaults) {
  if (spec.command.empty() && !spec.is_agent()) {
    spec.command = defaults.command;
    spec.agent = defaults.agent;
    spec.race = defaults.race;
  }
  if (spec.is_agent()) {  // what would have no meaning for a command
    fill(spec.prompt, defaults.prompt);
    fill(spec.context_path, defaults.context_path);
    fill(spec.max_turns, defaults.max_turns);
    fill(spec.model, defaults.model);
    fill(spec.workspace, defaults.workspace);
    fill(spec.base, defaults.base);
    fill(spec.session, defaults.session);
    fill(spec.fallback, defaults.fallback);
  }
  fill(spec.tags, defaults.tags);
  fill(spec.cwd, defaults.cwd);
  fill(spec.timeout, defaults.timeout);
  fill(spec.idle_timeout, defaults.idle_timeout);
  fill(spec.deadline, defaults.deadline);
  fill(spec.retries, defaults.retries);
  fill(spec.pool, defaults.pool);
  fill(spec.output_file, defaults.output_file);
  fill(spec.check, defaults.check);
  fill(spec.budget.usd, defaults.budget.usd);
  fill(spec.budget.tokens, defaults.budget.tokens);
  fill(spec.failed_when, defaults.failed_when);
  fill(spec.score.regex, defaults.score.regex);
  fill(spec.score.pointer, defaults.score.pointer);
  fill(spec.score.pass_score, defaults.score.pass_score);
  fill_pairs(spec.env, defaults.env);
  fill_pairs(spec.params, defaults.params);
}

}  // namespace darn
