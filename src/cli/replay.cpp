#include "cli/replay.hpp"

#include <algorithm>
#include <utility>

#include "cli/context.hpp"

namespace darn::cli {
namespace {

using Kind = EngineEvent::Kind;

TaskState state_after(const AttemptRecord& attempt) {
  if (attempt.state == AttemptState::cancelled) {  // by the user, or it goes on later
    return attempt.decision.action == Action::retry ? TaskState::ready : TaskState::cancelled;
  }
  switch (attempt.decision.action) {
    case Action::succeed: return TaskState::succeeded;
    case Action::retry:
    case Action::snooze: return TaskState::delayed;
    case Action::give_up: return TaskState::failed;
    case Action::abandon: return TaskState::abandoned;
  }
  return TaskState::failed;
}

// The task as it was at that event, as far as the attempt tells.
TaskRecord task_at(const AttemptRecord& attempt, Kind kind) {
  TaskRecord task;
  task.key = attempt.task;
  task.spec.id = attempt.task_id;
  task.attempts = attempt.number;
  task.cycle = attempt.cycle;
  task.state = kind == Kind::attempt_started ? TaskState::running : state_after(attempt);
  task.healed = task.state == TaskState::succeeded && attempt.number > 1;
  return task;
}

}  // namespace

Replay::Replay(Store& store, const StatePaths& paths, RunKey run)
    : store_(store), paths_(paths), key_(run) {}

Status Replay::poll(const EventSink& sink) {
  // The state is read before the attempts: when it says "ended", all of them are there to be read.
  DARN_TRY(refresh_run());
  ended_ = run_.state != RunState::running;
  if (!std::exchange(begun_, true)) {
    emit_run(Kind::run_started, run_.created, sink);
  }
  DARN_TRY(add_cycles());
  DARN_TRY(add_ends_of_running());
  DARN_TRY(emit_new_attempts(sink));
  emit_until(Time::max(), sink);
  if (ended_) {
    emit_run(Kind::run_ended, run_.ended, sink);
  }
  return {};
}

Status Replay::refresh_run() {
  DARN_ASSIGN(run_, store_.run(key_));
  const RunState shown = shown_state(paths_, run_);
  if (shown == RunState::interrupted && run_.state != shown) {
    DARN_ASSIGN(run_, store_.run(key_));  // it may have ended between the two looks
  }
  run_.state = shown_state(paths_, run_);
  return {};
}

Status Replay::add_cycles() {
  DARN_ASSIGN(const std::vector<CycleRecord> cycles, store_.cycles(key_));
  for (; cycles_begun_ < cycles.size(); ++cycles_begun_) {
    const CycleRecord& cycle = cycles[cycles_begun_];
    add({.at = cycle.started,
         .kind = Kind::cycle_started,
         .cycle = cycle.cycle,
         .batch = cycle.batch});
  }
  for (; cycles_ended_ < cycles.size() && cycles[cycles_ended_].ended != Time{}; ++cycles_ended_) {
    const CycleRecord& cycle = cycles[cycles_ended_];
    add({.at = cycle.ended, .kind = Kind::cycle_ended, .cycle = cycle.cycle, .batch = cycle.batch});
  }
  return {};
}

Status Replay::add_ends_of_running() {
  for (auto it = running_.begin(); it != running_.end();) {
    const AttemptRecord& before = it->second;
    DARN_ASSIGN(const std::vector<AttemptRecord> attempts, store_.attempts(key_, before.task_id));
    const auto same = [&](const AttemptRecord& a) { return a.key == before.key; };
    const auto now = std::find_if(attempts.begin(), attempts.end(), same);
    if (now != attempts.end() && now->state == AttemptState::running) {
      ++it;
      continue;
    }
    if (now != attempts.end()) {
      add({.at = now->outcome.ended,
           .kind = Kind::attempt_ended,
           .cycle = now->cycle,
           .attempt = *now});
    }
    it = running_.erase(it);
  }
  return {};
}

Status Replay::emit_new_attempts(const EventSink& sink) {
  return store_.each_attempt(key_, last_, [&](const AttemptRecord& attempt) -> Status {
    last_ = attempt.key;
    emit_until(attempt.claimed, sink);
    Later event{.at = attempt.claimed,
                .kind = Kind::attempt_started,
                .cycle = attempt.cycle,
                .attempt = attempt};
    event.attempt.state = AttemptState::running;  // as it was then
    emit(event, sink);
    if (attempt.state == AttemptState::running) {
      running_.emplace(attempt.key, attempt);
    } else {
      add({.at = attempt.outcome.ended,
           .kind = Kind::attempt_ended,
           .cycle = attempt.cycle,
           .attempt = attempt});
    }
    return {};
  });
}

void Replay::add(Later later) {
  later.order = ++order_;
  pending_.push(std::move(later));
}

void Replay::emit_until(Time until, const EventSink& sink) {
  while (!pending_.empty() && pending_.top().at <= until) {
    const Later next = pending_.top();
    pending_.pop();
    emit(next, sink);
  }
}

void Replay::emit(const Later& later, const EventSink& sink) {
  const int cycle = std::exchange(run_.cycle, later.cycle);  // as it was then
  const TaskRecord task = task_at(later.attempt, later.kind);
  const bool of_attempt = later.kind == Kind::attempt_started || later.kind == Kind::attempt_ended;
  EngineEvent event;
  event.kind = later.kind;
  event.at = later.at;
  event.run = &run_;
  event.task = of_attempt ? &task : nullptr;
  event.attempt = of_attempt ? &later.attempt : nullptr;
  event.batch = later.batch;
  sink(event);
  run_.cycle = cycle;
}

void Replay::emit_run(Kind kind, Time at, const EventSink& sink) {
  EngineEvent event;
  event.kind = kind;
  event.at = at;
  event.run = &run_;
  if (kind == Kind::run_ended) {
    event.counts = run_.counts;
    event.cost_usd = run_.cost_usd;
  }
  sink(event);
}

}  // namespace darn::cli
