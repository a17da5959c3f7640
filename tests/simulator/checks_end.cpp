// What is checked where an attempt is about to be written, and when a run has ended.
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "base/random.hpp"
#include "policy/decide.hpp"
#include "simulator/checks.hpp"

namespace darn::sim {
namespace {

namespace fs = std::filesystem;

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

void Checks::open_run(const RunRecord& run, const std::string& cwd, const std::string& state_dir) {
  run_ = run;
  state_dir_ = state_dir;
  stop_level = 0;
  if (cwd_.empty()) {
    cwd_ = cwd;
    for (const auto& entry : fs::directory_iterator(cwd)) {
      user_files_[entry.path().filename()] = content_of(entry.path());
    }
  }
}

// The stored decision is what decide() says to the stored facts, asked once more.
void Checks::ending(Store& store, RunKey run, const AttemptRecord& end) {
  const auto known = attempts_.find(end.key);
  if (known != attempts_.end() && known->second.ended) {
    violated(invariant::kOneEnd, name_of(known->second) + " is to end a second time");
  }
  if (!ending_.insert(end.key).second) {
    violated(invariant::kOneEnd, end.task_id + " is to end twice at once");
  }
  const Task& task = tasks_.at(end.task);
  if (end.state == AttemptState::lost && end.decision.charge != Charge::poison) {
    violated(invariant::kAdopted, end.task_id + " was lost, and that uses up a try");
  }
  if (end.state == AttemptState::lost && end.decision.action != Action::abandon &&
      !scenario_.idempotent.at(end.task_id)) {
    violated(invariant::kAdopted, end.task_id + " was lost, is to run once, and is not abandoned");
  }
  const std::string& rule = end.decision.rule;
  if (rule == "race.lost" || rule == "interrupted" || rule == "race.waits" ||
      (rule == "cancelled" && end.state == AttemptState::cancelled)) {
    return;  // darn's own doing
  }
  auto history = must(store.history(run, end.task_id));
  int before = 0;
  for (RunRecord r = run_; !r.parent.empty();) {
    r = must(store.find_run(r.parent));
    before += static_cast<int>(must(store.cycles(r.key)).size());
  }
  PastAttempt last;
  last.cycle = before + end.cycle;
  last.end = end.outcome.end;
  last.succeeded = end.state == AttemptState::succeeded;
  last.category = end.diagnosis.category;
  last.cause = end.diagnosis.cause;
  last.signature = end.diagnosis.signature;
  last.changed_before = end.kind == AttemptKind::fallback;
  last.agent = end.agent;
  last.started = end.outcome.started;
  last.ended = end.outcome.ended;
  history.push_back(last);

  Knowledge know;
  know.now = end.outcome.ended;
  know.seed = run_.seed;
  know.task = hash64(task.spec.id);
  know.cycle = last.cycle;
  know.task_retries = task.spec.retries;
  know.retry_after = end.diagnosis.retry_after;
  know.resets_at = end.diagnosis.resets_at;
  know.idempotent = task.spec.idempotent;
  if (task.spec.deadline) {
    Time first = end.claimed;
    for (const PastAttempt& p : history) {
      if (p.cycle == know.cycle && p.started != Time{}) {
        first = std::min(first, p.started);
      }
    }
    know.deadline = first + *task.spec.deadline;
  }
  const auto agent = run_.settings.agents.find(end.agent);
  const std::string fallback = agent == run_.settings.agents.end() ? "" : agent->second.fallback;
  const bool used = std::any_of(history.begin(), history.end(), [&](const PastAttempt& p) {
    return p.cycle == know.cycle && p.agent == fallback;
  });
  if (!used && task.spec.race.empty() && !fallback.empty()) {
    know.fallback_agent = fallback;
  }
  const auto ask = [&](bool cancelled) {
    know.cancelled = cancelled;
    Decision said = decide(history, run_.settings.policy, know);
    if (said.action == Action::snooze && end.decision.why.ends_with("another key goes on")) {
      said.until = end.decision.until;
      said.why = end.decision.why;
    }
    return said;
  };
  Decision again = ask(false);
  if (!(again == end.decision) && cancelled_.contains(run)) {
    again = ask(true);
  }
  if (!(again == end.decision)) {
    violated(invariant::kPure,
             fmt::format("{}/{}: stored {} [{}] {}, asked again {} [{}] {}", end.task_id,
                         end.number, to_string(end.decision.action), end.decision.rule,
                         end.decision.why, to_string(again.action), again.rule, again.why));
  }
}

void Checks::run_ended(Store& store, Store& seen, RunKey key, bool clean) {
  const RunRecord run = must(store.run(key));
  Counts recount;
  double cost = 0;
  const auto wrong = [](const char* which, const std::string& id, const std::string& what) {
    violated(which, id + ' ' + what);
  };
  const Status listed = store.each_task(key, {}, true, [&](const TaskRecord& task) -> Status {
    const std::string& id = task.spec.id;
    ++recount.of(task.state);
    recount.healed += task.healed ? 1 : 0;
    cost += task.cost_usd;
    if (!is_terminal(task.state)) {
      wrong(invariant::kFree, id, fmt::format("is {} at the end", to_string(task.state)));
    }
    if ((task.state == TaskState::succeeded) != succeeded_.contains(id) &&
        !succeeded_.contains(id)) {
      wrong(invariant::kFinal, id, "succeeded, and no commit said so");
    }
    const bool open = !waits_for(tasks_.at(task.key)).empty();
    if (task.state == TaskState::succeeded && open) {
      wrong(invariant::kOrder, id, "succeeded before all that it depends on");
    }
    if (task.state == TaskState::skipped && !open) {
      wrong(invariant::kOrder, id, "was skipped, and all that it depends on succeeded");
    }
    const auto attempts = must(store.attempts(key, id));
    if (static_cast<int>(attempts.size()) != task.attempts) {
      wrong(invariant::kCounts, id,
            fmt::format("has {} attempts, not {}", attempts.size(), task.attempts));
    }
    for (const AttemptRecord& attempt : attempts) {
      const auto known = attempts_.find(attempt.key);
      const bool ended = known != attempts_.end() && known->second.ended;
      if (attempt.state == AttemptState::running || !ended) {
        wrong(invariant::kOneEnd, id, fmt::format("attempt {} has no end", attempt.number));
      }
    }
    return {};
  });
  if (!listed) {
    violated(invariant::kErrors, listed.error().text());
  }
  const Counts counts = must(seen.counts(key));
  if (!(counts == recount) || std::abs(run.cost_usd - cost) > 1e-6) {
    wrong(invariant::kCounts, run.id, "has totals that no recount gives");
  }
  const bool all = recount.of(TaskState::succeeded) == recount.total();
  if (run.state == RunState::succeeded ? !all : all && run.state != RunState::cancelled) {
    wrong(invariant::kCounts, run.id, fmt::format("ended as {}", to_string(run.state)));
  }
  if (!world_.living().empty()) {
    wrong(invariant::kAdopted, world_.living().front()->job.attempt_name, "lives after the end");
  }
  for (const auto& [index, slot] : world_.slots()) {
    for (const World::Record& record : slot.page.records) {
      if (clean && record.state != RecordState::free) {
        wrong(invariant::kFree, record.name, fmt::format("still has slot {}", index));
      }
    }
  }
}

void Checks::effects() {
  if (world_.disturbed()) {
    return;
  }
  for (const auto& [id, times] : world_.effects) {
    const Task* task = find(id);
    if (task == nullptr || !task->spec.race.empty()) {
      continue;
    }
    const bool done = succeeded_.contains(id);
    if (times > 1 || (times == 1) != done) {
      violated(invariant::kOnce, fmt::format("{} had its effect {} times and {}", id, times,
                                             done ? "succeeded" : "did not succeed"));
    }
  }
  for (const std::string& id : succeeded_) {
    if (world_.effects[id] == 0) {
      violated(invariant::kOnce, id + " succeeded without its effect");
    }
  }
}

void Checks::files() {
  for (const auto& [name, content] : user_files_) {
    if (content_of(fs::path(cwd_) / name) != content) {
      violated(invariant::kUserFiles, "the user's file " + name + " was changed");
    }
  }
  for (const auto& entry : fs::directory_iterator(cwd_)) {
    const std::string name = entry.path().filename();
    const bool promised = name.starts_with("out-");
    if (!promised && !user_files_.contains(name)) {
      violated(invariant::kDirectory, name + " was left in the user's directory");
    }
  }
}

}  // namespace darn::sim
