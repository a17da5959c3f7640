// What each cycle leaves for people and scripts: batch-YYYYMMDD-HHMMSS/ with manifest.json,
// agent-<id>.log and results/agent-<id>/workspace/. (The retry file: retry_file.hpp.)
// Files are written beside and renamed: whoever reads sees a whole one. Blocking.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "engine/paths.hpp"
#include "model/run.hpp"
#include "store/store.hpp"

namespace darn {

// "batch-20261122-173005", with "-2" when that one exists.
Result<std::string> new_batch_name(Store& store, const StatePaths& paths, Time now);

// How many cycles the runs had that this one descends from: a re-run continues their count.
Result<int> cycles_before(Store& store, const RunRecord& run);

// batch/manifest.json: agents, retry_metadata, state. Called as the cycle opens and as it ends.
Status write_manifest(Store& store, const StatePaths& paths, const RunRecord& run,
                      const std::string& batch);

// Appends one attempt's output to agent-<id>.log, under a line that names the attempt.
Status append_agent_log(const StatePaths& paths, const std::string& run_dir,
                        const AttemptRecord& attempt);

// Writes text to path by way of path.tmp and rename.
Status write_file_whole(const std::string& path, const std::string& text);

}  // namespace darn
