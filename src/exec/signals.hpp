// darn's signals while a command runs: blocked and read from a descriptor, so that each can be
// passed on, and none is lost between two looks. What was ignored stays ignored, for the command,
// too (nohup). One at a time in a process; the destructor puts everything back.
#pragma once

#include <signal.h>
#include <sys/signalfd.h>
#include <termios.h>

#include <optional>

#include "exec/spawn.hpp"
#include "process/fd.hpp"

namespace darn::exec {

class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  int fd() const { return fd_.get(); }
  std::optional<signalfd_siginfo> next() const;
  const SignalState& found() const { return found_; }

 private:
  SignalState found_;
  Fd fd_;
  struct sigaction pipe_ {};
  struct sigaction child_ {};
};

// By kill(2), not by the terminal: then only darn has got it.
bool is_from_a_process(const signalfd_siginfo& info);
bool asks_to_end(int signal);

// Stops darn as the command was stopped, so that the shell sees its job stop; returns when it goes
// on.
void stop_self(int signal);

// The terminal as it was found. An attempt that was killed may have left it raw, or to a process
// group that is gone.
class TerminalState {
 public:
  TerminalState();
  void restore() const;

 private:
  int fd_ = -1;
  bool foreground_ = false;
  termios modes_{};
};

}  // namespace darn::exec
