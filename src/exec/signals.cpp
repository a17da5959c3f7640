#include "exec/signals.hpp"

#include <unistd.h>

#include <array>

namespace darn::exec {
namespace {

constexpr std::array kTaken{SIGCHLD, SIGINT,  SIGQUIT, SIGTERM, SIGHUP,
                            SIGUSR1, SIGUSR2, SIGTSTP, SIGCONT};

}  // namespace

Signals::Signals() : found_(signal_state()) {
  struct sigaction action {};
  action.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &action, &pipe_);
  action.sa_handler = SIG_DFL;  // an ignored SIGCHLD would take the exit status away
  ::sigaction(SIGCHLD, &action, &child_);
  sigset_t taken;
  ::sigemptyset(&taken);
  for (const int signal : kTaken) {
    struct sigaction now {};
    ::sigaction(signal, nullptr, &now);
    if (now.sa_handler != SIG_IGN) {
      ::sigaddset(&taken, signal);
    }
  }
  ::sigprocmask(SIG_BLOCK, &taken, nullptr);
  fd_ = Fd(::signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK));
}

Signals::~Signals() {
  while (next()) {  // has been heeded, or came too late to matter
  }
  ::sigaction(SIGPIPE, &pipe_, nullptr);
  ::sigaction(SIGCHLD, &child_, nullptr);
  ::sigprocmask(SIG_SETMASK, &found_.mask, nullptr);
}

std::optional<signalfd_siginfo> Signals::next() const {
  signalfd_siginfo info{};
  if (::read(fd_.get(), &info, sizeof info) != sizeof info) {
    return std::nullopt;
  }
  return info;
}

bool is_from_a_process(const signalfd_siginfo& info) { return info.ssi_code <= 0; }

bool asks_to_end(int signal) {
  return signal == SIGINT || signal == SIGTERM || signal == SIGHUP || signal == SIGQUIT;
}

void stop_self(int signal) {
  if (signal == SIGSTOP) {
    ::raise(SIGSTOP);
    return;
  }
  sigset_t one;
  sigset_t before;
  ::sigemptyset(&one);
  ::sigaddset(&one, signal);
  ::raise(signal);
  ::sigprocmask(SIG_UNBLOCK, &one, &before);  // stops here
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
}

TerminalState::TerminalState() {
  for (const int fd : {0, 2, 1}) {
    if (::tcgetattr(fd, &modes_) == 0) {
      fd_ = fd;
      foreground_ = ::tcgetpgrp(fd) == ::getpgrp();
      return;
    }
  }
}

void TerminalState::restore() const {
  if (fd_ < 0 || !foreground_) {
    return;
  }
  sigset_t stop;
  sigset_t before;
  ::sigemptyset(&stop);
  ::sigaddset(&stop, SIGTTOU);  // would stop whoever is not in the foreground
  ::sigprocmask(SIG_BLOCK, &stop, &before);
  ::tcsetpgrp(fd_, ::getpgrp());
  ::tcsetattr(fd_, TCSANOW, &modes_);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace darn::exec
