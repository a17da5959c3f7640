// darn: the program. A shim is this same executable (process/shim_runner.hpp) and must stay small,
// so it is told apart before anything else happens.
#include <cstdio>
#include <exception>
#include <string_view>

#include "cli/commands.hpp"
#include "process/shim_runner.hpp"

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == darn::kShimArgument) {
    return darn::shim_main(argc, argv);
  }
  constexpr int kBugOfOurs = 70;
  try {
    return darn::cli::main_entry(argc, argv);
  } catch (const std::exception& bug) {
    std::fprintf(stderr, "darn: internal error: %s; please report it\n", bug.what());
  } catch (...) {
    std::fprintf(stderr, "darn: internal error; please report it\n");
  }
  return kBugOfOurs;
}
