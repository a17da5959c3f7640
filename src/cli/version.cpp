// darn version, darn --version
#include "cli/commands.hpp"

namespace darn::cli {

Result<int> version(const Context&, const VersionOptions&) {
  print("darn " DARN_VERSION "\n");
  return 0;
}

}  // namespace darn::cli
