// The [dev] of a project, for darn dev and its --init.
#pragma once

#include <string>

#include "cli/context.hpp"
#include "config/dev.hpp"

namespace darn::cli {

// Of the darn.toml in `dir`, with all settings checked; no file: no entries. Errors name the file
// as it is seen from the working directory.
Result<DevEntries> read_project(const Context& context, const std::string& dir);

}  // namespace darn::cli
