// Where the output of an attempt lies that is still running: read from its slot's ring, which only
// knows where the stream began; how far it got is the size of the file.
#pragma once

#include <string>

#include "base/result.hpp"
#include "model/run.hpp"

namespace darn::cli {

struct LiveOutput {
  OutputRef out, err;
  bool cut = false;  // more was written than is kept; only the beginning can be told for now
};

// dir: of the run. Nothing found (not started yet, or just ended): empty references.
Result<LiveOutput> live_output(const std::string& dir, const AttemptRecord& attempt,
                               std::uint64_t output_limit);

}  // namespace darn::cli
