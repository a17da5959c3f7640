// The store: where all state is (DESIGN, the third idea). Everything below happens inside the
// caller's transaction; a reader without one sees the last commit. Counters (tasks per state, cost,
// attempts) are kept in the transaction that changes them, so that status never counts rows.
// A function that changes something outside of begin() … commit() is a transaction of its own.
// After an error inside of one, roll back: what the failed call did up to there is still pending.
// Implementations: SqliteStore; the simulator's and the tests' run on SQLite ":memory:".
// One Store object belongs to one thread; several processes may have the same file open.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "model/run.hpp"

namespace darn {

// What changes on a task when an attempt of it ended.
struct TaskUpdate {
  TaskState state = TaskState::ready;
  bool healed = false;
  Time not_before{};
  bool alone = false;
  Category category = Category::none;
  Cause cause = Cause::none;
  Severity severity = Severity::none;
  std::string signature, summary, advice;
  std::optional<int> exit, signal;
  std::optional<double> score;
  Duration duration{};
  Time ended{};             // Time{}: unchanged
  std::string session;      // empty: unchanged
  std::string output_path;  // empty: unchanged
  std::string workspace;    // empty: unchanged
  std::string next_agent;
};

class Store {
 public:
  virtual ~Store() = default;

  // --- transactions: one writer at a time; begin() waits for another process's, up to 30 s
  virtual Status begin() = 0;
  virtual Status commit() = 0;
  virtual void rollback() = 0;

  // --- runs
  // Gives the run its id (from `created`, with a suffix when taken) and key. State: planning.
  virtual Status create_run(RunRecord& run) = 0;
  // Dependencies by id: of this run, or (already succeeded) elsewhere in the lineage; those are
  // recorded as satisfied. Tasks without open dependencies become ready. An id that is there
  // already is refused here or, since rows are written some at a time, by what comes next.
  virtual Result<TaskKey> add_task(RunKey run, const TaskSpec& spec, const std::string& pool,
                                   std::string_view raw) = 0;
  // After the last add_task: resolves dependencies, sets waiting/ready, counts. May be called again
  // for tasks added later (darn add). `satisfied` answers for ids that are not in this run.
  virtual Status finish_plan(RunKey run,
                             const std::function<bool(std::string_view id)>& satisfied = {}) = 0;
  virtual Status set_run_state(RunKey run, RunState state, Time at) = 0;
  virtual Status set_run_owner(RunKey run, const std::string& host, const std::string& boot_id,
                               int pid) = 0;
  // Flags given to a resume: they hold from then on.
  virtual Status set_run_settings(RunKey run, const RunSettings& settings) = 0;
  virtual Status request_cancel(RunKey run, bool cancel) = 0;
  virtual Result<bool> cancel_requested(RunKey run) = 0;
  // ref: a run id, a unique prefix or suffix of one, or "last" / "" for the newest.
  virtual Result<RunRecord> find_run(std::string_view ref) = 0;
  virtual Result<std::vector<RunRecord>> list_runs() = 0;  // newest first; settings left empty
  virtual Result<std::vector<RunRecord>> lineage_of(const std::string& root) = 0;  // oldest first
  virtual Status delete_run(RunKey run) = 0;                                       // gc

  // --- cycles
  // Opens cycle `expected + 1` if the run is still at `expected` (compare and set): tasks in
  // failed, skipped (and cancelled when asked) become ready or waiting again, except `keep_out` and
  // what depends on those or on abandoned ones. Returns false when another engine was first.
  virtual Result<bool> open_cycle(RunKey run, int expected, const std::string& batch, Time at,
                                  const std::vector<TaskKey>& keep_out,
                                  bool cancelled_too = false) = 0;
  virtual Status start_first_cycle(RunKey run, const std::string& batch, Time at) = 0;
  virtual Status end_cycle(RunKey run, int cycle, Time at) = 0;
  virtual Result<std::vector<CycleRecord>> cycles(RunKey run) = 0;
  // True when a batch of that name exists in any run (names need a suffix within a second).
  virtual Result<bool> batch_exists(const std::string& batch) = 0;

