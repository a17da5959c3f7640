// A YAML task file: its settings, and its tasks as a list or as a map from id to fields. The tasks
// are streamed: one after the other becomes a small document and is gone again.
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "config/config.hpp"
#include "plan/tasks.hpp"

namespace darn {
namespace {

constexpr const char* kTasks = "tasks";

class YamlTasks {
 public:
  YamlTasks(const RunSettings& settings, const TaskSink& sink, TaskGraph* graph)
      : settings_(settings), sink_(sink), graph_(graph), start_(start_task(settings.defaults)) {}

  Status operator()(const ConfigDocument& entry, const std::string& key) {
    any_ = true;
    DARN_ASSIGN(TaskSpec task, task_from_config(entry, "", ErrorKind::bad_input, start_));
    Location where = place(entry, "id");
    if (!key.empty()) {
      if (entry.root().contains("id")) {
        return fail(ErrorKind::bad_input, "an id beside the one that the task stands under",
                    "keep one of the two", entry.where_key("/id"));
      }
      task.id = key;
      where = entry.where_key("");
    }
    merge_defaults(task, settings_.defaults);
    if (auto wrong = find_mistake(task, settings_)) {
      wrong->error.where = wrong->field == "id" ? where : place(entry, wrong->field);
      return tl::unexpected<Error>(std::move(wrong->error));
    }
    if (graph_ != nullptr) {
      DARN_TRY(graph_->add(task, where, place(entry, "after")));
    }
    return sink_(task, {}, where);
  }

  bool any() const { return any_; }

 private:
  static Location place(const ConfigDocument& entry, const std::string& field) {
    const bool as_task = field == "prompt" && entry.root().contains("task");
    return entry.where("/" + (as_task ? "task" : field));
  }

  const RunSettings& settings_;
  const TaskSink& sink_;
  TaskGraph* graph_;
  TaskSpec start_;
  bool any_ = false;
};

tl::unexpected<Error> no_tasks(Location where) {
  return fail(ErrorKind::bad_input, "no tasks", "give 'tasks' a list of them", std::move(where));
}

Status check_version(const ConfigDocument& document) {
  if (!document.root().contains("version")) {
    return {};
  }
  const nlohmann::json& version = document.root()["version"];
  if (!version.is_string() || version.get<std::string>() != "1") {
    return fail(ErrorKind::bad_input, "an unknown version of the format", "write version: 1",
                document.where("/version"));
  }
  return {};
}

}  // namespace

Status read_settings(const TaskSource& source, RunSettings& settings) {
  if (source.format != TaskSource::Format::yaml) {
    return {};
  }
  const auto drop = [](const ConfigDocument&, const std::string&) -> Status { return {}; };
  DARN_ASSIGN(
      const ConfigDocument document,
      ConfigDocument::from_yaml(source.text, source.path, ErrorKind::bad_input, kTasks, drop));
  if (document.root().is_null()) {
    return no_tasks({source.path, 1, 1});
  }
  if (!document.root().is_object()) {
    return fail(ErrorKind::bad_input, "the file is no map", "begin it with 'tasks:'",
                document.where(""));
  }
  DARN_TRY(check_version(document));
  std::vector<std::string> ignore{kTasks, "version"};
  for (const std::string& key : document.keys("")) {
    if (key.starts_with("x-")) {  // a place for anchors
      ignore.push_back(key);
    }
  }
  return apply_config(document, settings, ErrorKind::bad_input, ignore);
}

Result<SourceHeader> read_yaml_tasks(const TaskSource& source, const RunSettings& settings,
                                     const TaskSink& sink, TaskGraph* graph) {
  YamlTasks tasks(settings, sink, graph);
  DARN_ASSIGN(const ConfigDocument document,
              ConfigDocument::from_yaml(source.text, source.path, ErrorKind::bad_input, kTasks,
                                        [&](const ConfigDocument& entry, const std::string& key) {
                                          return tasks(entry, key);
                                        }));
  if (!document.root().is_object() || !document.root().contains(kTasks)) {
    return no_tasks({source.path, 1, 1});
  }
  if (!document.root()[kTasks].is_structured() && !document.root()[kTasks].is_null()) {
    return fail(ErrorKind::bad_input, "'tasks' is no list", "give it a list of tasks",
                document.where(child_pointer("", kTasks)));
  }
  if (!tasks.any()) {
    return no_tasks(document.where_key(child_pointer("", kTasks)));
  }
  return SourceHeader{};
}

Result<SourceHeader> read_tasks(const TaskSource& source, const RunSettings& settings,
                                const TaskSink& sink, TaskGraph* graph) {
  return source.format == TaskSource::Format::csv ? read_csv_tasks(source, settings, sink, graph)
                                                  : read_yaml_tasks(source, settings, sink, graph);
}

}  // namespace darn
