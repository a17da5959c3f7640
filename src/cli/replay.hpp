// A run's events rebuilt from the store, also while another process runs it: what `darn events`
// prints and `darn follow` shows. Attempts appear in the order of their starts, merged with the
// ends by time. Pool events and the counts of the moment are not kept by the store and are left
// out. Memory: the attempts that run at a time.
#pragma once

#include <map>
#include <queue>
#include <tuple>
#include <vector>

#include "base/result.hpp"
#include "engine/engine.hpp"
#include "engine/paths.hpp"
#include "model/run.hpp"
#include "store/store.hpp"

namespace darn::cli {

class Replay {
 public:
  // The store outlives it.
  Replay(Store& store, const StatePaths& paths, RunKey run);

  // Hands on what has happened since the last call. The last event of a run that has ended is
  // run_ended; an interrupted one ends too (and may go on later).
  Status poll(const EventSink& sink);
  bool ended() const { return ended_; }
  const RunRecord& run() const { return run_; }  // as of the last poll, state as shown

 private:
  struct Later {
    Time at{};
    EngineEvent::Kind kind = EngineEvent::Kind::tick;
    int cycle = 0;
    std::string batch;
    AttemptRecord attempt;
    std::uint64_t order = 0;  // as they were added
  };

  // What comes first of two events of one moment: a cycle's begin, its attempts' ends, its end.
  struct After {
    static auto key(const Later& l) {
      return std::tuple(l.at, l.cycle, l.kind == EngineEvent::Kind::cycle_ended,
                        l.kind != EngineEvent::Kind::cycle_started, l.order);
    }
    bool operator()(const Later& a, const Later& b) const { return key(a) > key(b); }
  };

  Status refresh_run();
  Status add_cycles();
  Status add_ends_of_running();
  Status emit_new_attempts(const EventSink& sink);
  void add(Later later);
  void emit_until(Time until, const EventSink& sink);
  void emit(const Later& later, const EventSink& sink);
  void emit_run(EngineEvent::Kind kind, Time at, const EventSink& sink);

  Store& store_;
  StatePaths paths_;
  RunKey key_;
  RunRecord run_;
  bool begun_ = false;
  bool ended_ = false;
  AttemptKey last_ = 0;
  std::map<AttemptKey, AttemptRecord> running_;
  std::size_t cycles_begun_ = 0;
  std::size_t cycles_ended_ = 0;
  std::priority_queue<Later, std::vector<Later>, After> pending_;
  std::uint64_t order_ = 0;
};

}  // namespace darn::cli
