// Waiting for a run that another process works on.
#pragma once

#include <cstdint>

#include "base/result.hpp"
#include "store/store.hpp"

namespace darn::cli {

// Returns when somebody committed to the store since `version`, and after a second at the latest
// (an engine that dies commits nothing). `version` becomes the one that was seen; begin with 0.
Status wait_for_change(Store& store, std::int64_t& version);

}  // namespace darn::cli
