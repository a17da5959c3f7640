// Flags laid over the settings that load_config and the task file gave. Pure.
#pragma once

#include "base/result.hpp"
#include "cli/commands.hpp"
#include "model/run.hpp"

namespace darn::cli {

// Usage errors name the flag. --timeout, --idle-timeout and --retries go to settings.defaults
// (where tasks that set none find them), so call it before read_tasks.
Status apply_flags(const RunningOptions& options, RunSettings& settings);

}  // namespace darn::cli
