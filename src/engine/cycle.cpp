// Cycles and the end: when nothing is left to do in this cycle, what has not succeeded runs again
// in the next one (--auto-retry), or the run ends and says how.
#include <algorithm>
#include <filesystem>
#include <system_error>

#include "base/disk_full.hpp"
#include "engine/batch.hpp"
#include "engine/retry_file.hpp"
#include "engine/worker.hpp"
#include "policy/decide.hpp"

namespace darn {
namespace {

// The wait before a cycle doubles while failures are limits, up to this many times.
constexpr int kMaxDoublings = 6;

std::int64_t not_succeeded(const Counts& counts) {
  return counts.total() - counts.of(TaskState::succeeded);
}

}  // namespace

Status Worker::make_batch(const std::string& batch) {
  std::error_code error;
  std::filesystem::create_directories(paths_.batch(batch) + "/results", error);
  if (error) {
    return tl::unexpected<Error>(with_room_mend(
        fail(ErrorKind::io, "cannot make " + paths_.batch(batch) + ": " + error.message())
            .value()));
  }
  batch_ = batch;
  manifest_due_ = true;
  EngineEvent event;
  event.kind = EngineEvent::Kind::cycle_started;
  event.batch = batch;
  emit(std::move(event));
  return {};
}

// A resumed run goes on in the cycle it was in.
Status Worker::open_first_cycle() {
  DARN_ASSIGN(cycles_before_, cycles_before(store_, run_));
  DARN_ASSIGN(const auto cycles, store_.cycles(run_.key));
  if (!cycles.empty()) {
    batch_ = cycles.back().batch;
    std::error_code error;
    std::filesystem::create_directories(paths_.batch(batch_) + "/results", error);
    manifest_due_ = true;
    return {};
  }
  const Time now = parts_.clock->now();
  // In one transaction: another run that begins in this second must not find the same name free.
  DARN_TRY(store_.begin());
  std::string batch;
  const auto name_it = [&]() -> Status {
    DARN_ASSIGN(batch, new_batch_name(store_, paths_, now));
    DARN_TRY(store_.start_first_cycle(run_.key, batch, now));
    return store_.commit();
  };
  if (const Status done = name_it(); !done) {
    store_.rollback();
    return done;
  }
  return make_batch(batch);
}

// --fail-fast and --halt-after: nothing more is started, what runs may end.
Status Worker::halt_if_asked(const Live& live) {
  const TaskState state = live.task.state;
  if (!halted_.empty() || (state != TaskState::failed && state != TaskState::abandoned)) {
    return {};
  }
  if (run_.settings.halt == HaltMode::keep_going) {
    return {};
  }
  std::string why = "'" + live.task.spec.id + "' failed, and --fail-fast was given";
  if (run_.settings.halt == HaltMode::after_percent) {
    DARN_ASSIGN(const Counts counts, store_.counts(run_.key));
    const std::int64_t failed = counts.of(TaskState::failed) + counts.of(TaskState::abandoned);
    if (failed * 100 < counts.total() * run_.settings.halt_percent) {
      return {};
    }
    why = std::to_string(run_.settings.halt_percent) + "% of the tasks failed (--halt-after)";
  }
  halted_ = why;
  return {};
}

Status Worker::advance(Time now) {
  if (!live_.empty() || !launches_.empty() || finished_) {
    return {};
  }
  if (cancelling_) {
    DARN_TRY(end_cycle(now));
    return finish(RunState::cancelled, now);
  }
  DARN_ASSIGN(const Counts counts, store_.counts(run_.key));
  if (stop_level_ > 0 && (counts.unfinished() > 0 || next_cycle_at_)) {
    return finish(RunState::interrupted, now);
  }
  if (next_cycle_at_) {
    return *next_cycle_at_ <= now ? open_next_cycle(now) : Status{};
  }
  if (counts.unfinished() > 0) {
    return {};
  }
  DARN_TRY(end_cycle(now));
  if (not_succeeded(counts) == 0) {
    return finish(RunState::succeeded, now);
  }
  DARN_ASSIGN(const bool again, plan_next_cycle(now));
  if (!again) {
    return finish(RunState::failed, now);
  }
  return stop_level_ > 0 ? finish(RunState::interrupted, now) : Status{};
}

Status Worker::end_cycle(Time now) {
  manifest_due_ = retry_file_due_ = true;
  EngineEvent event;
  event.kind = EngineEvent::Kind::cycle_ended;
  event.batch = batch_;
  events_.push_back(std::move(event));
  return store_.end_cycle(run_.key, run_.cycle, now);
}

// Decides whether there is another cycle, and when. Deterministic failures are kept out; when only
// they are left, there is none.
Result<bool> Worker::plan_next_cycle(Time now) {
  const RunSettings& settings = run_.settings;
  if (!settings.auto_retry || !halted_.empty() || run_.cycle > settings.max_retries) {
    return false;
  }
  keep_out_.clear();
  bool worth = false;
  bool limited = false;
  Store::TaskFilter filter;
  filter.states = {TaskState::failed};
  std::vector<TaskRecord> failed;
  DARN_TRY(store_.each_task(run_.key, filter, true, [&](const TaskRecord& task) -> Status {
    failed.push_back(task);
    return {};
  }));
  for (const TaskRecord& task : failed) {
    DARN_ASSIGN(const auto history, store_.history(run_.key, task.spec.id));
    if (worth_another_cycle(history, settings.policy)) {
      worth = true;
      limited = limited || task.category == Category::rate_limit;
    } else {
      keep_out_.push_back(task.key);
    }
  }
  if (!worth) {
    return false;
  }
  limited_cycles_ = limited ? std::min(limited_cycles_ + 1, kMaxDoublings) : 0;
  Duration wait = settings.cycle_wait;
  if (limited) {
    wait = std::max(wait, settings.cycle_wait_limited * (1 << (limited_cycles_ - 1)));
  }
  next_cycle_at_ = now + wait;
  events_.back().until = *next_cycle_at_;
  return true;
}

Status Worker::open_next_cycle(Time now) {
  next_cycle_at_.reset();
  DARN_ASSIGN(const std::string batch, new_batch_name(store_, paths_, now));
  DARN_ASSIGN(const bool opened, store_.open_cycle(run_.key, run_.cycle, batch, now, keep_out_));
  if (!opened) {
    return fail(ErrorKind::internal, "cycle " + std::to_string(run_.cycle + 1) + " of run " +
                                         run_.id + " was opened by somebody else");
  }
  ++run_.cycle;
  look_again_ = true;
  return make_batch(batch);
}

Status Worker::finish(RunState state, Time now) {
  finished_ = true;
  run_.state = state;
  run_.ended = now;
  EngineEvent event;
  event.kind = EngineEvent::Kind::run_ended;
  events_.push_back(std::move(event));
  return store_.set_run_state(run_.key, state, now);
}

// For people, after the commit: the store has the truth, so a full disk does not end the run here.
void Worker::write_reports() {
  if (std::exchange(manifest_due_, false)) {
    static_cast<void>(write_manifest(store_, paths_, run_, batch_));
  }
  if (std::exchange(retry_file_due_, false)) {
    static_cast<void>(
        write_retry_file(store_, paths_, run_, cycles_before_ + run_.cycle, parts_.clock->now()));
  }
}

}  // namespace darn
