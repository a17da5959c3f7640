// What each cycle leaves for people and scripts: batch-YYYYMMDD-HHMMSS/ with manifest.json,
// agent-<id>.log and results/agent-<id>/workspace/, and the retry file with what did not succeed.
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

// Everything that has not succeeded, in the input's own columns, RETRY-N in its tags (an earlier
// RETRY-k is replaced). Returns the path: file, or batches/auto-retry-<batch's stamp>-<now>.csv.
// Rows that came from YAML get the columns they use. Empty path: nothing to retry.
Result<std::string> write_retry_file(Store& store, const StatePaths& paths, const RunRecord& run,
                                     int retry_number, Time now, const std::string& file = {});

// The run whose batch a retry file's name carries ("auto-retry-<stamp>-…csv"); empty: none.
std::string parent_batch_of(const std::string& file);

// Writes text to path by way of path.tmp and rename.
Status write_file_whole(const std::string& path, const std::string& text);

}  // namespace darn
