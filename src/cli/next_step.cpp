#include "cli/next_step.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/random.hpp"
#include "base/text.hpp"
#include "engine/batch.hpp"
#include "policy/decide.hpp"
#include "policy/rules.hpp"

namespace darn::cli {
namespace {

// What it waits for, or was skipped because of: "a (running), b (failed)".
std::string unmet(Store& store, RunKey run, const TaskSpec& spec) {
  std::vector<std::string> parts;
  for (const std::string& id : spec.after) {
    const Result<TaskRecord> before = store.task(run, id);
    if (before && before->state != TaskState::succeeded) {
      parts.push_back(id + " (" + std::string(to_string(before->state)) + ")");
    }
  }
  return parts.empty() ? "what it depends on" : join(parts, ", ");
}

bool another_cycle_comes(const RunRecord& run) {
  return run.state == RunState::running && run.settings.auto_retry &&
         run.cycle <= run.settings.max_retries;
}

Result<std::string> after_failure(Store& store, const RunRecord& run, const TaskRecord& task) {
  DARN_ASSIGN(const std::vector<PastAttempt> history, store.history(run.key, task.spec.id));
  std::string why;
  if (!history.empty() && !worth_another_cycle(history, run.settings.policy, &why)) {
    return "it stays given up: " +
           (why.empty() ? std::string("another cycle is not worth it") : why) +
           "; change something, then 'darn retry " + run.id + " --launch'";
  }
  if (another_cycle_comes(run)) {
    return fmt::format("it runs again in cycle {}", run.cycle + 1);
  }
  return "nothing by itself; 'darn retry " + run.id + " --launch' runs it again";
}

Result<std::string> in_words(Store& store, const RunRecord& run, const TaskRecord& task, Time now) {
  const bool stopped = run.state == RunState::interrupted;
  const std::string when_resumed = stopped ? " when 'darn resume " + run.id + "' goes on" : "";
  switch (task.state) {
    case TaskState::waiting:
      return "it waits for " + unmet(store, run.key, task.spec) + when_resumed;
    case TaskState::ready:
      return "it starts as soon as pool " + task.pool + " has room" + when_resumed;
    case TaskState::running:
      return stopped
                 ? "it is looked after" + when_resumed
                 : fmt::format("attempt {} is running; 'darn log {} {}' shows its output so far",
                               task.attempts, run.id, task.spec.id);
    case TaskState::delayed:
      return fmt::format("attempt {} starts at {}{}", task.attempts + 1,
                         format_local_clock(task.not_before),
                         task.not_before > now
                             ? " (in " + format_duration(task.not_before - now) + ")" + when_resumed
                             : when_resumed);
    case TaskState::succeeded: return "nothing: it is done, and never runs again in this lineage";
    case TaskState::failed: return after_failure(store, run, task);
    case TaskState::skipped:
      return "it was skipped because of " + unmet(store, run.key, task.spec) +
             "; it is revived when that succeeds in a later cycle";
    case TaskState::cancelled:
      return "it was cancelled; 'darn resume " + run.id + "' or 'darn retry " + run.id +
             " --launch' takes it up again";
    case TaskState::abandoned:
      return "nothing by itself: it was given up for good and is left to you";
  }
  return std::string();
}

// The agent that would take over; empty when none is named or it has had its turn in this cycle.
std::string fallback_left(const RunRecord& run, const TaskRecord& task, const PastAttempt& failed,
                          const std::vector<PastAttempt>& history) {
  std::string fallback = task.spec.fallback;
  const auto agent = run.settings.agents.find(failed.agent);
  if (fallback.empty() && agent != run.settings.agents.end()) {
    fallback = agent->second.fallback;
  }
  const bool used = std::any_of(history.begin(), history.end(), [&](const PastAttempt& past) {
    return past.cycle == failed.cycle && past.agent == fallback;
  });
  return used || !task.spec.race.empty() ? "" : fallback;
}

// The user's rule that matched the last failure; what it says of the agent's report is not looked
// at.
Result<std::optional<std::size_t>> rule_of(const RunRecord& run, const AttemptRecord& failed) {
  DARN_ASSIGN(const RuleMatcher rules, RuleMatcher::compile(run.settings.policy.rules));
  return rules.match(failed.outcome, failed.diagnosis, failed.excerpt);
}

std::optional<Time> deadline_of(const TaskRecord& task, const std::vector<PastAttempt>& history,
                                int cycle, Time now) {
  if (!task.spec.deadline) {
    return std::nullopt;
  }
  Time first = now;
  for (const PastAttempt& past : history) {
    if (past.cycle == cycle && past.started != Time{}) {
      first = std::min(first, past.started);
    }
  }
  return first + *task.spec.deadline;
}

// The same failure once more, now: what would be decided about it.
Result<std::optional<Decision>> decide_if_again(Store& store, const RunRecord& run,
                                                const TaskRecord& task,
                                                const std::vector<AttemptRecord>& attempts,
                                                Time now) {
  const auto last = std::find_if(attempts.rbegin(), attempts.rend(), [](const AttemptRecord& a) {
    return a.state == AttemptState::failed;
  });
  if (last == attempts.rend()) {
    return std::optional<Decision>();
  }
  DARN_ASSIGN(std::vector<PastAttempt> history, store.history(run.key, task.spec.id));
  DARN_ASSIGN(const int before, cycles_before(store, run));
  Knowledge know;
  know.now = now;
  know.seed = run.seed;
  know.task = hash64(task.spec.id);
  know.cycle = before + run.cycle;
  know.task_retries = task.spec.retries;
  know.deadline = deadline_of(task, history, know.cycle, now);
  know.retry_after = last->diagnosis.retry_after;
  know.idempotent = task.spec.idempotent;
  DARN_ASSIGN(know.rule, rule_of(run, *last));

  PastAttempt again;
  again.cycle = know.cycle;
  again.end = last->outcome.end;
  again.category = last->diagnosis.category;
  again.cause = last->diagnosis.cause;
  again.signature = last->diagnosis.signature;
  again.agent = last->agent;
  again.started = now;
  again.ended = now;
  know.fallback_agent = fallback_left(run, task, again, history);
  history.push_back(again);
  return std::optional<Decision>(decide(history, run.settings.policy, know));
}

}  // namespace

std::string decision_text(const Decision& decision) {
  const std::string by = decision.agent.empty() ? "" : " by " + decision.agent;
  switch (decision.action) {
    case Action::succeed: return "done";
    case Action::retry: return "retry in " + format_duration(decision.delay) + by;
    case Action::snooze: return "snooze until " + format_local_clock(decision.until) + by;
    case Action::give_up: return "give up in this cycle";
    case Action::abandon: return "give up for good";
  }
  return "";
}

Result<NextStep> next_step(Store& store, const RunRecord& run, const TaskRecord& task,
                           const std::vector<AttemptRecord>& attempts, Time now) {
  NextStep next;
  DARN_ASSIGN(next.text, in_words(store, run, task, now));
  const bool unfinished = !is_terminal(task.state) && task.state != TaskState::waiting;
  if (unfinished && !attempts.empty()) {
    DARN_ASSIGN(next.if_again, decide_if_again(store, run, task, attempts, now));
  }
  return next;
}

}  // namespace darn::cli
