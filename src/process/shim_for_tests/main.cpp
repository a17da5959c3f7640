// The shim by itself, for tests whose own executable has another main.
#include <cstring>

#include "process/shim_runner.hpp"

int main(int argc, char** argv) {
  const bool asked = argc > 1 && std::strcmp(argv[1], darn::kShimArgument) == 0;
  return asked ? darn::shim_main(argc, argv) : 64;
}
