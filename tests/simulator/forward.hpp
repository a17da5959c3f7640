// A store and a runner that hand everything on: what a broken one is made from.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "process/runner.hpp"
#include "store/store.hpp"

namespace darn::sim {

class ForwardingStore : public Store {
 public:
  explicit ForwardingStore(Store& to) : to_(&to) {}

  Status begin() override { return to_->begin(); }
  Status commit() override { return to_->commit(); }
  void rollback() override { to_->rollback(); }
  Status create_run(RunRecord& run) override { return to_->create_run(run); }
  Result<TaskKey> add_task(RunKey run, const TaskSpec& spec, const std::string& pool,
                           std::string_view raw) override {
    return to_->add_task(run, spec, pool, raw);
  }
  Status finish_plan(RunKey run,
                     const std::function<bool(std::string_view id)>& satisfied) override {
    return to_->finish_plan(run, satisfied);
  }
  Status set_run_state(RunKey run, RunState state, Time at) override {
    return to_->set_run_state(run, state, at);
  }
  Status set_run_owner(RunKey run, const std::string& host, const std::string& boot_id,
                       int pid) override {
    return to_->set_run_owner(run, host, boot_id, pid);
  }
  Status set_run_settings(RunKey run, const RunSettings& settings) override {
    return to_->set_run_settings(run, settings);
  }
  Status request_cancel(RunKey run, bool cancel) override {
    return to_->request_cancel(run, cancel);
  }
  Result<bool> cancel_requested(RunKey run) override { return to_->cancel_requested(run); }
  Result<RunRecord> find_run(std::string_view ref) override { return to_->find_run(ref); }
  Result<std::vector<RunRecord>> list_runs() override { return to_->list_runs(); }
  Result<std::vector<RunRecord>> lineage_of(const std::string& root) override {
    return to_->lineage_of(root);
  }
  Status delete_run(RunKey run) override { return to_->delete_run(run); }
  Result<bool> open_cycle(RunKey run, int expected, const std::string& batch, Time at,
                          const std::vector<TaskKey>& keep_out, bool cancelled_too) override {
    return to_->open_cycle(run, expected, batch, at, keep_out, cancelled_too);
  }
  Status start_first_cycle(RunKey run, const std::string& batch, Time at) override {
    return to_->start_first_cycle(run, batch, at);
  }
  Status end_cycle(RunKey run, int cycle, Time at) override {
    return to_->end_cycle(run, cycle, at);
  }
  Result<std::vector<CycleRecord>> cycles(RunKey run) override { return to_->cycles(run); }
  Result<bool> batch_exists(const std::string& batch) override { return to_->batch_exists(batch); }
  Result<std::vector<TaskRecord>> ready_tasks(RunKey run, const std::string& pool,
                                              int limit) override {
    return to_->ready_tasks(run, pool, limit);
  }
  Result<std::vector<std::string>> pools_with_ready(RunKey run) override {
    return to_->pools_with_ready(run);
  }
  Status claim(RunKey run, AttemptRecord& attempt) override { return to_->claim(run, attempt); }
  Status set_output_before(AttemptKey attempt, const std::string& fingerprint) override {
    return to_->set_output_before(attempt, fingerprint);
  }
  Status end_attempt(RunKey run, const AttemptRecord& attempt) override {
    return to_->end_attempt(run, attempt);
  }
  Status update_task(RunKey run, TaskKey task, const TaskUpdate& update) override {
    return to_->update_task(run, task, update);
  }
  Status set_task_state(RunKey run, TaskKey task, TaskState state,
                        const std::string& why) override {
    return to_->set_task_state(run, task, state, why);
  }
  Result<int> promote_due(RunKey run, Time now) override { return to_->promote_due(run, now); }
  Result<std::optional<Time>> next_due(RunKey run) override { return to_->next_due(run); }
  Result<std::int64_t> cancel_unstarted(RunKey run, TaskState as, const std::string& why) override {
    return to_->cancel_unstarted(run, as, why);
  }
  Result<std::vector<AttemptRecord>> running_attempts(RunKey run) override {
    return to_->running_attempts(run);
  }
  Result<std::vector<PastAttempt>> history(RunKey run, const std::string& task_id) override {
    return to_->history(run, task_id);
  }
  Result<std::map<std::string, PoolState>> pool_states(RunKey run) override {
    return to_->pool_states(run);
  }
  Status save_pool(RunKey run, const PoolState& pool) override { return to_->save_pool(run, pool); }
  Result<Spent> lineage_spent(RunKey run) override { return to_->lineage_spent(run); }
  Result<Success> success_of(RunKey run, std::string_view task_id) override {
    return to_->success_of(run, task_id);
  }
  Result<RunRecord> run(RunKey run) override { return to_->run(run); }
  Result<Counts> counts(RunKey run) override { return to_->counts(run); }
  Result<TaskRecord> task(RunKey run, std::string_view task_id) override {
    return to_->task(run, task_id);
  }
  Result<TaskRecord> task_by_key(TaskKey task) override { return to_->task_by_key(task); }
  Status each_task(RunKey run, const TaskFilter& filter, bool with_spec,
                   const std::function<Status(const TaskRecord&)>& sink) override {
    return to_->each_task(run, filter, with_spec, sink);
  }
  Result<std::string> raw_row(TaskKey task) override { return to_->raw_row(task); }
  Result<std::vector<AttemptRecord>> attempts(RunKey run, std::string_view task_id) override {
    return to_->attempts(run, task_id);
  }
  Status each_attempt(RunKey run, AttemptKey after_key,
                      const std::function<Status(const AttemptRecord&)>& sink) override {
    return to_->each_attempt(run, after_key, sink);
  }
  Result<std::optional<Duration>> typical_duration(RunKey run) override {
    return to_->typical_duration(run);
  }
  Result<std::int64_t> data_version() override { return to_->data_version(); }

 protected:
  Store* to_;
};

class ForwardingRunner : public ProcessRunner {
 public:
  explicit ForwardingRunner(ProcessRunner& to) : to_(&to) {}

  Result<int> acquire_slot() override { return to_->acquire_slot(); }
  void give_back_slot(int slot) override { to_->give_back_slot(slot); }
  Status start(int slot, const Job& job) override { return to_->start(slot, job); }
  bool recall(AttemptKey attempt) override { return to_->recall(attempt); }
  void stop(AttemptKey attempt, bool now) override { to_->stop(attempt, now); }
  Result<std::vector<Ended>> wait(Duration at_most) override { return to_->wait(at_most); }
  void release(const std::vector<AttemptKey>& attempts) override { to_->release(attempts); }
  Result<std::vector<Adopted>> adopt(const std::vector<Left>& left) override {
    return to_->adopt(left);
  }

 protected:
  ProcessRunner* to_;
};

}  // namespace darn::sim
