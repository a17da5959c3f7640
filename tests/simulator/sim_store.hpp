// The store of a simulation: SQLite in memory, behind steps that may fail or be the engine's last.
// It keeps what was committed as a list, so that a power failure can take the last commits back,
// and tells the checks what is committed, when it is.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "simulator/checks.hpp"
#include "simulator/world.hpp"
#include "store/store.hpp"

namespace darn::sim {

class SimStore final : public Store {
 public:
  SimStore(World& world, Checks& checks);
  ~SimStore() override;

  // The engine died, or its connection closed: an open transaction is undone.
  void disconnect();
  // At most so many of the last commits are taken back, none from before mark_durable().
  void lose_commits(int at_most);
  void mark_durable() { durable_ = commits_.size(); }
  bool in_transaction() const { return in_transaction_; }
  // On another process's connection; no transaction is open here.
  void other_process(const std::function<void()>& work);
  Store& inner() { return *inner_; }

  Status begin() override;
  Status commit() override;
  void rollback() override;
  Status create_run(RunRecord& run) override;
  Result<TaskKey> add_task(RunKey run, const TaskSpec& spec, const std::string& pool,
                           std::string_view raw) override;
  Status finish_plan(RunKey run,
                     const std::function<bool(std::string_view id)>& satisfied) override;
  Status set_run_state(RunKey run, RunState state, Time at) override;
  Status set_run_owner(RunKey run, const std::string& host, const std::string& boot_id,
                       int pid) override;
  Status set_run_settings(RunKey run, const RunSettings& settings) override;
  Status request_cancel(RunKey run, bool cancel) override;
  Result<bool> cancel_requested(RunKey run) override;
  Result<RunRecord> find_run(std::string_view ref) override;
  Result<std::vector<RunRecord>> list_runs() override;
  Result<std::vector<RunRecord>> lineage_of(const std::string& root) override;
  Status delete_run(RunKey run) override;
  Result<bool> open_cycle(RunKey run, int expected, const std::string& batch, Time at,
                          const std::vector<TaskKey>& keep_out, bool cancelled_too) override;
  Status start_first_cycle(RunKey run, const std::string& batch, Time at) override;
  Status end_cycle(RunKey run, int cycle, Time at) override;
  Result<std::vector<CycleRecord>> cycles(RunKey run) override;
  Result<bool> batch_exists(const std::string& batch) override;
  Result<std::vector<TaskRecord>> ready_tasks(RunKey run, const std::string& pool,
                                              int limit) override;
  Result<std::vector<std::string>> pools_with_ready(RunKey run) override;
  Status claim(RunKey run, AttemptRecord& attempt) override;
  Status set_output_before(AttemptKey attempt, const std::string& fingerprint) override;
  Status end_attempt(RunKey run, const AttemptRecord& attempt) override;
  Status update_task(RunKey run, TaskKey task, const TaskUpdate& update) override;
  Status set_task_state(RunKey run, TaskKey task, TaskState state, const std::string& why) override;
  Result<int> promote_due(RunKey run, Time now) override;
  Result<std::optional<Time>> next_due(RunKey run) override;
  Result<std::int64_t> cancel_unstarted(RunKey run, TaskState as, const std::string& why) override;
  Result<std::vector<AttemptRecord>> running_attempts(RunKey run) override;
  Result<std::vector<PastAttempt>> history(RunKey run, const std::string& task_id) override;
  Result<std::map<std::string, PoolState>> pool_states(RunKey run) override;
  Status save_pool(RunKey run, const PoolState& pool) override;
  Result<Spent> lineage_spent(RunKey run) override;
  Result<Success> success_of(RunKey run, std::string_view task_id) override;
  Result<RunRecord> run(RunKey run) override;
  Result<Counts> counts(RunKey run) override;
  Result<TaskRecord> task(RunKey run, std::string_view task_id) override;
  Result<TaskRecord> task_by_key(TaskKey task) override;
  Status each_task(RunKey run, const TaskFilter& filter, bool with_spec,
                   const std::function<Status(const TaskRecord&)>& sink) override;
  Result<std::string> raw_row(TaskKey task) override;
  Result<std::vector<AttemptRecord>> attempts(RunKey run, std::string_view task_id) override;
  Status each_attempt(RunKey run, AttemptKey after_key,
                      const std::function<Status(const AttemptRecord&)>& sink) override;
  Result<std::optional<Duration>> typical_duration(RunKey run) override;
  Result<std::int64_t> data_version() override;

 private:
  using Tell = std::function<void(Checks&)>;
  struct Op {
    std::function<void(Store&)> again;
    Tell tell;
  };
  using Commit = std::vector<Op>;

  // A call that reads: `work` on the real store, between two steps.
  template <class F>
  auto read(const char* call, F work) -> decltype(work(std::declval<Store&>()));
  // A call that changes something, and can be done again.
  template <class F>
  auto change(const char* call, F work, Tell tell = {}) -> decltype(work(std::declval<Store&>()));
  void keep(Op op);
  void close(Commit commit);
  Error failure();
  Error failed();     // ... of a call within a transaction, or without one
  void start_anew();  // an empty store

  World& world_;
  Checks& checks_;
  std::unique_ptr<Store> inner_;
  std::vector<Commit> commits_;
  Commit pending_;
  std::size_t durable_ = 0;
  bool in_transaction_ = false;
  bool outside_ = false;  // another process is at work: no steps, nothing fails
  std::int64_t version_ = 0;
  int failures_ = 0;
};

template <class F>
auto SimStore::read(const char* call, F work) -> decltype(work(std::declval<Store&>())) {
  if (!outside_) {
    world_.step(call, false);
    if (world_.fails(call)) {
      return tl::unexpected<Error>(failed());
    }
  }
  auto result = work(*inner_);
  if (!outside_) {
    world_.step(call, true);
  }
  return result;
}

template <class F>
auto SimStore::change(const char* call, F work, Tell tell)
    -> decltype(work(std::declval<Store&>())) {
  if (!outside_) {
    world_.step(call, false);
    if (world_.fails(call)) {
      return tl::unexpected<Error>(failed());
    }
  }
  auto result = work(*inner_);
  if (result) {
    keep({[work](Store& s) mutable { static_cast<void>(work(s)); }, std::move(tell)});
  }
  if (!outside_) {
    world_.step(call, true);
  }
  return result;
}

}  // namespace darn::sim
