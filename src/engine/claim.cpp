// What starts: ready tasks, as far as pools, keys and budgets have room, become attempts that are
// recorded before their process starts.
#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"
#include "engine/verify.hpp"
#include "engine/worker.hpp"
#include "policy/budget.hpp"

namespace darn {
namespace {

// A claim looks this far past tasks that cannot start (their keys rest, their budget is spent).
constexpr int kLookAhead = 32;

// What is left of a task's own budget.
Budget remaining(const TaskRecord& task) {
  Budget left = task.spec.budget;
  if (left.usd) {
    *left.usd = std::max(0.0, *left.usd - task.cost_usd);
  }
  if (left.tokens) {
    *left.tokens = std::max<std::int64_t>(0, *left.tokens - task.tokens);
  }
  return left;
}

AttemptKind kind_of(const TaskRecord& task, int cycle, const std::vector<AttemptRecord>& earlier) {
  if (task.cycle != cycle || earlier.empty()) {
    return AttemptKind::first;
  }
  const AttemptRecord& last = earlier.back();
  if (last.state == AttemptState::lost || last.state == AttemptState::cancelled) {
    return AttemptKind::recovery;
  }
  if (last.decision.action == Action::snooze) {
    return AttemptKind::snoozed;
  }
  if (!last.decision.agent.empty()) {
    return AttemptKind::fallback;
  }
  return AttemptKind::retry;
}

// A session is gone on with after failures that were not its own.
std::string session_to_resume(const std::vector<AttemptRecord>& earlier, const std::string& agent) {
  if (earlier.empty()) {
    return {};
  }
  const AttemptRecord& last = earlier.back();
  if (last.agent != agent) {
    return {};
  }
  switch (last.diagnosis.category) {
    case Category::permanent:
    case Category::resource:
    case Category::unknown:
      // Reached its own limit of turns: the session can go on.
      return last.diagnosis.cause == Cause::task_limit ? last.report.session : std::string{};
    default: return last.report.session;
  }
}

}  // namespace

const AgentDef* Worker::agent_of(const std::string& name) const {
  const auto found = run_.settings.agents.find(name);
  return found == run_.settings.agents.end() ? nullptr : &found->second;
}

double Worker::reserve_usd(const TaskRecord& task, const AgentDef& agent) const {
  return reservation(remaining(task), agent.reserve_usd, highest_cost_);
}

Status Worker::claim_ready(Time now) {
  take_back(queues_.behind_long(now));
  DARN_TRY(start_returned(now));
  if (now < refused_until_) {
    return {};
  }
  DARN_ASSIGN(const auto pools, store_.pools_with_ready(run_.key));
  for (const std::string& pool : pools) {
    DARN_TRY(claim_pool(pool, now));
  }
  return claim_ahead(now);
}

Status Worker::claim_pool(const std::string& pool, Time now) {
  // Whether commands or agents stand in it is known per task; asking as a command asks the less.
  const bool commands = pool == kCommandPool;
  int ahead = 0;
  for (int room = pools_.room(pool, commands, now); room > 0;
       room = pools_.room(pool, commands, now)) {
    DARN_ASSIGN(const auto tasks, store_.ready_tasks(run_.key, pool, room + ahead));
    int started = 0;
    for (const TaskRecord& task : tasks) {
      if (pools_.room(pool, !task.spec.is_agent(), now) <= 0) {
        if (!task.spec.is_agent() && !commands) {
          continue;
        }
        break;
      }
      // It wants the pool for itself: nothing else starts until it has had it.
      if (task.alone && pools_.running(pool) > 0) {
        return {};
      }
      DARN_ASSIGN(const bool claimed, claim_task(task, pool, now));
      if (claimed) {
        ++started;
      }
      if (claimed && task.alone) {
        return {};
      }
    }
    if (started > 0) {
      continue;
    }
    const bool more = static_cast<int>(tasks.size()) == room + ahead;
    if (!more || ahead > 0) {
      return {};
    }
    ahead = kLookAhead;
  }
  return {};
}

Result<bool> Worker::claim_task(const TaskRecord& task, const std::string& pool, Time now) {
  std::vector<std::string> names = task.spec.race;
  if (names.empty()) {
    const bool fell_back = !task.next_agent.empty() && task.cycle == run_.cycle;
    names.push_back(fell_back ? task.next_agent : task.spec.agent);
  }
  const bool race = names.size() > 1;
  std::vector<Lane> lanes;
  std::map<std::string, int> taken;  // of a pool, by this race's lanes
  double reserve = 0;
  for (const std::string& name : names) {
    Lane lane{agent_of(name), name, pool, {}, -1, false};
    // Racers and a fallback run under their own agents' limits.
    if (lane.agent != nullptr && name != task.spec.agent && task.spec.pool.empty()) {
      lane.pool = agent_pool(*lane.agent);
    }
    if (task.alone && pools_.running(lane.pool) > 0) {
      return false;  // also where a fallback takes over
    }
    int& of_race = taken[lane.pool];
    if (pools_.room(lane.pool, lane.agent == nullptr, now) <= of_race) {
      // A race that its pool can never hold starts with as many as there is room for.
      if (of_race == 0 || pools_.running(lane.pool) > 0) {
        return false;
      }
      continue;
    }
    ++of_race;
    if (lane.agent != nullptr) {
      const auto key = pools_.next_key(lane.pool, *lane.agent, now);
      if (!key) {
        return false;
      }
      lane.key = *key;
      reserve += reserve_usd(task, *lane.agent);
    }
    lanes.push_back(std::move(lane));
  }
  if (task.spec.is_agent()) {
    const std::int64_t tokens = token_reservation(remaining(task), highest_tokens_);
    DARN_ASSIGN(const Refusal refusal, budget_refusal(task, reserve, tokens));
    if (!refusal.why.empty()) {
      // Reservations that are settled may make room; with nothing running none will.
      if (refusal.for_good || live_.empty()) {
        DARN_TRY(give_up_unaffordable(task, refusal.why));
      }
      return false;
    }
  }
  for (Lane& lane : lanes) {
    auto slot = runner_.acquire_slot();
    if (!slot) {
      for (const Lane& other : lanes) {
        if (other.slot >= 0) {
          runner_.give_back_slot(other.slot);
        }
      }
      // Out of descriptors or processes: what runs goes on, and gives some back when it ends.
      if (!live_.empty()) {
        return false;
      }
      if (slot.error().mend.empty()) {
        slot.error().mend = "lower -j, or raise the limits that 'ulimit -a' shows";
      }
      return tl::unexpected<Error>(slot.error());
    }
    lane.slot = *slot;
  }
  int number = task.attempts;
  for (const Lane& lane : lanes) {
    DARN_TRY(claim_lane(task, lane, race, ++number, now));
  }
  return true;
}

Status Worker::claim_lane(const TaskRecord& task, const Lane& lane, bool race, int number,
                          Time now) {
  const AgentDef* const agent = lane.agent;
  std::vector<AttemptRecord> earlier;
  if (task.attempts > 0) {
    DARN_ASSIGN(earlier, store_.attempts(run_.key, task.spec.id));
    std::erase_if(earlier, [](const AttemptRecord& a) { return a.state == AttemptState::running; });
  }
  const Placement placement = launcher_.place(task, agent, race ? lane.name : "", batch_, number);

  Live live;
  live.task = task;
  live.agent = agent;
  live.pool = lane.pool;
  live.alone = task.alone;
  live.output_path = placement.output_path;
  AttemptRecord& attempt = live.attempt;
  attempt.task = task.key;
  attempt.task_id = task.spec.id;
  attempt.number = number;
  attempt.cycle = run_.cycle;
  attempt.kind = kind_of(task, run_.cycle, earlier);
  attempt.agent = agent != nullptr ? agent->name : std::string{};
  attempt.key_name = lane.key;
  attempt.slot = lane.slot;
  attempt.claimed = now;
  attempt.batch = batch_;
  attempt.workspace = placement.workspace;
  if (!placement.output_path.empty()) {
    attempt.output_before = fingerprint(placement.output_path);
  }
  if (agent != nullptr) {
    attempt.reserved_usd = reserve_usd(task, *agent);
    attempt.reserved_tokens = token_reservation(remaining(task), highest_tokens_);
  }
  DARN_TRY(store_.claim(run_.key, attempt));

  live.task.state = TaskState::running;
  live.task.attempts = number;
  live.task.cycle = run_.cycle;
  if (live.task.started == Time{}) {
    live.task.started = now;
  }
  if (attempt.kind == AttemptKind::retry) {
    ++retries_;
  }
  reserved_usd_ += attempt.reserved_usd;
  reserved_tokens_ += attempt.reserved_tokens;
  live.place = !lane.ahead;
  if (live.place) {
    pools_.take(lane.pool, agent == nullptr, task.alone, now);
  }
  if (lane.ahead) {
    queues_.queue(lane.slot, attempt.key);
  } else if (agent == nullptr && lane.pool == kCommandPool) {
    queues_.run(lane.slot, attempt.key, now);
  }

  Launch& launch = live.launch;
  launch.placement = placement;
  if (agent != nullptr && !agent->resume.empty() &&
      task.spec.workspace.value_or(WorkspaceMode::keep) != WorkspaceMode::fresh) {
    launch.session = session_to_resume(earlier, agent->name);
  }
  if (task.spec.deadline) {
    Time first = now;
    for (const AttemptRecord& a : earlier) {
      if (a.cycle == run_.cycle) {
        first = std::min(first, a.claimed);
      }
    }
    launch.deadline = first + *task.spec.deadline;
  }
  emit_attempt(EngineEvent::Kind::attempt_started, live);
  const AttemptKey attempt_key = attempt.key;
  launches_.push_back(attempt_key);
  live_.emplace(attempt_key, std::move(live));
  return {};
}

// The task's own budget, then the lineage's: nothing starts when spent + reserved would pass it.
Result<Worker::Refusal> Worker::budget_refusal(const TaskRecord& task, double reserve,
                                               std::int64_t reserve_tokens) {
  const Budget& own = task.spec.budget;
  const bool spent_own =
      (own.usd && task.cost_usd >= *own.usd) || (own.tokens && task.tokens >= *own.tokens);
  if (spent_own && task.attempts > 0) {
    return Refusal{fmt::format("the task's budget is spent: {} and {} tokens in {} attempts",
                               format_usd(task.cost_usd), task.tokens, task.attempts),
                   true};
  }
  const Budget& whole = run_.settings.budget;
  if (!whole.usd && !whole.tokens) {
    return Refusal{};
  }
  DARN_ASSIGN(const Store::Spent spent, store_.lineage_spent(run_.key));
  Spending now;
  now.usd = spent.usd;
  now.tokens = spent.tokens;
  now.reserved_usd = reserved_usd_;
  now.reserved_tokens = reserved_tokens_;
  return Refusal{over_budget(whole, now, reserve, reserve_tokens), false};
}

Status Worker::give_up_unaffordable(const TaskRecord& task, const std::string& why) {
  TaskUpdate update;
  update.state = TaskState::abandoned;
  update.category = Category::permanent;
  update.cause = Cause::task_limit;
  update.severity = Severity::medium;
  update.summary = why;
  update.advice = "raise the budget and run 'darn retry " + run_.id + " --launch'";
  update.exit = task.exit;
  update.signal = task.signal;
  update.duration = task.duration;
  look_again_ = true;
  return store_.update_task(run_.key, task.key, update);
}

}  // namespace darn
