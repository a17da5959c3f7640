// Starts a command as a shell would start it in its own place: same process group, same terminal,
// the signals of before. It is killed when this process is. Main thread only.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "exec/signals.hpp"

namespace darn::exec {

struct Start {
  const std::vector<std::string>& argv;
  const std::string& cwd;  // empty: as it is
  int in = 0;
  int out = 1;
  int err = 2;
};

struct Started {
  pid_t pid = -1;
  int error = 0;  // errno, when it could not be started; there is no process then
  bool of_directory = false;
};

Started start(const Start& what, const Signals& signals);

}  // namespace darn::exec
