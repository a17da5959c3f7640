// darn resume: a run that was interrupted, killed or cancelled goes on where it was.
#include <optional>

#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/flags.hpp"
#include "cli/say.hpp"
#include "cli/session.hpp"
#include "engine/batch.hpp"
#include "engine/lock.hpp"

namespace darn::cli {
namespace {

// A cancelled run's tasks have ended: they are taken up again in a new cycle.
Status reopen(const Context& context, Store& store, const RunRecord& run) {
  const Time now = context.clock->now();
  DARN_ASSIGN(const std::string batch, new_batch_name(store, context.paths, now));
  DARN_TRY(store.begin());
  const auto change = [&]() -> Status {
    DARN_TRY(store.request_cancel(run.key, false));
    DARN_ASSIGN(const bool opened, store.open_cycle(run.key, run.cycle, batch, now, {}, true));
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
    if (run.state == RunState::failed) {
      return fail(ErrorKind::usage, "run " + id + " has ended: its failures were given up",
                  "'darn retry " + id + " --launch' runs what has not succeeded again");
    }
    DARN_ASSIGN(lineage, hold_lineage(context, *store, run.root, id));
    DARN_TRY(apply_flags(options, run.settings));
    DARN_TRY(store->set_run_settings(run.key, run.settings));
    if (run.state == RunState::cancelled) {
      DARN_TRY(reopen(context, *store, run));
    }
    running.durability = run.settings.durability;
  }
  return run_session(context, id, running);
}

}  // namespace darn::cli
