// darn: the program. A shim is this same executable (process/shim_runner.hpp) and must stay small,
// so it is told apart before anything else happens.
#include <fcntl.h>

#include <cstdio>
#include <exception>
#include <string_view>

#include "cli/commands.hpp"
#include "process/shim_runner.hpp"

namespace {

// A closed standard stream would give its number to the next file that is opened, and what is said
// would land in the database. What stands in for it refuses to be used.
void open_standard_streams() {
  for (const int fd : {0, 1, 2}) {
    if (::fcntl(fd, F_GETFD) < 0) {
      ::open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == darn::kShimArgument) {
    return darn::shim_main(argc, argv);
  }
  open_standard_streams();
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
