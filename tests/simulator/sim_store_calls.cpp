// The calls of the store that tell the checks nothing.
#include "simulator/sim_store.hpp"

namespace darn::sim {

Status SimStore::set_run_state(RunKey run, RunState state, Time at) {
  return change("set_run_state", [=](Store& s) { return s.set_run_state(run, state, at); });
}

Status SimStore::set_run_owner(RunKey run, const std::string& host, const std::string& boot_id,
                               int pid) {
  return change("set_run_owner",
                [=](Store& s) { return s.set_run_owner(run, host, boot_id, pid); });
}

Status SimStore::set_run_settings(RunKey run, const RunSettings& settings) {
  return change("set_run_settings", [=](Store& s) { return s.set_run_settings(run, settings); });
}

Result<bool> SimStore::cancel_requested(RunKey run) {
  return read("cancel_requested", [&](Store& s) { return s.cancel_requested(run); });
}

Result<RunRecord> SimStore::find_run(std::string_view ref) {
  return read("find_run", [&](Store& s) { return s.find_run(ref); });
}

Result<std::vector<RunRecord>> SimStore::list_runs() {
  return read("list_runs", [&](Store& s) { return s.list_runs(); });
}

Result<std::vector<RunRecord>> SimStore::lineage_of(const std::string& root) {
  return read("lineage_of", [&](Store& s) { return s.lineage_of(root); });
}

Status SimStore::delete_run(RunKey run) {
  return change("delete_run", [=](Store& s) { return s.delete_run(run); });
}

Result<bool> SimStore::open_cycle(RunKey run, int expected, const std::string& batch, Time at,
                                  const std::vector<TaskKey>& keep_out, bool cancelled_too) {
  return change(
      "open_cycle",
      [=](Store& s) { return s.open_cycle(run, expected, batch, at, keep_out, cancelled_too); },
      [=](Checks& c) { c.cycle_opened(run); });
}

Status SimStore::start_first_cycle(RunKey run, const std::string& batch, Time at) {
  return change("start_first_cycle", [=](Store& s) { return s.start_first_cycle(run, batch, at); });
}

Status SimStore::end_cycle(RunKey run, int cycle, Time at) {
  return change("end_cycle", [=](Store& s) { return s.end_cycle(run, cycle, at); });
}

Result<std::vector<CycleRecord>> SimStore::cycles(RunKey run) {
  return read("cycles", [&](Store& s) { return s.cycles(run); });
}

Result<bool> SimStore::batch_exists(const std::string& batch) {
  return read("batch_exists", [&](Store& s) { return s.batch_exists(batch); });
}

Result<std::vector<TaskRecord>> SimStore::ready_tasks(RunKey run, const std::string& pool,
                                                      int limit) {
  return read("ready_tasks", [&](Store& s) { return s.ready_tasks(run, pool, limit); });
}

Result<std::vector<std::string>> SimStore::pools_with_ready(RunKey run) {
  return read("pools_with_ready", [&](Store& s) { return s.pools_with_ready(run); });
}

Status SimStore::set_output_before(AttemptKey attempt, const std::string& fingerprint) {
  return change("set_output_before",
                [=](Store& s) { return s.set_output_before(attempt, fingerprint); });
}

Result<int> SimStore::promote_due(RunKey run, Time now) {
  return change("promote_due", [=](Store& s) { return s.promote_due(run, now); });
}

Result<std::optional<Time>> SimStore::next_due(RunKey run) {
  return read("next_due", [&](Store& s) { return s.next_due(run); });
}

Result<std::int64_t> SimStore::cancel_unstarted(RunKey run, TaskState as, const std::string& why) {
  return change("cancel_unstarted", [=](Store& s) { return s.cancel_unstarted(run, as, why); });
}

Result<std::vector<AttemptRecord>> SimStore::running_attempts(RunKey run) {
  return read("running_attempts", [&](Store& s) { return s.running_attempts(run); });
}

Result<std::vector<PastAttempt>> SimStore::history(RunKey run, const std::string& task_id) {
  return read("history", [&](Store& s) { return s.history(run, task_id); });
}

Result<std::map<std::string, PoolState>> SimStore::pool_states(RunKey run) {
  return read("pool_states", [&](Store& s) { return s.pool_states(run); });
}

Status SimStore::save_pool(RunKey run, const PoolState& pool) {
  return change("save_pool", [=](Store& s) { return s.save_pool(run, pool); });
}

Result<Store::Spent> SimStore::lineage_spent(RunKey run) {
  return read("lineage_spent", [&](Store& s) { return s.lineage_spent(run); });
}

Result<Store::Success> SimStore::success_of(RunKey run, std::string_view task_id) {
  return read("success_of", [&](Store& s) { return s.success_of(run, task_id); });
}

Result<RunRecord> SimStore::run(RunKey run) {
  return read("run", [&](Store& s) { return s.run(run); });
}

Result<Counts> SimStore::counts(RunKey run) {
  return read("counts", [&](Store& s) { return s.counts(run); });
}

Result<TaskRecord> SimStore::task(RunKey run, std::string_view task_id) {
  return read("task", [&](Store& s) { return s.task(run, task_id); });
}

Result<TaskRecord> SimStore::task_by_key(TaskKey task) {
  return read("task_by_key", [&](Store& s) { return s.task_by_key(task); });
}

Status SimStore::each_task(RunKey run, const TaskFilter& filter, bool with_spec,
                           const std::function<Status(const TaskRecord&)>& sink) {
  return read("each_task", [&](Store& s) { return s.each_task(run, filter, with_spec, sink); });
}

Result<std::string> SimStore::raw_row(TaskKey task) {
  return read("raw_row", [&](Store& s) { return s.raw_row(task); });
}

Result<std::vector<AttemptRecord>> SimStore::attempts(RunKey run, std::string_view task_id) {
  return read("attempts", [&](Store& s) { return s.attempts(run, task_id); });
}

Status SimStore::each_attempt(RunKey run, AttemptKey after_key,
                              const std::function<Status(const AttemptRecord&)>& sink) {
  return read("each_attempt", [&](Store& s) { return s.each_attempt(run, after_key, sink); });
}

Result<std::optional<Duration>> SimStore::typical_duration(RunKey run) {
  return read("typical_duration", [&](Store& s) { return s.typical_duration(run); });
}

}  // namespace darn::sim
