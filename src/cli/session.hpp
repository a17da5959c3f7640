// Running a planned run in the foreground or detached: lock, signals, progress, the closing
// summary, notify and the exit status. run, resume and retry --launch share it.
#pragma once

#include <string>

#include "base/result.hpp"
#include "cli/commands.hpp"
#include "cli/context.hpp"
#include "engine/lock.hpp"
#include "model/run.hpp"

namespace darn::cli {

// Runs it to its end and returns the exit status. With --detach, goes on in the background after
// printing the run's id. No store may be open: a detached run must not inherit a connection.
Result<int> run_session(const Context& context, const std::string& run_id,
                        const RunningOptions& options);

// Two runs of one lineage at a time could both take up the same task: a re-run and a resumed run
// hold this from before they are planned until they have ended. `own`: a run of the lineage that
// the caller has locked itself. try_again when another one lives, or is just being planned.
Result<RunLock> hold_lineage(const Context& context, Store& store, const std::string& root,
                             const std::string& own = {});

// The settings for a new run: configuration, the parent's where the file is a retry of it, flags.
// Whatever a YAML file says beside its tasks comes between (plan/reader.hpp's read_settings).
Result<RunSettings> base_settings(const Context& context, const RunRecord* parent);

// Opens or makes the store of this state directory.
Result<std::unique_ptr<Store>> open_store(const Context& context, const std::string& durability);

}  // namespace darn::cli
