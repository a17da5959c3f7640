#include "exec/foreground.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "exec/start.hpp"

namespace darn::exec {
namespace {

constexpr auto kLookAgain = std::chrono::milliseconds{10};  // while a tree is being ended
constexpr auto kPatience = std::chrono::seconds{2};         // after KILL, for what cannot be killed

Duration of(const timeval& t) {
  return std::chrono::duration_cast<Duration>(std::chrono::seconds{t.tv_sec} +
                                              std::chrono::microseconds{t.tv_usec});
}

Time now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

// Whether a stop of the command is to be seen by the shell that has started us.
bool is_stop_of_job(int signal) {
  const Fd terminal(::open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!terminal) {
    return false;
  }
  return signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU ||
         (signal == SIGSTOP && ::tcgetpgrp(terminal.get()) == ::getpgrp());
}

}  // namespace

struct Foreground::Child {
  enum class Phase { running, asked, killed };
  pid_t pid = -1;
  Phase phase = Phase::running;
  bool ended = false;
  bool stopped = false;
  int status = 0;
  rusage usage{};
  End limit_kind = End::timed_out;
  std::optional<Steady::time_point> limit;  // running: when it is asked to end
  std::optional<Steady::time_point> deadline;
  Duration grace{};
  Steady::time_point next{};  // later phases: when the next step is due
  bool over = false;
};

Foreground::Foreground(Capture capture, bool text_is_needed, bool again)
    : outputs_(capture, text_is_needed), input_(again) {}

void Foreground::wait(Steady::time_point until, bool with_input) {
  std::vector<pollfd> fds{{signals_.fd(), POLLIN, 0}};
  outputs_.watch(fds);
  if (with_input) {
    input_.watch(fds);
  }
  const auto left = std::chrono::ceil<Duration>(until - Steady::now());
  const auto at_most = std::clamp<Duration::rep>(left.count(), 0, 60'000);
  ::poll(fds.data(), fds.size(), static_cast<int>(at_most));
  outputs_.move();
  if (with_input) {
    input_.move();
  }
}

void Foreground::take_signals(Child* child) {
  while (const auto info = signals_.next()) {
    if (info->ssi_signo == SIGCHLD) {
      family_.reap(child != nullptr ? child->pid : -1);
    } else {
      hand_on(*info, child);
    }
  }
}

void Foreground::hand_on(const signalfd_siginfo& info, Child* child) {
  const int signal = static_cast<int>(info.ssi_signo);
  const bool to_all = sent_by_terminal(info);
  if (!to_all && sent_from_below(info)) {
    return;
  }
  if (asks_to_end(signal)) {
    interrupted_ = signal;
    if (child != nullptr && child->phase == Child::Phase::asked) {
      child->next = Steady::now();  // no patience left
    }
  }
  if (child == nullptr) {
    if (signal == SIGTSTP) {
      stop_like(signal);
    }
    return;
  }
  if (child->ended) {
    return;
  }
  if (signal == SIGCONT) {
    // From a shell it goes to the whole group; a command that goes on already does not mind.
    if (child->stopped) {
      ::kill(child->pid, SIGCONT);
      child->stopped = false;
    }
  } else if (!to_all) {
    ::kill(child->pid, signal);
  }
}

void Foreground::follow_stop(Child& child, int signal) {
  child.stopped = true;
  if (!is_stop_of_job(signal)) {
    return;
  }
  const auto from = Steady::now();
  stop_like(signal);
  if (child.limit && child.limit != child.deadline) {
    *child.limit += Steady::now() - from;  // the timeout is of its work
  }
  ::kill(child.pid, SIGCONT);
  child.stopped = false;
}

void Foreground::look_at(Child& child) {
  int status = 0;
  while (!child.ended && ::wait4(child.pid, &status, WNOHANG | WUNTRACED, &child.usage) > 0) {
    if (WIFSTOPPED(status)) {
      follow_stop(child, WSTOPSIG(status));
    } else {
      child.ended = true;
      child.status = status;
    }
  }
}

// Asks the whole tree to end when the limit is reached, and ends what is left of it after the
// grace.
void Foreground::enforce(Child& child) {
  using Phase = Child::Phase;
  const auto time = Steady::now();
  if (child.phase == Phase::running) {
    child.over = child.ended;
    if (child.ended || !child.limit || time < *child.limit) {
      return;
    }
    child.phase = Phase::asked;
    child.next = time + child.grace;
    family_.signal_all(SIGTERM);
    family_.signal_all(SIGCONT);
    return;
  }
  if (child.phase == Phase::asked && time >= child.next) {
    child.phase = Phase::killed;
    child.next = time + kPatience;
  }
  const bool some =
      child.phase == Phase::killed ? family_.signal_all(SIGKILL) : !family_.members().empty();
  // Two readings: a process can be born behind the back of one.
  child.over = child.ended && ((!some && family_.members().empty()) ||
                               (child.phase == Phase::killed && time >= child.next));
}

Outcome Foreground::run(const std::vector<std::string>& argv, const std::string& cwd,
                        const Limits& limits) {
  outputs_.begin_attempt();
  input_.begin_attempt();
  Outcome outcome;
  outcome.started = now();
  const auto began = Steady::now();
  const Started started =
      start({argv, cwd, input_.for_command(), outputs_.out(), outputs_.err()}, signals_);
  if (started.pid < 0) {
    input_.end_attempt();
    outputs_.end_attempt();
    outcome.end = End::not_started;
    outcome.start_errno = started.error;
    outcome.ended = now();
    return outcome;
  }
  Child child{.pid = started.pid, .deadline = limits.deadline, .grace = limits.grace};
  child.limit = limits.deadline;
  child.limit_kind = End::deadline;
  if (limits.timeout && (!child.limit || began + *limits.timeout < *child.limit)) {
    child.limit = began + *limits.timeout;
    child.limit_kind = End::timed_out;
  }
  while (!child.over) {
    const bool ending = child.phase != Child::Phase::running;
    const auto until = ending ? std::min(child.next, Steady::now() + kLookAgain)
                              : child.limit.value_or(Steady::time_point::max());
    wait(child.limit || ending ? until : Steady::now() + std::chrono::minutes{1}, !ending);
    take_signals(&child);
    look_at(child);
    enforce(child);
  }
  take_signals(&child);  // what has come with its end
  input_.end_attempt();
  outputs_.end_attempt();
  outcome.ended = now();
  outcome.wall = std::chrono::duration_cast<Duration>(Steady::now() - began);
  outcome.user = of(child.usage.ru_utime);
  outcome.system = of(child.usage.ru_stime);
  outcome.max_rss_kib = child.usage.ru_maxrss;
  if (WIFSIGNALED(child.status)) {
    outcome.end = End::signalled;
    outcome.signal = WTERMSIG(child.status);
    outcome.core_dumped = WCOREDUMP(child.status);
  } else {
    outcome.exit_code = WEXITSTATUS(child.status);
  }
  if (child.phase != Child::Phase::running) {
    outcome.end = child.limit_kind;
  }
  return outcome;
}

bool Foreground::sleep(Duration time) {
  const auto until = Steady::now() + time;
  while (interrupted_ == 0 && Steady::now() < until) {
    wait(until, false);
    take_signals(nullptr);
  }
  return interrupted_ == 0;
}

}  // namespace darn::exec
