// Starts the command by vfork: nothing of darn is copied, its process group is darn's own, and its
// signals are what darn was given. A command whose darn is killed is killed with it: who ends darn
// means the command.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <string>
#include <vector>

namespace darn::exec {

// How darn found its signals. Taken before darn changes anything of them.
struct SignalState {
  sigset_t mask;
  bool pipe_ignored = false;
  bool file_size_ignored = false;  // as it was before main (which ignores it)
};
SignalState signal_state();

struct Launch {
  std::vector<std::string> argv;
  std::string cwd;  // empty: as it is
  int in = 0;       // what shall be its 0, 1 and 2
  int out = 1;
  int err = 2;
};

struct Started {
  pid_t pid = -1;
  int error = 0;           // why it could not be started
  bool directory = false;  // ... its directory, that is
};
Started start(const Launch& launch, const SignalState& signals);

}  // namespace darn::exec
