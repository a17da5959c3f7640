#include "exec/signals.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <array>

#include "process/proc.hpp"

namespace darn::exec {
namespace {

// Those that the kernel sends for something a program itself has done, and those that nobody gets.
constexpr std::array kNotHandedOn{SIGKILL, SIGSTOP, SIGCHLD, SIGSEGV, SIGBUS,  SIGILL, SIGFPE,
                                  SIGTRAP, SIGSYS,  SIGABRT, SIGPIPE, SIGXCPU, SIGXFSZ};

sigset_t only(int signal) {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, signal);
  return set;
}

}  // namespace

const sigset_t& handed_on() {
  static const sigset_t set = [] {
    sigset_t all;
    ::sigfillset(&all);
    for (const int signal : kNotHandedOn) {
      ::sigdelset(&all, signal);
    }
    return all;
  }();
  return set;
}

Signals::Signals() {
  struct sigaction change {};
  change.sa_handler = SIG_DFL;  // ignored, it would take away how the command has ended
  ::sigaction(SIGCHLD, &change, &child_before_);
  change.sa_handler = SIG_IGN;  // a reader who has gone is seen by the write
  ::sigaction(SIGPIPE, &change, &pipe_before_);
  sigset_t mine = handed_on();
  ::sigaddset(&mine, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &mine, &mask_before_);
  fd_.reset(::signalfd(-1, &mine, SFD_CLOEXEC | SFD_NONBLOCK));
}

Signals::~Signals() {
  ::sigaction(SIGPIPE, &pipe_before_, nullptr);
  ::sigaction(SIGCHLD, &child_before_, nullptr);
  ::sigprocmask(SIG_SETMASK, &mask_before_, nullptr);
}

std::optional<signalfd_siginfo> Signals::next() {
  signalfd_siginfo info{};
  if (::read(fd_.get(), &info, sizeof info) != sizeof info) {
    return std::nullopt;
  }
  return info;
}

void Signals::restore_for_child() const {
  ::sigaction(SIGPIPE, &pipe_before_, nullptr);
  ::sigaction(SIGCHLD, &child_before_, nullptr);
  ::signal(SIGXFSZ, SIG_DFL);  // darn ignores it; a command should not
  ::sigprocmask(SIG_SETMASK, &mask_before_, nullptr);
}

bool sent_by_terminal(const signalfd_siginfo& info) { return info.ssi_code == SI_KERNEL; }

bool sent_from_below(const signalfd_siginfo& info) {
  if (info.ssi_code != SI_USER && info.ssi_code != SI_TKILL && info.ssi_code != SI_QUEUE) {
    return false;
  }
  const auto sender = static_cast<pid_t>(info.ssi_pid);
  if (sender <= 1 || sender == ::getpid()) {
    return false;
  }
  for (const Process& p : descendants(all_processes(), {::getpid()})) {
    if (p.pid == sender) {
      return true;
    }
  }
  return false;
}

bool asks_to_end(int signal) {
  return signal == SIGINT || signal == SIGTERM || signal == SIGHUP || signal == SIGQUIT;
}

namespace {
void take_default(int signal) {
  struct sigaction change {};
  change.sa_handler = SIG_DFL;
  struct sigaction before {};
  sigset_t mask_before;
  const sigset_t one = only(signal);
  ::sigaction(signal, &change, &before);
  ::kill(::getpid(), signal);
  ::sigprocmask(SIG_UNBLOCK, &one, &mask_before);  // here it stops, or ends
  ::sigprocmask(SIG_SETMASK, &mask_before, nullptr);
  ::sigaction(signal, &before, nullptr);
}
}  // namespace

void stop_like(int signal) { take_default(signal); }

void die_of(int signal) {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);  // the command has left one, if anybody wanted it
  take_default(signal);
}

}  // namespace darn::exec
