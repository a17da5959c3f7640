// Running a planned run in the foreground or detached: lock, signals, progress, the closing
// summary, notify and the exit status. run, resume and retry --launch share it.
#pragma once

#include <string>

#include "base/result.hpp"
#include "cli/commands.hpp"
#include "cli/context.hpp"
#include "model/run.hpp"

namespace darn::cli {

// Runs it to its end and returns the exit status. With --detach, goes on in the background after
// printing the run's id. No store may be open: a detached run must not inherit a connection.
Result<int> run_session(const Context& context, const std::string& run_id,
                        const RunningOptions& options);

// The settings for a new run: configuration, the parent's where the file is a retry of it, flags.
// Whatever a YAML file says beside its tasks comes between (plan/reader.hpp's read_settings).
Result<RunSettings> base_settings(const Context& context, const RunRecord* parent);

// Opens or makes the store of this state directory.
Result<std::unique_ptr<Store>> open_store(const Context& context, const std::string& durability);

}  // namespace darn::cli
