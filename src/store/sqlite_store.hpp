// Store on SQLite. Inside store/ only; store.hpp is what others see. Split by what a function is
// about: runs.cpp, tasks.cpp, attempts.cpp, read.cpp.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "store/sqlite.hpp"
#include "store/store.hpp"

namespace darn {

class SqliteStore final : public Store {
 public:
  explicit SqliteStore(std::unique_ptr<Database> db);

  Status begin() override;
  Status commit() override;
  void rollback() override;

  // runs.cpp
  Status create_run(RunRecord& run) override;
  Status set_run_state(RunKey run, RunState state, Time at) override;
  Status set_run_owner(RunKey run, const std::string& host, const std::string& boot_id,
                       int pid) override;
  Status set_run_settings(RunKey run, const RunSettings& settings) override;
  Status request_cancel(RunKey run, bool cancel) override;
  Result<bool> cancel_requested(RunKey run) override;
  Result<RunRecord> find_run(std::string_view ref) override;
  Result<std::vector<RunRecord>> list_runs() override;
  Result<std::vector<RunRecord>> lineage_of(const std::string& root) override;
  Result<RunRecord> run(RunKey run) override;
  Status delete_run(RunKey run) override;
  Status start_first_cycle(RunKey run, const std::string& batch, Time at) override;
  Status end_cycle(RunKey run, int cycle, Time at) override;
  Result<std::vector<CycleRecord>> cycles(RunKey run) override;
  Result<bool> batch_exists(const std::string& batch) override;
  Result<std::map<std::string, PoolState>> pool_states(RunKey run) override;
  Status save_pool(RunKey run, const PoolState& pool) override;
  Result<Spent> lineage_spent(RunKey run) override;
  Result<Counts> counts(RunKey run) override;
  Result<std::int64_t> data_version() override;

  // plan.cpp
  Result<TaskKey> add_task(RunKey run, const TaskSpec& spec, const std::string& pool,
                           std::string_view raw) override;
  Status finish_plan(RunKey run,
                     const std::function<bool(std::string_view id)>& satisfied) override;

  // tasks.cpp
  Result<bool> open_cycle(RunKey run, int expected, const std::string& batch, Time at,
                          const std::vector<TaskKey>& keep_out, bool cancelled_too) override;
  Status update_task(RunKey run, TaskKey task, const TaskUpdate& update) override;
  Status set_task_state(RunKey run, TaskKey task, TaskState state, const std::string& why) override;
  Result<int> promote_due(RunKey run, Time now) override;
  Result<std::optional<Time>> next_due(RunKey run) override;
  Result<std::int64_t> cancel_unstarted(RunKey run, TaskState as, const std::string& why) override;

  // attempts.cpp
  Status claim(RunKey run, AttemptRecord& attempt) override;
  Status set_output_before(AttemptKey attempt, const std::string& fingerprint) override;
  Status end_attempt(RunKey run, const AttemptRecord& attempt) override;
  Result<std::vector<AttemptRecord>> running_attempts(RunKey run) override;
  Result<std::vector<PastAttempt>> history(RunKey run, const std::string& task_id) override;
  Result<std::vector<AttemptRecord>> attempts(RunKey run, std::string_view task_id) override;
  Status each_attempt(RunKey run, AttemptKey after_key,
                      const std::function<Status(const AttemptRecord&)>& sink) override;
  Result<std::optional<Duration>> typical_duration(RunKey run) override;

  // read.cpp
  Result<std::vector<TaskRecord>> ready_tasks(RunKey run, const std::string& pool,
                                              int limit) override;
  Result<std::vector<std::string>> pools_with_ready(RunKey run) override;
  Result<Success> success_of(RunKey run, std::string_view task_id) override;
  Result<TaskRecord> task(RunKey run, std::string_view task_id) override;
  Result<TaskRecord> task_by_key(TaskKey task) override;
  Status each_task(RunKey run, const TaskFilter& filter, bool with_spec,
                   const std::function<Status(const TaskRecord&)>& sink) override;
  Result<std::string> raw_row(TaskKey task) override;

 private:
  // What a task was, before a change of its state.
  struct Before {
    TaskState state = TaskState::running;
    bool healed = false;
  };
  Result<Before> before(RunKey run, TaskKey task);
  Result<std::string> id_of(TaskKey task);
  // This run and those it descends from, newest first. (A recursive query would do, but costs a
  // temporary table each time, and history is asked for after every attempt.)
  Result<std::vector<RunKey>> lineage_up(RunKey run);
  // Counts n tasks over from one state to another.
  Status move(RunKey run, TaskState from, TaskState to, std::int64_t n);
  // All that follows from a task's new state: counts, dependents released or skipped.
  Status follow(RunKey run, TaskKey task, const Before& before, TaskState now, bool healed);
  Status release_dependents(RunKey run, TaskKey task);
  Status skip_dependents(RunKey run, TaskKey task);
  // Skips what waits for something that is not going to succeed in this cycle.
  Status skip_blocked(RunKey run);

  // A run's totals while a transaction changes them: read once, written once, before the commit.
  // (As a statement for each change, they would be a third of what an attempt costs.)
  struct OpenTotals {
    RunKey run = 0;  // 0: none
    std::int64_t tasks = 0;
    std::int64_t attempts = 0;
    Counts change;  // since they were read
    bool operator==(const OpenTotals&) const = default;
  };
  Result<OpenTotals*> totals(RunKey run);
  Status write_totals();

  // Planned tasks without dependencies, written some at a time: a statement for each takes half as
  // long again.
  struct PlannedRow {
    TaskKey key = 0;
    std::string id, pool, spec, raw;
    TaskState state = TaskState::ready;
    std::int64_t priority = 0;
    std::int64_t pending = 0;
    std::int64_t work = 0;
  };
  Status write_planned();
  Status insert(const PlannedRow& row);
  Result<bool> insert_all(const std::vector<PlannedRow>& rows);

  std::unique_ptr<Database> db_;
  std::vector<PlannedRow> planned_;
  OpenTotals totals_;
  OpenTotals totals_as_read_;
};

// The keys of a run's tasks and attempts: run * 2^32 + number (schema.sql).
constexpr std::int64_t first_key(RunKey run) { return run << 32; }
constexpr std::int64_t last_key(RunKey run) { return ((run + 1) << 32) - 1; }
constexpr std::int64_t number_of(std::int64_t key) { return key & 0xffffffff; }
constexpr RunKey run_of(std::int64_t key) { return key >> 32; }

}  // namespace darn
