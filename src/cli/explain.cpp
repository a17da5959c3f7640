// darn explain RUN TASK
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/explain_text.hpp"
#include "cli/next_step.hpp"
#include "cli/status_json.hpp"
#include "engine/events.hpp"

namespace darn::cli {
namespace {

std::string head_text(const RunRecord& run, const TaskRecord& task, const Terminal& terminal) {
  std::string text =
      fmt::format("task {} in run {}: {}", styled(terminal, Style::bold, one_line(task.spec.id)),
                  run.id, to_string(task.state));
  if (task.healed) {
    text += ", healed";
  }
  text += fmt::format(", {} {}\n", task.attempts, task.attempts == 1 ? "attempt" : "attempts");
  if (!task.spec.command.empty()) {
    text += "  command     " + one_line(task.spec.command) + "\n";
  }
  if (!task.spec.after.empty()) {
    text += "  after       " + one_line(join(task.spec.after, ", ")) + "\n";
  }
  if (!task.workspace.empty()) {
    text += "  workspace   " + one_line(task.workspace) + "\n";
  }
  return text;
}

std::string next_text(const NextStep& next) {
  std::string text = "next: " + one_line(next.text, 1000) + "\n";
  if (next.if_again) {
    text +=
        fmt::format("if it fails the same way again: {}: {} [{}]\n", decision_text(*next.if_again),
                    one_line(next.if_again->why), one_line(next.if_again->rule));
  }
  return text;
}

nlohmann::json explain_json(const RunRecord& run, const TaskRecord& task,
                            const std::vector<AttemptRecord>& attempts, const NextStep& next) {
  nlohmann::json result = {{"run", run.id}, {"task", task_json(task)}};
  result["attempts"] = nlohmann::json::array();
  for (const AttemptRecord& attempt : attempts) {
    nlohmann::json entry = attempt_json(attempt);
    entry["excerpt"] = attempt.excerpt;
    result["attempts"].push_back(std::move(entry));
  }
  result["next"] = {{"text", next.text}, {"if_it_fails_again", nullptr}};
  if (next.if_again) {
    result["next"]["if_it_fails_again"] = nlohmann::json::parse(json_text(*next.if_again));
  }
  return result;
}

}  // namespace

Result<int> explain(const Context& context, const ExplainOptions& options) {
  DARN_ASSIGN(const Opened opened, open_run(context, options.run));
  DARN_ASSIGN(const TaskRecord task, opened.store->task(opened.run.key, options.task));
  DARN_ASSIGN(const std::vector<AttemptRecord> attempts,
              opened.store->attempts(opened.run.key, options.task));
  DARN_ASSIGN(const NextStep next,
              next_step(*opened.store, opened.run, task, attempts, context.clock->now()));
  if (options.json) {
    print(dump(explain_json(opened.run, task, attempts, next), 1) + "\n");
    return 0;
  }
  print(head_text(opened.run, task, context.out));
  for (const AttemptRecord& attempt : attempts) {
    print("\n" + explain_attempt(attempt, context.out));
  }
  print("\n" + next_text(next));
  return 0;
}

}  // namespace darn::cli
