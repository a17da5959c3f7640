// The task file with what has not succeeded in a run: it runs as it is, as a child of that run.
// Written beside and renamed: whoever reads sees a whole one. Blocking.
#pragma once

#include <string>

#include "base/result.hpp"
#include "engine/paths.hpp"
#include "model/run.hpp"
#include "store/store.hpp"

namespace darn {

// Everything that has not succeeded, in the input's own columns, RETRY-N in its tags (an earlier
// RETRY-k is replaced). Returns the path: file, or batches/auto-retry-<batch's stamp>-<now>.csv.
// Rows that came from YAML get the columns they use. Empty path: nothing to retry.
Result<std::string> write_retry_file(Store& store, const StatePaths& paths, const RunRecord& run,
                                     int retry_number, Time now, const std::string& file = {});

// The run whose batch a retry file's name carries ("auto-retry-<stamp>-…csv"); empty: none.
std::string parent_batch_of(const std::string& file);

}  // namespace darn
