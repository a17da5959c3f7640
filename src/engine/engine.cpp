#include "engine/engine.hpp"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/disk_full.hpp"
#include "engine/verify.hpp"
#include "engine/worker.hpp"
#include "process/output.hpp"
#include "process/proc.hpp"

namespace darn {
namespace {

// How long the engine sleeps at most: `darn cancel` and `darn add` are seen after that.
constexpr Duration kTick{250};

// Whether what could not be handed out may be after a moment (ProcessRunner::start).
bool is_passing(const Error& error) {
  return error.kind == ErrorKind::try_again || error.kind == ErrorKind::unavailable;
}

}  // namespace

Result<RunRecord> run_engine(const EngineParts& parts, RunKey key) {
  DARN_ASSIGN(RunRecord run, parts.store->run(key));
  if (run.settings.jobs <= 0) {
    run.settings.jobs = default_jobs();
  }
  DARN_ASSIGN(RuleMatcher rules, RuleMatcher::compile(run.settings.policy.rules));
  DARN_ASSIGN(const auto pools, parts.store->pool_states(key));
  return Worker(parts, std::move(run), std::move(rules), pools).work();
}

Worker::Worker(const EngineParts& parts, RunRecord run, RuleMatcher rules,
               const std::map<std::string, PoolState>& pools)
    : parts_(parts),
      store_(*parts.store),
      runner_(*parts.runner),
      run_(std::move(run)),
      paths_{parts.state_dir},
      run_dir_(paths_.run_dir(run_.id)),
      rules_(std::move(rules)),
      pools_(run_.settings, pools),
      launcher_(store_, run_, paths_) {}

Result<RunRecord> Worker::work() {
  DARN_TRY(recover());
  DARN_TRY(refresh());
  emit({.kind = EngineEvent::Kind::run_started});
  DARN_TRY(open_first_cycle());
  while (!finished_) {
    obey_stop();
    DARN_TRY(wake());
    if (!finished_) {
      DARN_TRY(wait());
    }
  }
  return store_.run(run_.key);
}

// Takes over what an earlier engine of this run left: living attempts go on, the others are settled
// like any that ended.
Status Worker::recover() {
  DARN_ASSIGN(auto attempts, store_.running_attempts(run_.key));
  std::vector<ProcessRunner::Left> left;
  for (AttemptRecord& attempt : attempts) {
    Live live;
    DARN_ASSIGN(live.task, store_.task_by_key(attempt.task));
    live.agent = agent_of(attempt.agent);
    // As claim_task chose it: racers and a fallback run under their own agents' limits.
    const bool own = live.agent != nullptr && attempt.agent != live.task.spec.agent &&
                     live.task.spec.pool.empty();
    live.pool = own ? agent_pool(*live.agent) : live.task.pool;
    live.alone = live.task.alone;
    live.may_run_again = parts_.start_unclean;
    live.output_path =
        launcher_
            .place(live.task, live.agent, live.task.spec.race.empty() ? "" : attempt.agent,
                   attempt.batch, attempt.number)
            .output_path;
    left.push_back({attempt.key,
                    run_.id + "/" + live.task.spec.id + "/" + std::to_string(attempt.number),
                    attempt.slot});
    pools_.take(live.pool, live.command(), live.alone, parts_.clock->now());
    reserved_usd_ += attempt.reserved_usd;
    reserved_tokens_ += attempt.reserved_tokens;
    live.attempt = std::move(attempt);
    live_.emplace(live.attempt.key, std::move(live));
  }
  // A budget's next reservation goes on from what the lineage has seen.
  DARN_ASSIGN(const Store::Spent spent, store_.lineage_spent(run_.key));
  highest_cost_ = spent.highest_usd;
  highest_tokens_ = spent.highest_tokens;
  DARN_ASSIGN(const auto adopted, runner_.adopt(left));
  for (const auto& [key, fate] : adopted) {
    const auto found = live_.find(key);
    if (found == live_.end()) {
      continue;
    }
    if (found->second.task.state == TaskState::succeeded) {
      found->second.stopped = Stopped::race_lost;
      runner_.stop(key, false);
    }
    if (fate == ProcessRunner::Fate::still_running || fate == ProcessRunner::Fate::ended) {
      continue;
    }
    Ended ended;
    ended.attempt = key;
    ended.slot = -1;
    ended.outcome.end = End::lost;
    ended.outcome.started = found->second.attempt.claimed;
    ended.outcome.ended = parts_.clock->now();
    if (fate == ProcessRunner::Fate::never_started) {
      ended.outcome.end = End::cancelled;
      found->second.stopped = Stopped::interrupted;
      found->second.trouble = "darn ended before it was started";
    }
    ended_.push_back(std::move(ended));
  }
  taken_over_ = ended_.empty();
  DARN_TRY(store_.begin());
  DARN_TRY(store_.set_run_owner(run_.key, host_name(), boot_id(), ::getpid()));
  DARN_TRY(store_.set_run_state(run_.key, RunState::running, Time{}));
  return store_.commit();
}

bool Worker::something_to_do(Time now) {
  if (!ended_.empty() || look_again_) {
    return true;
  }
  if (const auto late = queues_.next_long(); late && *late <= now) {
    return true;
  }
  if (live_.empty() && next_cycle_at_ && *next_cycle_at_ <= now) {
    return true;
  }
  const auto version = store_.data_version();
  return !version || *version != data_version_;
}

// One wake, one transaction: what ended is settled, what may start is claimed. Processes start and
// slots are released only after the commit (DESIGN invariants 1 and 3).
Status Worker::wake() {
  const Time now = parts_.clock->now();
  if (!something_to_do(now)) {
    emit({.kind = EngineEvent::Kind::tick});
    return {};
  }
  look_again_ = false;
  looked_at_ = now;
  const auto version = store_.data_version();
  const bool changed_by_others = !version || *version != data_version_;
  data_version_ = version.value_or(-1);
  DARN_TRY(store_.begin());
  const auto step = [&]() -> Status {
    for (const Ended& ended : std::exchange(ended_, {})) {
      DARN_TRY(settle(ended));
    }
    if (changed_by_others) {
      DARN_TRY(obey_cancel());
    }
    keep_from_starting();
    DARN_TRY(start_no_more());
    if (counts_.of(TaskState::delayed) > 0) {  // those delayed in this wake are not due yet
      DARN_ASSIGN(const int due, store_.promote_due(run_.key, now));
      static_cast<void>(due);
    }
    if (!draining() && taken_over_) {
      DARN_TRY(claim_ready(now));
    }
    DARN_TRY(advance(now));
    for (const PoolState& pool : pools_.take_changes()) {
      DARN_TRY(store_.save_pool(run_.key, pool));
      tell_parked(pool, now);
    }
    tell_resumed(now);
    DARN_TRY(refresh());
    // What is recorded as ended must not lose its output to a power cut that the record survives.
    DARN_TRY(sync_output(run_dir_, std::exchange(to_sync_, {})));
    return store_.commit();
  };
  if (const Status done = step(); !done) {
    store_.rollback();
    return done;
  }
  taken_over_ = true;
  runner_.release(std::exchange(to_release_, {}));
  DARN_TRY(start_all());
  write_reports();
  for (EngineEvent& event : std::exchange(events_, {})) {
    emit(std::move(event));
  }
  event_data_.clear();
  return {};
}

// What cannot be started ends like any other attempt, in the next wake.
Status Worker::start_all() {
  for (const AttemptKey key : std::exchange(launches_, {})) {
    Live& live = live_.at(key);
    const Launch& launch = live.launch;
    auto job = launcher_.prepare(live.task, live.attempt, live.agent, launch.placement,
                                 launch.session, launch.deadline);
    const Status prepared = job ? note_output_before(live) : tl::unexpected<Error>(job.error());
    if (!prepared) {  // others may wait in its slot: they are sent to it all the same
      runner_.give_back_slot(live.attempt.slot);
    }
    Status started = prepared ? runner_.start(live.attempt.slot, *job) : prepared;
    if (started) {
      continue;
    }
    if (says_disk_full(started.error())) {  // nobody's failure: it is known as not started
      return tl::unexpected<Error>(with_room_mend(std::move(started.error())));
    }
    if (prepared && is_passing(started.error())) {
      DARN_TRY(start_later(live, started.error()));
      continue;
    }
    Ended ended;
    ended.attempt = key;
    ended.slot = live.attempt.slot;
    ended.outcome.end = End::not_started;
    ended.outcome.started = ended.outcome.ended = parts_.clock->now();
    live.trouble = started.error().text();
    ended_.push_back(std::move(ended));
  }
  return {};
}

// Preparing a workspace may bring the promised output with it (a context, a worktree): what counts
// is what changes after that.
Status Worker::note_output_before(Live& live) {
  if (live.agent == nullptr || live.output_path.empty()) {
    return {};
  }
  std::string now = fingerprint(live.output_path);
  if (now == live.attempt.output_before) {
    return {};
  }
  live.attempt.output_before = std::move(now);
  return store_.set_output_before(live.attempt.key, live.attempt.output_before);
}

Status Worker::wait() {
  const Time now = parts_.clock->now();
  // When something that could not start when it was looked at may: a delay ends, a parked pool
  // opens, a cycle begins. That may have been meanwhile.
  std::optional<Time> opens = pools_.next_change(looked_at_);
  const auto consider = [&](const std::optional<Time>& t) {
    if (t && (!opens || *t < *opens)) {
      opens = t;
    }
  };
  if (counts_.of(TaskState::delayed) > 0) {
    DARN_ASSIGN(const auto due, store_.next_due(run_.key));
    consider(due);
  }
  consider(queues_.next_long());
  if (!returned_.empty() && refused_until_ > looked_at_) {
    consider(refused_until_);
  }
  if (live_.empty()) {
    consider(next_cycle_at_);
  }

  Duration at_most = kTick;
  if (opens) {
    at_most = std::clamp(*opens - now, Duration{0}, kTick);
  }
  if (!ended_.empty() || look_again_) {
    at_most = Duration{0};
  }
  DARN_ASSIGN(auto ended, runner_.wait(at_most));
  std::move(ended.begin(), ended.end(), std::back_inserter(ended_));
  if (opens && parts_.clock->now() >= *opens) {
    look_again_ = true;
  }
  return {};
}

Status Worker::refresh() {
  DARN_ASSIGN(counts_, store_.counts(run_.key));
  return {};
}

void Worker::emit(EngineEvent event) {
  if (!parts_.events) {
    return;
  }
  const Time now = parts_.clock->now();
  event.at = now;
  event.run = &run_;
  event.counts = counts_;
  event.running = static_cast<int>(live_.size() - returned_.size()) - queues_.waiting_count();
  event.retries = retries_;
  event.cost_usd = run_.cost_usd;
  event.parked_until = pools_.parked_until(now);
  parts_.events(event);
}

void Worker::emit_attempt(EngineEvent::Kind kind, const Live& live) {
  if (!parts_.events) {
    return;
  }
  event_data_.push_back(live);
  EngineEvent event;
  event.kind = kind;
  event.task = &event_data_.back().task;
  event.attempt = &event_data_.back().attempt;
  events_.push_back(std::move(event));
}

void Worker::tell_pool(EngineEvent::Kind kind, const std::string& pool, Time until) {
  EngineEvent event;
  event.kind = kind;
  event.pool = pool;
  event.until = until;
  events_.push_back(std::move(event));
}

void Worker::tell_parked(const PoolState& pool, Time now) {
  if (pool.parked_until <= now || parked_[pool.name] == pool.parked_until) {
    return;
  }
  parked_[pool.name] = pool.parked_until;
  tell_pool(EngineEvent::Kind::pool_parked, pool.name, pool.parked_until);
}

void Worker::tell_resumed(Time now) {
  std::erase_if(parked_, [&](const auto& parked) {
    if (parked.second <= now) {
      tell_pool(EngineEvent::Kind::pool_resumed, parked.first, Time{});
    }
    return parked.second <= now;
  });
}

// The user's Ctrl-C: first start nothing more, then end what runs, then end it at once.
void Worker::obey_stop() {
  const int level = parts_.stop != nullptr ? parts_.stop->load() : 0;
  if (level <= stop_level_) {
    return;
  }
  stop_level_ = level;
  look_again_ = true;
  if (level < 2) {
    return;
  }
  for (auto& [key, live] : live_) {
    if (live.stopped == Stopped::no) {
      live.stopped = Stopped::interrupted;
    }
    runner_.stop(key, level > 2);
  }
}

// darn cancel: what has not started never does, what runs is ended.
Status Worker::obey_cancel() {
  if (cancelling_) {
    return {};
  }
  DARN_ASSIGN(const bool asked, store_.cancel_requested(run_.key));
  if (!asked) {
    return {};
  }
  cancelling_ = true;
  for (auto& [key, live] : live_) {
    if (live.stopped == Stopped::no) {
      live.stopped = Stopped::cancelled;
    }
    runner_.stop(key, false);
  }
  return {};
}

// After a cancel or a halt: what has not started never does, a retry that was just decided neither.
Status Worker::start_no_more() {
  if (!cancelling_ && halted_.empty()) {
    return {};
  }
  const std::string why = cancelling_ ? "cancelled by the user" : "not started: " + halted_;
  DARN_ASSIGN(const auto count, store_.cancel_unstarted(run_.key, TaskState::cancelled, why));
  static_cast<void>(count);
  return {};
}

}  // namespace darn
