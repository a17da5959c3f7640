// The engine's insides, shared by its files: engine.cpp (the loop), claim.cpp (what starts),
// ahead.cpp (what is handed out before its turn), settle.cpp and record.cpp (what ended), cycle.cpp
// (cycles and the end). Nothing outside engine/ includes this.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.hpp"
#include "engine/launch.hpp"
#include "engine/paths.hpp"
#include "engine/pools.hpp"
#include "engine/slot_queues.hpp"
#include "policy/rules.hpp"

namespace darn {

class Worker {
 public:
  Worker(const EngineParts& parts, RunRecord run, RuleMatcher rules,
         const std::map<std::string, PoolState>& pools);

  Result<RunRecord> work();

 private:
  // Why darn itself stopped a living attempt.
  enum class Stopped : std::uint8_t { no, race_lost, interrupted, cancelled };

  // What preparing an attempt's job takes beside its records.
  struct Launch {
    Placement placement;
    std::string session;
    Time deadline{};
  };
  // An attempt that is claimed and not yet settled.
  struct Live {
    AttemptRecord attempt;
    TaskRecord task;
    const AgentDef* agent = nullptr;  // null for commands
    std::string pool;
    bool alone = false;
    bool place = true;  // takes a place of its pool; false: waits behind another in its slot
    Launch launch;
    std::string output_path;
    Stopped stopped = Stopped::no;
    std::string trouble;         // why it could not be started; empty: it was
    bool may_run_again = false;  // although it is not idempotent (EngineParts::start_unclean)
    bool command() const { return agent == nullptr; }
  };
  struct Output {
    std::string out, err, check;
    std::string trouble;  // why it could not be read; empty: it could
  };

  // --- engine.cpp
  Status recover();
  Status wake();
  Status wait();
  bool something_to_do(Time now);
  Status start_all();
  Status note_output_before(Live& live);
  void emit(EngineEvent event);
  void emit_attempt(EngineEvent::Kind kind, const Live& live);
  void tell_pool(EngineEvent::Kind kind, const std::string& pool, Time until);
  void tell_parked(const PoolState& pool, Time now);
  void tell_resumed(Time now);
  Status refresh();  // the counts, before a commit
  void obey_stop();
  Status obey_cancel();
  Status start_no_more();
  bool draining() const { return stop_level_ > 0 || cancelling_; }

  // --- claim.cpp
  Status claim_ready(Time now);
  Status claim_pool(const std::string& pool, Time now);
  // False when it cannot start now (keys rest, budget, room of a race).
  Result<bool> claim_task(const TaskRecord& task, const std::string& pool, Time now);
  // One attempt of a claim: a race has several.
  struct Lane {
    const AgentDef* agent = nullptr;
    std::string name, pool, key;
    int slot = -1;
    bool ahead = false;  // the slot is busy: behind what runs there
  };
  Status claim_lane(const TaskRecord& task, const Lane& lane, bool race, int number, Time now);
  // Why a budget does not allow it; empty: it does. for_good: it never will.
  struct Refusal {
    std::string why;
    bool for_good = false;
  };
  Result<Refusal> budget_refusal(const TaskRecord& task, double reserve,
                                 std::int64_t reserve_tokens);
  Status give_up_unaffordable(const TaskRecord& task, const std::string& why);
  const AgentDef* agent_of(const std::string& name) const;
  double reserve_usd(const TaskRecord& task, const AgentDef& agent) const;

  // --- ahead.cpp
  Status start_returned(Time now);
  Status claim_ahead(Time now);
  void take_back(const std::vector<AttemptKey>& attempts);
  void keep_from_starting();
  Status start_later(Live& live, Error& why);
  void end_unstarted(const Live& live);
  void leave_slot(Live& live);

  // --- settle.cpp
  Status settle(const Ended& ended);
  Status settle_stopped(Live& live);
  Status settle_judged(Live& live);
  Output read_back(const Live& live) const;
  void assess(Live& live, const Output& output) const;
  Status count_own_tokens(Live& live);
  Result<std::vector<PastAttempt>> history_with(const Live& live);
  Decision decide_next(const Live& live, const std::vector<PastAttempt>& history,
                       const Output& output);
  void note_limits(Live& live);

  // --- record.cpp
  Status record(Live& live, bool with_task, const std::vector<PastAttempt>& history);
  // The task's new state; live.task is brought up to it for the event.
  TaskUpdate task_update(Live& live, const std::vector<PastAttempt>& history) const;
  void keep_files(const Live& live);
  void stop_rivals(const Live& winner);
  // Whether another attempt of its task is not settled yet: a race.
  bool rivals_live(const Live& live) const;

  // --- cycle.cpp
  Status open_first_cycle();
  Status advance(Time now);
  Status end_cycle(Time now);
  Status open_next_cycle(Time now);
  Result<bool> plan_next_cycle(Time now);
  Status finish(RunState state, Time now);
  Status halt_if_asked(const Live& live);
  Status make_batch(const std::string& batch);
  void write_reports();

  EngineParts parts_;
  Store& store_;
  ProcessRunner& runner_;
  RunRecord run_;
  StatePaths paths_;
  std::string run_dir_;
  RuleMatcher rules_;
  PoolBook pools_;
  Launcher launcher_;

  SlotQueues queues_;
  std::deque<AttemptKey> returned_;  // live, and not in a slot: to be started before all others

  Time refused_until_{};  // nothing is handed out before

  std::map<AttemptKey, Live> live_;
  std::vector<Ended> ended_;            // reaped, to be settled in the next wake
  std::vector<AttemptKey> launches_;    // claimed in this wake, started after its commit
  std::set<std::string> to_sync_;       // segments of what ended in this wake (power)
  std::vector<AttemptKey> to_release_;  // settled in this wake, released after its commit
  std::vector<EngineEvent> events_;     // of this wake, emitted after its commit
  std::deque<Live> event_data_;         // what they point to
  std::string batch_;                   // of the current cycle
  int stop_level_ = 0;
  bool cancelling_ = false;
  std::string halted_;  // why nothing more is started (--fail-fast, --halt-after); empty: go on
  bool taken_over_ = false;  // what an earlier engine left is recorded; no slot is used before
  bool finished_ = false;
  bool manifest_due_ = false;    // a cycle has begun or ended
  bool retry_file_due_ = false;  // a cycle has ended
  std::optional<Time> next_cycle_at_;
  std::vector<TaskKey> keep_out_;       // of the next cycle
  std::map<std::string, Time> parked_;  // pools that were said to be parked, and until when
  Counts counts_;
  std::int64_t retries_ = 0;
  double highest_cost_ = 0;
  std::int64_t highest_tokens_ = 0;
  double reserved_usd_ = 0;
  std::int64_t reserved_tokens_ = 0;
  bool look_again_ = true;  // something may be ready
  Time looked_at_{};        // when what is ready was last looked at
  std::int64_t data_version_ = -1;
  int cycles_before_ = 0;   // of the runs this one descends from
  int limited_cycles_ = 0;  // in a row, for the wait before the next one
};

}  // namespace darn
