// What is known of an attempt that ended is recorded: its terminal record, its task's new state,
// and for an agent the files that people look for.
#include <algorithm>
#include <filesystem>

#include "agent/workspace.hpp"
#include "engine/batch.hpp"
#include "engine/worker.hpp"

namespace darn {

void Worker::keep_files(const Live& live) {
  if (live.agent == nullptr) {
    return;
  }
  // Best effort: the attempt's truth is in the store and the captured output.
  static_cast<void>(append_agent_log(paths_, run_dir_, live.attempt));
  const WorkspaceMode mode = live.task.spec.workspace.value_or(WorkspaceMode::keep);
  if (mode == WorkspaceMode::none || live.attempt.outcome.end == End::not_started) {
    return;
  }
  const std::filesystem::path workspace(live.attempt.workspace);
  const std::string name = workspace.filename().string();
  constexpr std::string_view kWorkspace = "workspace";
  const std::string suffix = name.starts_with(kWorkspace) ? name.substr(kWorkspace.size()) : "";
  static_cast<void>(
      save_changes(workspace, workspace.parent_path() / ("changes" + suffix + ".diff")));
}

bool Worker::rivals_live(const Live& live) const {
  return std::any_of(live_.begin(), live_.end(),
                     [&](const auto& entry) { return entry.second.task.key == live.task.key; });
}

void Worker::stop_rivals(const Live& winner) {
  for (auto& [key, live] : live_) {
    if (live.task.key != winner.task.key || live.stopped != Stopped::no) {
      continue;
    }
    live.stopped = Stopped::race_lost;
    runner_.stop(key, false);
  }
}

Status Worker::record(Live& live, bool with_task, const std::vector<PastAttempt>& history) {
  AttemptRecord& attempt = live.attempt;
  const double cost = attempt.report.cost_usd.value_or(0);
  const std::int64_t tokens = attempt.report.tokens_in + attempt.report.tokens_out;
  highest_cost_ = std::max(highest_cost_, cost);
  highest_tokens_ = std::max(highest_tokens_, tokens);
  run_.cost_usd += cost;
  run_.tokens += tokens;
  DARN_TRY(store_.end_attempt(run_.key, attempt));
  if (with_task) {
    DARN_TRY(store_.update_task(run_.key, live.task.key, task_update(live, history)));
    live.task.cost_usd += cost;
    live.task.tokens += tokens;
    DARN_TRY(halt_if_asked(live));
  }
  emit_attempt(EngineEvent::Kind::attempt_ended, live);
  return {};
}

TaskUpdate Worker::task_update(Live& live, const std::vector<PastAttempt>& history) const {
  const AttemptRecord& attempt = live.attempt;
  const Decision& decision = attempt.decision;
  TaskUpdate update;
  switch (decision.action) {
    case Action::succeed:
      update.state = TaskState::succeeded;
      update.output_path = live.output_path;
      // Healed: something failed before this attempt was started.
      update.healed = std::any_of(history.begin(), history.end() - 1, [&](const PastAttempt& p) {
        return p.end != End::cancelled && p.ended <= attempt.claimed;
      });
      break;
    case Action::retry:
      update.not_before = attempt.outcome.ended + decision.delay;
      update.state = decision.delay > Duration{0} ? TaskState::delayed : TaskState::ready;
      update.alone = run_.settings.policy.of(attempt.diagnosis.category).alone;
      break;
    case Action::snooze:
      update.not_before = decision.until;
      update.state = decision.until > attempt.outcome.ended ? TaskState::delayed : TaskState::ready;
      break;
    case Action::give_up: update.state = TaskState::failed; break;
    case Action::abandon:
      update.state = attempt.state == AttemptState::cancelled && live.stopped == Stopped::cancelled
                         ? TaskState::cancelled
                         : TaskState::abandoned;
      break;
  }
  // A fallback that took over stays for this cycle.
  const bool fell_back = live.task.spec.race.empty() && attempt.agent != live.task.spec.agent;
  update.next_agent = !decision.agent.empty() ? decision.agent : fell_back ? attempt.agent : "";
  update.category = attempt.diagnosis.category;
  update.cause = attempt.diagnosis.cause;
  update.severity = attempt.diagnosis.severity;
  update.signature = attempt.diagnosis.signature;
  update.summary = attempt.diagnosis.summary;
  update.advice = attempt.diagnosis.advice;
  if (attempt.outcome.end == End::exited) {
    update.exit = attempt.outcome.exit_code;
  }
  if (attempt.outcome.signal != 0) {
    update.signal = attempt.outcome.signal;
  }
  update.score = attempt.verdict.score;
  update.duration = attempt.outcome.wall;
  update.ended = attempt.outcome.ended;
  update.session = attempt.report.session;
  update.workspace = attempt.workspace;

  live.task.state = update.state;
  live.task.healed = update.healed;
  live.task.not_before = update.not_before;
  live.task.category = update.category;
  live.task.cause = update.cause;
  live.task.severity = update.severity;
  live.task.signature = update.signature;
  live.task.summary = update.summary;
  live.task.advice = update.advice;
  live.task.exit = update.exit;
  live.task.signal = update.signal;
  live.task.score = update.score;
  live.task.duration = update.duration;
  live.task.ended = attempt.outcome.ended;
  if (!update.output_path.empty()) {
    live.task.output_path = update.output_path;
  }
  return update;
}

}  // namespace darn
