// A run's settings and the records that the store keeps of runs, tasks and attempts. Plain data.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/clock.hpp"
#include "model/agent.hpp"
#include "model/kinds.hpp"
#include "model/outcome.hpp"
#include "model/policy.hpp"
#include "model/task.hpp"

namespace darn {

// Tasks that share a limit.
struct PoolDef {
  std::string name;
  int limit = 0;  // at a time; 0: the run's jobs
  int rate = 0;   // starts per `rate_per`; 0: unlimited
  Duration rate_per = std::chrono::seconds{60};
  bool operator==(const PoolDef&) const = default;
};

enum class HaltMode : std::uint8_t { keep_going, fail_fast, after_percent };
std::string_view to_string(HaltMode);
std::optional<HaltMode> parse_halt_mode(std::string_view);

// Everything a run was started with, after flags, environment, files and defaults were merged.
struct RunSettings {
  int jobs = 0;  // commands at a time; 0: the cores of this machine
  bool auto_retry = false;
  int max_retries = 5;  // cycles after the first, with auto_retry
  HaltMode halt = HaltMode::keep_going;
  int halt_percent = 100;
  bool fail_on_healed = false;
  Budget budget;
  Policy policy = default_policy();
  TaskSpec defaults;  // merged into every task as it is read; kept for `darn add`
  std::map<std::string, AgentDef> agents;  // presets and configured, those in use
  std::map<std::string, PoolDef> pools;
  std::uint64_t output_limit = 64ULL << 20U;      // bytes a stream, head and tail kept
  Duration grace = std::chrono::seconds{10};      // between TERM and KILL
  bool linger_leave = false;                      // leave descendants that outlive their task
  Duration cycle_wait = std::chrono::seconds{0};  // before the next cycle, at least
  Duration cycle_wait_limited =
      std::chrono::seconds{30};  // ... when failures were rate limits; doubles
  std::string notify;            // a command called at the end, the summary on its standard input
  std::string durability = "process";  // process | power
  bool operator==(const RunSettings&) const = default;
};

std::string json_text(const RunSettings&);
RunSettings settings_from_json(const nlohmann::json&);

// Tasks per state. `healed` is a part of `succeeded`.
struct Counts {
  std::array<std::int64_t, kTaskStates> by_state{};
  std::int64_t healed = 0;
  std::int64_t of(TaskState s) const { return by_state[static_cast<std::size_t>(s)]; }
  std::int64_t& of(TaskState s) { return by_state[static_cast<std::size_t>(s)]; }
  std::int64_t total() const;
  std::int64_t unfinished() const;  // waiting, ready, running, delayed
  bool operator==(const Counts&) const = default;
};

using RunKey = std::int64_t;      // the store's own numbers; never shown
using TaskKey = std::int64_t;     //
using AttemptKey = std::int64_t;  //

struct RunRecord {
  RunKey key = 0;
  std::string id;  // "20261122-173005", with "-2" when two start within a second
  RunState state = RunState::planning;
  int cycle = 1;
  std::string root;                  // the lineage's first run; its own id when it is the root
  std::string parent;                // the run that this one re-runs; empty for a root
  std::string source;                // the task file, "-" for standard input
  std::string format;                // "csv" | "yaml"
  std::vector<std::string> columns;  // of a CSV, for retry files
  std::string cwd;                   // absolute
  RunSettings settings;
  std::uint64_t seed = 0;
  Time created{};
  Time ended{};
  bool cancel_requested = false;
  std::string host, boot_id;  // where its engine last ran
  int pid = 0;
  Counts counts;
  double cost_usd = 0;
  std::int64_t tokens = 0;
  std::int64_t attempts = 0;
};

struct CycleRecord {
  int cycle = 1;
  std::string batch;  // "batch-20261122-173005"
  Time started{};
  Time ended{};
};

struct TaskRecord {
  TaskKey key = 0;
  std::int64_t seq = 0;  // order in the file, from 1
  TaskState state = TaskState::waiting;
  bool healed = false;
  int cycle = 0;     // of its last attempt; 0: none yet
  int attempts = 0;  // in this run
  Time not_before{};
  bool alone = false;  // its next attempt runs alone in its pool
  TaskSpec spec;
  std::string pool;  // resolved
  // What is known of the last attempt, for status and grouping.
  Category category = Category::none;
  Cause cause = Cause::none;
  Severity severity = Severity::none;
  std::string signature;
  std::string summary;
  std::string advice;
  std::optional<int> exit;
  std::optional<int> signal;
  std::optional<double> score;
  double cost_usd = 0;  // over all attempts
  std::int64_t tokens = 0;
  Duration duration{};  // of the last attempt
  Time started{};       // first attempt
  Time ended{};
  std::string workspace;    // absolute; empty for commands
  std::string session;      // of the agent, to resume
  std::string output_path;  // absolute, of the promised output, once it succeeded
  std::string next_agent;   // when a fallback took over
};

struct AttemptRecord {
  AttemptKey key = 0;
  TaskKey task = 0;
  std::string task_id;
  int number = 0;  // within the task, from 1, over all cycles of the run
  int cycle = 1;
  AttemptKind kind = AttemptKind::first;
  AttemptState state = AttemptState::running;
  std::string agent;     // as run; empty for commands
  std::string key_name;  // which key's variable was used
  int slot = 0;
  Time claimed{};
  double reserved_usd = 0;
  std::int64_t reserved_tokens = 0;
  std::string output_before;  // fingerprint of the promised output before the start
  std::string workspace;      // where it ran, when not the task's own (a race, fresh)
  std::string batch;
  Outcome outcome;
  Diagnosis diagnosis;
  Verdict verdict;
  AgentReport report;
  Decision decision;    // what was decided after it
  std::string excerpt;  // the last lines of its output, printable, bounded to 4 KiB
};

// A pool's live state, kept so that a resumed run respects it (policy/pool.hpp changes it).
struct PoolState {
  std::string name;
  double limit = 0;     // now; between 1 and the definition's
  Time parked_until{};  // nothing starts before
  Time last_change{};
  int limited_in_a_row = 0;
  std::map<std::string, Time> keys_resting;  // key name -> until
  bool operator==(const PoolState&) const = default;
};

std::string json_text(const PoolState&);
PoolState pool_from_json(const nlohmann::json&);

}  // namespace darn
