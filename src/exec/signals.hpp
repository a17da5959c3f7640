// The signals of this process while a command runs in its place: they are read from a descriptor
// instead of being delivered, and the command starts with those of before. One object at a time,
// main thread only.
#pragma once

#include <signal.h>
#include <sys/signalfd.h>
#include <sys/types.h>

#include <optional>

#include "process/fd.hpp"

namespace darn::exec {

// What a program that stands between must hand on.
const sigset_t& handed_on();

class Signals {
 public:
  Signals();   // blocks them; SIGCHLD as well
  ~Signals();  // as before; what has come meanwhile and was not read is delivered
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  int fd() const { return fd_.get(); }
  std::optional<signalfd_siginfo> next();
  // In the child, between vfork and exec: system calls only.
  void restore_for_child() const;

 private:
  Fd fd_;
  sigset_t mask_before_{};
  struct sigaction pipe_before_ {};
  struct sigaction child_before_ {};
};

// Whether somebody below this process has sent it: to the whole group, then, so that the command
// has it already.
bool sent_from_below(const signalfd_siginfo& info);
// From the keyboard of the terminal: the kernel sends it to the whole group.
bool sent_by_terminal(const signalfd_siginfo& info);
// Asks the command to end.
bool asks_to_end(int signal);

// Stops this process as the command was stopped; returns when it is continued.
void stop_like(int signal);
// Ends this process by that signal, without a core of its own. Returns only if that is impossible.
void die_of(int signal);

}  // namespace darn::exec