  // --- the worker's side
  // Ready tasks of one pool by priority, then file order.
  virtual Result<std::vector<TaskRecord>> ready_tasks(RunKey run, const std::string& pool,
                                                      int limit) = 0;
  virtual Result<std::vector<std::string>> pools_with_ready(RunKey run) = 0;
  // Records the attempt (state running; the caller fills all but key) and sets the task running.
  virtual Status claim(RunKey run, AttemptRecord& attempt) = 0;
  // The promised output's fingerprint, when preparing the attempt changed it.
  virtual Status set_output_before(AttemptKey attempt, const std::string& fingerprint) = 0;
  // The attempt's one terminal record: outcome, diagnosis, verdict, report, decision, state. Adds
  // cost and tokens to task, run and lineage. Refuses (internal error) a second one.
  virtual Status end_attempt(RunKey run, const AttemptRecord& attempt) = 0;
  // The task's new state; releases its dependents when it succeeded (they become ready once all
  // they depend on have), skips them, transitively, when it reached another terminal state.
  virtual Status update_task(RunKey run, TaskKey task, const TaskUpdate& update) = 0;
  virtual Status set_task_state(RunKey run, TaskKey task, TaskState state,
                                const std::string& why = {}) = 0;
  // delayed -> ready for those due. Returns how many.
  virtual Result<int> promote_due(RunKey run, Time now) = 0;
  virtual Result<std::optional<Time>> next_due(RunKey run) = 0;
  // All unfinished but running tasks -> cancelled (darn cancel, fail-fast). Returns how many.
  virtual Result<std::int64_t> cancel_unstarted(RunKey run, TaskState as,
                                                const std::string& why) = 0;
  virtual Result<std::vector<AttemptRecord>> running_attempts(RunKey run) = 0;
  // This task's attempts in its lineage (parent runs included), oldest first, for decide().
  virtual Result<std::vector<PastAttempt>> history(RunKey run, const std::string& task_id) = 0;
  virtual Result<std::map<std::string, PoolState>> pool_states(RunKey run) = 0;
  virtual Status save_pool(RunKey run, const PoolState& pool) = 0;
  // Spent over the run's whole lineage, and by its dearest attempt.
  struct Spent {
    double usd = 0;
    std::int64_t tokens = 0;
    double highest_usd = 0;
    std::int64_t highest_tokens = 0;
  };
  virtual Result<Spent> lineage_spent(RunKey run) = 0;
  // Whether that task id has succeeded in this run or in a run it descends from, and its output.
  struct Success {
    bool succeeded = false;
    std::string output_path;
    std::string workspace;
  };
  virtual Result<Success> success_of(RunKey run, std::string_view task_id) = 0;

  // --- reading
  virtual Result<RunRecord> run(RunKey run) = 0;  // with settings and counts
  virtual Result<Counts> counts(RunKey run) = 0;
  virtual Result<TaskRecord> task(RunKey run, std::string_view task_id) = 0;
  virtual Result<TaskRecord> task_by_key(TaskKey task) = 0;
  struct TaskFilter {
    std::vector<TaskState> states;  // empty: all
    int cycle = 0;                  // with attempts in that cycle; 0: any
    bool healed_only = false;
    std::string except_pool;  // not those of this pool; empty: all
  };
  // In file order; `spec` filled only when with_spec.
  virtual Status each_task(RunKey run, const TaskFilter& filter, bool with_spec,
                           const std::function<Status(const TaskRecord&)>& sink) = 0;
  // The CSV record a task came from; empty for YAML.
  virtual Result<std::string> raw_row(TaskKey task) = 0;
  virtual Result<std::vector<AttemptRecord>> attempts(RunKey run, std::string_view task_id) = 0;
  // All attempts in the order of claiming, from `after_key` on (exclusive): the event stream.
  virtual Status each_attempt(RunKey run, AttemptKey after_key,
                              const std::function<Status(const AttemptRecord&)>& sink) = 0;
  // The median duration of successful attempts of the same command or agent in earlier runs and
  // this one, for the ETA; nullopt when there are none.
  virtual Result<std::optional<Duration>> typical_duration(RunKey run) = 0;
  // Changes whenever any other connection commits (cheap: no table is read).
  virtual Result<std::int64_t> data_version() = 0;
};

struct StoreOptions {
  bool power_durability = false;  // synchronous=FULL instead of NORMAL
  bool read_only = false;         // must exist; never creates or migrates
  bool unchecked = false;         // also when it is damaged: for those who want to know how
};

// Opens (creates, migrates) the database. Refuses a newer schema, a foreign or damaged file, and a
// network file system (WAL does not work there), each with the mend. ":memory:" for tests.
Result<std::unique_ptr<Store>> open_sqlite_store(const std::string& path,
                                                 const StoreOptions& options = {});

}  // namespace darn
