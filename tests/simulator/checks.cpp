#include "simulator/checks.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "engine/pools.hpp"
#include "policy/budget.hpp"

namespace darn::sim {
namespace {

constexpr double kRounding = 1e-6;

std::string number(double usd) { return fmt::format("{:.2f}", usd); }

}  // namespace

void Checks::forget() {
  tasks_.clear();
  attempts_.clear();
  succeeded_.clear();
  claims_.clear();
  spent_ = reserved_ = 0;
  cancelled_.clear();
  cancel_known_ = false;
}

void Checks::reopened() {
  for (auto& [key, task] : tasks_) {
    task.abandoned.clear();
  }
  world_.half.clear();
}

const Checks::Task* Checks::find(const std::string& id) const {
  for (const auto& [key, task] : tasks_) {
    if (task.run == run_.key && task.spec.id == id) {
      return &task;
    }
  }
  return nullptr;
}

std::string Checks::name_of(const Attempt& attempt) const {
  return fmt::format("{}/{}/{}", run_.id, attempt.record.task_id, attempt.record.number);
}

// As DESIGN has it: racers and a fallback run under their own agents' limits.
std::string Checks::pool_of(const Task& task, const std::string& agent) const {
  const auto found = run_.settings.agents.find(agent);
  const bool own =
      found != run_.settings.agents.end() && agent != task.spec.agent && task.spec.pool.empty();
  return own ? agent_pool(found->second) : task.pool;
}

// --- what a commit has brought

void Checks::transaction_begins() {
  cancel_known_ = cancelled_.contains(run_.key);
  claims_.clear();
  ending_.clear();
}

void Checks::cancel_requested(RunKey run, bool cancel) {
  if (cancel) {
    cancelled_.insert(run);
  } else {
    cancelled_.erase(run);
  }
}

void Checks::cycle_opened(RunKey run) {
  for (auto& [key, task] : tasks_) {
    task.alone = task.alone && task.run != run;
  }
}

void Checks::task_added(RunKey run, TaskKey key, const TaskSpec& spec, const std::string& pool) {
  Task& task = tasks_[key];
  task.run = run;
  task.key = key;
  task.spec = spec;
  task.pool = pool;
}

void Checks::task_changed(TaskKey key, TaskState state, bool alone) {
  Task& task = tasks_[key];
  task.state = state;
  task.alone = alone;
  if (state == TaskState::succeeded) {
    succeeded_.insert(task.spec.id);
  }
}

void Checks::claimed(RunKey run, const AttemptRecord& attempt) {
  Task& task = tasks_.at(attempt.task);
  world_.log("claimed", task.spec.id, std::to_string(attempt.number), attempt.agent);
  if (!replay_) {
    world_.forget_truth(attempt.key);
    if (succeeded_.contains(task.spec.id)) {
      violated(invariant::kFinal, task.spec.id + " has succeeded and is claimed again");
    }
    if (!task.abandoned.empty()) {
      violated(invariant::kAdopted, fmt::format("{} was abandoned [{}] and is claimed again",
                                                task.spec.id, task.abandoned));
    }
    if (cancel_known_) {
      violated(invariant::kDrain, task.spec.id + " is claimed after a cancel");
    }
    check_dependencies(task, "claimed");
    check_tries(task, attempt);
    check_rate(task, attempt);
    check_budget(task, attempt);
    claims_.emplace_back(attempt.task, attempt.key);
  }
  task.state = TaskState::running;
  reserved_ += attempt.reserved_usd;
  attempts_[attempt.key] = {run, attempt, false};
}

// By the task file, not by what the store says of it.
std::string Checks::waits_for(const Task& task) const {
  const auto found = scenario_.after.find(task.spec.id);
  for (const std::string& id : found->second) {
    if (!succeeded_.contains(id)) {
      return id;
    }
  }
  return {};
}

void Checks::check_dependencies(const Task& task, const char* when) {
  if (const std::string id = waits_for(task); !id.empty()) {
    violated(invariant::kOrder,
             fmt::format("{} is {}, and {} has not succeeded", task.spec.id, when, id));
  }
}

void Checks::check_tries(const Task& task, const AttemptRecord& attempt) {
  int tries = 0;
  int snoozes = 0;
  for (const auto& [key, other] : attempts_) {
    if (other.record.task == attempt.task && other.ended && other.record.cycle == attempt.cycle) {
      const Charge charge = other.record.decision.charge;
      tries += charge == Charge::retry ? 1 : 0;
      snoozes += charge == Charge::none && other.record.outcome.end != End::cancelled ? 1 : 0;
    }
  }
  // A fallback takes over when they are used up; racers use up one each.
  const int most =
      task.spec.retries.value_or(run_.settings.policy.max_retries) + (task.spec.is_agent() ? 1 : 0);
  if (task.spec.race.empty() && (tries > most || snoozes > run_.settings.policy.max_snoozes + 1)) {
    violated(invariant::kBudget, fmt::format("{} is claimed after {} tries and {} snoozes",
                                             task.spec.id, tries, snoozes));
  }
}

// A pool's rate lives with the engine: each may start one at once.
void Checks::check_rate(const Task& task, const AttemptRecord& attempt) {
  const auto pool = run_.settings.pools.find(pool_of(task, attempt.agent));
  if (pool == run_.settings.pools.end() || pool->second.rate == 0) {
    return;
  }
  const Time since = attempt.claimed - pool->second.rate_per;
  auto starts =
      1 - std::count_if(engines_.begin(), engines_.end(), [&](Time t) { return t > since; });
  for (const auto& [key, other] : attempts_) {
    if (other.run == run_.key && other.record.claimed > since &&
        pool_of(tasks_.at(other.record.task), other.record.agent) == pool->first) {
      ++starts;
    }
  }
  if (starts > pool->second.rate) {
    violated(invariant::kLimits, fmt::format("{} attempts of pool {} are claimed within {} ms",
                                             starts, pool->first, pool->second.rate_per.count()));
  }
}

void Checks::check_budget(const Task& task, const AttemptRecord& attempt) {
  if (attempt.agent.empty()) {
    return;
  }
  double own = 0;
  for (const auto& [key, other] : attempts_) {
    if (other.record.task == attempt.task && other.ended) {
      own += other.record.report.cost_usd.value_or(0);
    }
  }
  // All agents here have a reservation of their own.
  const auto& agent = run_.settings.agents.at(attempt.agent);
  const double due =
      task.spec.budget.usd ? std::max(0.0, *task.spec.budget.usd - own) : agent.reserve_usd;
  if (std::abs(attempt.reserved_usd - due) > kRounding) {
    violated(invariant::kBudget, fmt::format("{} reserves ${}, not ${}", task.spec.id,
                                             number(attempt.reserved_usd), number(due)));
  }
  const auto& budget = run_.settings.budget.usd;
  if (budget && spent_ + reserved_ + due > *budget + kRounding) {
    violated(invariant::kBudget,
             fmt::format("{} is claimed: ${} spent, ${} reserved, ${} for it, of ${}", task.spec.id,
                         number(spent_), number(reserved_), number(due), number(*budget)));
  }
}

void Checks::ended(RunKey, const AttemptRecord& end) {
  Attempt& attempt = attempts_.at(end.key);
  Task& task = tasks_.at(end.task);
  world_.log("recorded", task.spec.id, std::to_string(end.number),
             std::string(to_string(end.state)), std::string(to_string(end.decision.action)),
             end.decision.rule);
  if (attempt.ended) {
    violated(invariant::kOneEnd, name_of(attempt) + " ends a second time");
  }
  if (!replay_) {
    check_truth(attempt, end);
  }
  attempt.ended = true;
  attempt.record = end;
  reserved_ -= end.reserved_usd;
  spent_ += end.report.cost_usd.value_or(0);
  const bool lost = end.outcome.end == End::lost;
  task.lost += lost ? 1 : 0;
  // A racer's word counts only when it is the last.
  if (end.decision.action == Action::abandon && end.decision.rule != "cancelled" &&
      end.decision.rule != "race.waits") {
    task.abandoned = end.decision.rule;
  }
  if (lost && end.decision.rule != "race.lost" && end.decision.action != Action::abandon &&
      (!task.spec.idempotent || task.lost >= run_.settings.policy.poison_limit)) {
    violated(invariant::kAdopted, fmt::format("{} was lost {} times, and is not abandoned",
                                              name_of(attempt), task.lost));
  }
}

// What is recorded is what happened.
void Checks::check_truth(const Attempt& attempt, const AttemptRecord& end) {
  const std::string name = name_of(attempt);
  const Process* process = world_.truth(end.key, name);
  const End as = end.outcome.end;
  const auto wrong = [&](const std::string& what) {
    violated(invariant::kAdopted,
             fmt::format("{} is recorded as {}, and {}", name, to_string(as), what));
  };
  if (process == nullptr) {
    // Stopped, or too late, before it began; or lost with the machine before its start was seen.
    if (as != End::cancelled && as != End::not_started && as != End::lost && as != End::deadline) {
      wrong("never began");
    }
    return;
  }
  if (process->living) {
    wrong("lives");
  }
  const Outcome& truth = process->outcome;
  const bool same = truth.end == as && truth.exit_code == end.outcome.exit_code &&
                    truth.signal == end.outcome.signal;
  if (process->seen && !same && !world_.disturbed()) {
    wrong(fmt::format("ended as {} {}", to_string(truth.end), truth.exit_code));
  }
  if (process->seen && as != End::lost && !same) {
    wrong(fmt::format("ended as {} {}", to_string(truth.end), truth.exit_code));
  }
  if (!process->seen && as != End::lost) {
    wrong("its end was never seen");
  }
}

void Checks::committed(Store& store) {
  if (!replay_) {
    check_living();
    if (!claims_.empty()) {
      check_priority(store);
    }
  }
  claims_.clear();
  cancel_known_ = cancelled_.contains(run_.key);
}

// Nothing lives that the store takes for dead.
void Checks::check_living() {
  for (const Process* process : world_.living()) {
    const auto found = attempts_.find(process->job.attempt);
    if (found == attempts_.end() || found->second.ended) {
      violated(invariant::kAdopted,
               process->job.attempt_name + " lives, and its attempt has ended");
    }
  }
}

// Between plain commands of one pool: what was just claimed is not less urgent than what waits.
void Checks::check_priority(Store& store) {
  std::map<std::string, int> lowest;
  for (const auto& [key, attempt] : claims_) {
    const Task& task = tasks_.at(key);
    if (!task.spec.is_agent() && !task.alone) {
      const auto [at, added] = lowest.emplace(task.pool, task.spec.priority);
      at->second = std::min(at->second, task.spec.priority);
    }
  }
  for (const auto& [pool, priority] : lowest) {
    const auto ready = store.ready_tasks(run_.key, pool, 1);
    if (ready && !ready->empty() && !ready->front().spec.is_agent() && !ready->front().alone &&
        ready->front().spec.priority > priority) {
      violated(invariant::kPriority,
               fmt::format("{} waits in pool '{}' while one of priority {} is claimed",
                           ready->front().spec.id, pool, priority));
    }
  }
}

// --- from the machine

void Checks::starting(const Job& job) {
  if (stop_level > 0) {
    violated(invariant::kDrain, job.attempt_name + " is started after Ctrl-C");
  }
  const auto found = attempts_.find(job.attempt);
  if (found == attempts_.end() || found->second.ended ||
      name_of(found->second) != job.attempt_name) {
    violated(invariant::kRecorded, job.attempt_name + " is started and not recorded as running");
  }
  const bool keeps_out =
      found->second.record.workspace.empty() || found->second.record.workspace == cwd_;
  if (job.cwd != (keeps_out ? cwd_ : found->second.record.workspace)) {
    violated(invariant::kDirectory, job.attempt_name + " is started in " + job.cwd);
  }
}

void Checks::began(const Process& process) {
  const auto found = attempts_.find(process.job.attempt);
  if (found == attempts_.end() || found->second.ended) {
    violated(invariant::kRecorded,
             process.job.attempt_name + " begins and is not recorded as running");
  }
  const Attempt& attempt = found->second;
  const Task& task = tasks_.at(attempt.record.task);
  for (const Process* other : world_.living()) {
    const bool twin = other != &process && other->task == process.task &&
                      (task.spec.race.empty() || other->job.argv == process.job.argv);
    if (twin) {
      violated(invariant::kAdopted, fmt::format("{} begins beside its living twin {}",
                                                process.job.attempt_name, other->job.attempt_name));
    }
  }
  check_dependencies(task, "begun");
  if (task.spec.race.empty() && succeeded_.contains(task.spec.id)) {
    violated(invariant::kFinal, task.spec.id + " has succeeded and begins again");
  }
  // What vanished with the power cannot be remembered.
  if (!task.spec.idempotent && task.spec.race.empty() && !commits_lost_ &&
      world_.half[process.run + '/' + process.task]) {
    violated(invariant::kAdopted,
             process.job.attempt_name + " begins again half way, and is not idempotent");
  }
  check_limits(task, process);
}

void Checks::check_limits(const Task& task, const Process& process) {
  const std::string pool = pool_of(task, attempts_.at(process.job.attempt).record.agent);
  int commands = 0;
  int here = 0;
  bool alone = false;
  for (const Process* other : world_.living()) {
    const auto found = attempts_.find(other->job.attempt);
    if (found == attempts_.end()) {
      continue;
    }
    const Task& its = tasks_.at(found->second.record.task);
    commands += its.spec.is_agent() ? 0 : 1;
    if (pool_of(its, found->second.record.agent) == pool) {
      ++here;
      alone = alone || (its.alone && its.spec.race.empty());
    }
  }
  if (commands > run_.settings.jobs) {
    violated(invariant::kLimits,
             fmt::format("{} commands run at a time, of {}", commands, run_.settings.jobs));
  }
  if (here > pool_limit(pool, run_.settings)) {
    violated(invariant::kLimits, fmt::format("{} run at a time in pool {}, of {}", here, pool,
                                             pool_limit(pool, run_.settings)));
  }
  if (alone && here > 1) {
    violated(invariant::kLimits, process.task + " or what it begins beside wants the pool alone");
  }
}

}  // namespace darn::sim
