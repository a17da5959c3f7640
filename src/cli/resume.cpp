// darn resume: a run that was interrupted, killed or cancelled goes on where it was.
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/flags.hpp"
#include "cli/leftovers.hpp"
#include "cli/say.hpp"
#include "cli/session.hpp"
#include "engine/batch.hpp"
#include "engine/lock.hpp"
#include "engine/planner.hpp"

namespace darn::cli {
namespace {

// Tasks that may have done their work without anybody having seen their end, and must not do it
// twice.
Result<std::vector<TaskRecord>> unclean_tasks(Store& store, const RunRecord& run) {
  std::vector<TaskRecord> once;
  Store::TaskFilter filter;
  filter.states = {TaskState::abandoned, TaskState::cancelled};
  DARN_TRY(store.each_task(run.key, filter, true, [&](const TaskRecord& task) -> Status {
    if (!task.spec.idempotent) {
      once.push_back(task);
    }
    return {};
  }));
  std::vector<TaskRecord> unclean;
  for (TaskRecord& task : once) {
    DARN_ASSIGN(const auto attempts, store.attempts(run.key, task.spec.id));
    // One that this run has not started was held back because of an earlier run.
    const bool earlier = attempts.empty() && task.state == TaskState::abandoned;
    if (earlier || (!attempts.empty() && ended_unclean(attempts.back()))) {
      unclean.push_back(std::move(task));
    }
  }
  return unclean;
}

Result<std::vector<TaskKey>> keys_of(Store& store, RunKey run, TaskState state) {
  std::vector<TaskKey> keys;
  Store::TaskFilter filter;
  filter.states = {state};
  DARN_TRY(store.each_task(run, filter, false, [&](const TaskRecord& task) -> Status {
    keys.push_back(task.key);
    return {};
  }));
  return keys;
}

// A cancelled run's tasks have ended: they are taken up again in a new cycle. So are the unclean
// ones when that is asked for; otherwise they stay out.
Status reopen(const Context& context, Store& store, const RunRecord& run,
              const std::vector<TaskRecord>& unclean, bool start_unclean) {
  const Time now = context.clock->now();
  const bool cancelled = run.state == RunState::cancelled;
  DARN_ASSIGN(const std::string batch, new_batch_name(store, context.paths, now));
  DARN_TRY(store.begin());
  const auto change = [&]() -> Status {
    DARN_TRY(store.request_cancel(run.key, false));
    std::vector<TaskKey> keep_out;
    if (!cancelled) {
      DARN_ASSIGN(keep_out, keys_of(store, run.key, TaskState::failed));
    }
    for (const TaskRecord& task : unclean) {
      if (start_unclean) {
        DARN_TRY(store.set_task_state(run.key, task.key, TaskState::failed));
      } else {
        keep_out.push_back(task.key);
      }
    }
    DARN_ASSIGN(const bool opened,
                store.open_cycle(run.key, run.cycle, batch, now, keep_out, cancelled));
    if (!opened) {
      return fail(ErrorKind::try_again, "run " + run.id + " has just been resumed");
    }
    return store.commit();
  };
  const Status done = change();
  if (!done) {
    store.rollback();
  }
  return done;
}

}  // namespace

Result<int> resume(const Context& context, const ResumeOptions& options) {
  RunningOptions running = options;
  std::string id;
  std::optional<RunLock> lineage;
  {
    DARN_ASSIGN(const auto store, open_existing_store(context, false));
    DARN_ASSIGN(RunRecord run, store->find_run(options.run));
    id = run.id;
    // Held while the run is changed; run_session takes it again.
    DARN_ASSIGN(const RunLock lock, RunLock::acquire(context.paths.lock(id), id));
    if (run.state == RunState::succeeded) {
      say("run {} has succeeded: nothing is left to do\n", id);
      return exit_status(run);
    }
    DARN_ASSIGN(const auto unclean, unclean_tasks(*store, run));
    const bool start_unclean = options.start_unclean && !unclean.empty();
    if (run.state == RunState::failed && !start_unclean) {
      return fail(ErrorKind::usage, "run " + id + " has ended: its failures were given up",
                  "'darn retry " + id + " --launch' runs what has not succeeded again");
    }
    DARN_ASSIGN(lineage, hold_lineage(context, *store, run.root, id));
    // Before anything is changed; run_session looks again and says what it finds.
    DARN_TRY(refuse_unsafe(context, *store, run, options));
    DARN_TRY(apply_flags(options, run.settings));
    DARN_TRY(store->set_run_settings(run.key, run.settings));
    if (run.state == RunState::cancelled || start_unclean) {
      DARN_TRY(reopen(context, *store, run, unclean, options.start_unclean));
    }
    running.durability = run.settings.durability;
  }
  return run_session(context, id, running);
}

}  // namespace darn::cli
