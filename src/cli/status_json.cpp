#include "cli/status_json.hpp"

#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "engine/events.hpp"

namespace darn::cli {
namespace {

using nlohmann::json;

json text_or_null(const std::string& text) { return text.empty() ? json() : json(text); }

template <class E>
json kind_or_null(E kind) {
  return kind == E::none ? json() : json(to_string(kind));
}

template <class T>
json value_or_null(const std::optional<T>& value) {
  return value ? json(*value) : json();
}

}  // namespace

std::string dump(const json& value, int indent) {
  return value.dump(indent, ' ', false, json::error_handler_t::replace);
}

json run_json(const RunRecord& run) {
  return {{"run", run.id},
          {"state", to_string(run.state)},
          {"cycle", run.cycle},
          {"auto_retry", run.settings.auto_retry},
          {"max_retries", run.settings.max_retries},
          {"root", run.root},
          {"parent", text_or_null(run.parent)},
          {"source", run.source},
          {"cwd", run.cwd},
          {"started", time_json(run.created)},
          {"ended", time_json(run.ended)},
          {"total", run.counts.total()},
          {"counts", counts_json(run.counts)},
          {"attempts", run.attempts},
          {"cost_usd", run.cost_usd},
          {"tokens", run.tokens}};
}

json task_json(const TaskRecord& task) {
  const bool tried = task.attempts > 0;
  return {
      {"id", task.spec.id},
      {"state", to_string(task.state)},
      {"healed", task.healed},
      {"attempts", task.attempts},
      {"cycle", task.cycle},
      {"category", kind_or_null(task.category)},
      {"cause", kind_or_null(task.cause)},
      {"severity", kind_or_null(task.severity)},
      {"signature", text_or_null(task.signature)},
      {"summary", text_or_null(task.summary)},
      {"advice", text_or_null(task.advice)},
      {"exit", value_or_null(task.exit)},
      {"signal", value_or_null(task.signal)},
      {"tags", task.spec.tags},
      {"score", value_or_null(task.score)},
      {"cost_usd", task.cost_usd},
      {"tokens", task.tokens},
      {"duration_s", tried ? json(static_cast<double>(task.duration.count()) / 1000.0) : json()},
      {"not_before", task.state == TaskState::delayed ? time_json(task.not_before) : json()},
      {"workspace", text_or_null(task.workspace)},
      {"output", text_or_null(task.output_path)},
      {"pool", text_or_null(task.pool)}};
}

Status write_status_json(Store& store, const RunRecord& run, bool with_tasks,
                         const std::function<void(std::string_view)>& write) {
  std::string head = dump(run_json(run));
  if (!with_tasks) {
    write(head + "\n");
    return {};
  }
  head.pop_back();  // the closing brace comes after the tasks
  write(head + ",\"tasks\":[");
  std::string_view separator = "\n";
  const auto write_task = [&](const TaskRecord& task) -> Status {
    write(std::string(separator) + dump(task_json(task)));
    separator = ",\n";
    return {};
  };
  DARN_TRY(store.each_task(run.key, {}, true, write_task));
  write("]}\n");
  return {};
}

}  // namespace darn::cli
