// The worker loop: claim, start, reap, diagnose, decide, record, next cycle. One thread, one
// transaction per wake; holds no state that the store does not have but for what is running now.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/run.hpp"
#include "process/runner.hpp"
#include "store/store.hpp"

namespace darn {

// What a person or a program may want to see, as it happens (engine/events.hpp gives the JSON).
struct EngineEvent {
  enum class Kind : std::uint8_t {
    run_started,
    cycle_started,
    attempt_started,
    attempt_ended,  // with the decision
    pool_parked,    // until
    pool_resumed,
    cycle_ended,
    run_ended,
    tick,  // nothing happened; progress may redraw
  };
  Kind kind = Kind::tick;
  Time at{};
  const RunRecord* run = nullptr;          // always
  const TaskRecord* task = nullptr;        // attempt_*: the task after the change
  const AttemptRecord* attempt = nullptr;  // attempt_*
  std::string batch;                       // cycle_*
  std::string pool;                        // pool_*
  Time until{};                            // pool_parked; cycle_ended: when the next one starts
  // The state of the whole, for the progress line.
  Counts counts;
  int running = 0;
  std::int64_t retries = 0;
  double cost_usd = 0;
  Time parked_until{};  // the earliest pool to come back, when some are parked
};
using EventSink = std::function<void(const EngineEvent&)>;

// Set from signal handlers: 0 go on, 1 drain (start nothing, wait for what runs), 2 kill.
using StopLevel = std::atomic<int>;

struct EngineParts {
  Store* store = nullptr;
  ProcessRunner* runner = nullptr;
  const Clock* clock = nullptr;
  EventSink events;  // may be empty
  const StopLevel* stop = nullptr;
  std::string state_dir;  // absolute .darn
  // What an earlier engine left starts again also when it is not idempotent and its end was not
  // seen.
  bool start_unclean = false;
};

// Runs (or goes on with) a planned run to its end. Returns the run as it ended: succeeded, failed,
// interrupted or cancelled. The caller holds the run's lock (engine/lock.hpp).
Result<RunRecord> run_engine(const EngineParts& parts, RunKey run);

}  // namespace darn
