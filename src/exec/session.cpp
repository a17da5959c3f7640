#include "exec/session.hpp"

#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "exec/spawn.hpp"
#include "process/stage.hpp"

namespace darn::exec {
namespace {

constexpr std::int64_t kLook = 20;            // between two looks at what is being ended
constexpr std::int64_t kGiveUpMs = 10'000;    // after KILL: what is left is stuck in the kernel
constexpr std::int64_t kLeftoverGrace = 100;  // to end by themselves, before a next attempt

bool same_file(int a, int b) {
  struct stat one {};
  struct stat two {};
  return ::fstat(a, &one) == 0 && ::fstat(b, &two) == 0 && one.st_dev == two.st_dev &&
         one.st_ino == two.st_ino;
}

}  // namespace

Session::Session(Capture capture, bool replay) {
  if (replay) {
    input_ = std::make_unique<Input>();
  }
  // Where both are one, only one pipe keeps their lines in the order in which they were written:
  // who reads a log does not find an error before what led to it.
  const bool reads_errors = capture == Capture::automatic && ::isatty(2) == 0;
  merged_ = (capture == Capture::always || reads_errors) && same_file(1, 2);
  if (capture == Capture::always && !merged_) {
    out_ = std::make_unique<Tee>(1);
  }
  if (capture == Capture::always || reads_errors) {
    err_ = std::make_unique<Tee>(2);
  }
}

Session::~Session() {
  flush();
  for (const auto* tee : {&out_, &err_}) {
    if (*tee) {
      (*tee)->finish();
    }
  }
}

std::string_view Session::output() const { return out_ ? out_->tail() : std::string_view{}; }
std::string_view Session::errors() const { return err_ ? err_->tail() : std::string_view{}; }

Ended Session::attempt(const std::vector<std::string>& argv, const std::string& cwd,
                       const Limits& limits) {
  Ended ended;
  Launch launch{.argv = argv, .cwd = cwd};
  for (Tee* tee : {out_.get(), err_.get()}) {
    if (tee != nullptr) {
      tee->begin();
      (tee == out_.get() ? launch.out : launch.err) = tee->for_the_command();
    }
  }
  launch.out = merged_ ? launch.err : launch.out;
  launch.in = input_ ? input_->begin() : 0;
  const std::int64_t began = monotonic_ms();
  const Started started = start(launch, signals_.found());
  if (input_) {
    input_->started();
  }
  if (started.pid < 0) {
    ended.end = End::not_started;
    ended.start_errno = started.error;
    return ended;
  }
  pid_ = started.pid;
  ended_ = false;
  stopped_ms_ = 0;
  const auto due = [&] {
    std::int64_t at = limits.deadline_at > 0 ? limits.deadline_at : kNever;
    return limits.timeout_ms > 0 ? std::min(at, began + limits.timeout_ms + stopped_ms_) : at;
  };
  while (!ended_ && monotonic_ms() < due()) {
    pump(due());
  }
  if (!ended_) {
    ended.end = monotonic_ms() >= limits.deadline_at && limits.deadline_at > 0 ? End::deadline
                                                                               : End::timed_out;
    end_family(Family::Which::all, limits.grace_ms);
  }
  flush();
  pid_ = -1;
  if (input_) {
    input_->ended();
  }
  ended.wall = Duration{monotonic_ms() - began};
  if (WIFSIGNALED(status_)) {
    ended.signal = WTERMSIG(status_);
    ended.core_dumped = WCOREDUMP(status_);
    ended.end = ended.end == End::exited ? End::signalled : ended.end;
  } else {
    ended.exit_code = WEXITSTATUS(status_);
  }
  return ended;
}

// TERM, a grace, then KILL until none is left.
void Session::end_family(Family::Which which, std::int64_t grace_ms) {
  std::vector<Process> left = family_.members(which);
  Family::send(left, SIGTERM);
  const std::int64_t kill_at = monotonic_ms() + grace_ms;
  while ((!left.empty() || !ended_) && monotonic_ms() < kill_at) {
    pump(std::min(monotonic_ms() + kLook, kill_at));
    left = family_.members(which);
  }
  const std::int64_t give_up_at = monotonic_ms() + kGiveUpMs;
  while ((!left.empty() || !ended_) && monotonic_ms() < give_up_at) {
    Family::send(left, SIGKILL);
    pump(monotonic_ms() + kLook);
    left = family_.members(which);
  }
  if (!ended_) {  // it has a KILL pending and does no more of its own
    ended_ = true;
    status_ = SIGKILL;
  }
}

bool Session::prepare_another(const Limits& limits) {
  const auto left = [&] { return family_.members(Family::Which::of_our_group); };
  const std::int64_t until = monotonic_ms() + kLeftoverGrace;
  while (!left().empty() && monotonic_ms() < until) {
    pump(std::min(monotonic_ms() + kLook, until));
  }
  end_family(Family::Which::of_our_group, limits.grace_ms);
  terminal_.restore();
  return !input_ || input_->rewind();
}

void Session::wait(Duration how_long) {
  const std::int64_t until = monotonic_ms() + how_long.count();
  while (asked_ == 0 && monotonic_ms() < until) {
    pump(until);
  }
}

bool Session::flushed() const { return (!out_ || out_->idle()) && (!err_ || err_->idle()); }

// What the command wrote before its end. A reader who does not read holds darn up, as it would hold
// up the command, until a signal ends it.
void Session::flush() {
  for (const auto* tee : {&out_, &err_}) {
    if (*tee) {
      (*tee)->ended();
    }
  }
  const int asked_before = times_asked_;  // by the signal that it has answered with its last words
  while (!flushed() && !no_reader_) {
    pump(kNever);
    no_reader_ = times_asked_ != asked_before;
  }
}

// One look at all that may happen, at most until then.
void Session::pump(std::int64_t until) {
  std::array<pollfd, 4> fds{{{signals_.fd(), POLLIN, 0},
                             out_ ? out_->watch() : pollfd{-1, 0, 0},
                             err_ ? err_->watch() : pollfd{-1, 0, 0},
                             input_ && !ended_ ? input_->watch() : pollfd{-1, 0, 0}}};
  const std::int64_t left =
      until == kNever ? -1 : std::max<std::int64_t>(until - monotonic_ms(), 0);
  constexpr std::int64_t kMost = 60'000;
  if (::poll(fds.data(), fds.size(), static_cast<int>(std::min(left, kMost))) <= 0) {
    return;
  }
  if (out_) {
    out_->step(fds[1].revents);
  }
  if (err_) {
    err_->step(fds[2].revents);
  }
  if (input_ && fds[3].revents != 0) {
    input_->step();
  }
  if (fds[0].revents != 0) {
    heed_signals();
  }
}

// The terminal has given its signals to the whole foreground group, the command among them; what
// another process sent went to darn alone.
void Session::heed_signals() {
  while (const auto info = signals_.next()) {
    const int signal = static_cast<int>(info->ssi_signo);
    if (signal == SIGCHLD) {
      continue;
    }
    if (asks_to_end(signal)) {
      ++times_asked_;
      asked_ = asked_ != 0 ? asked_ : signal;
    }
    if (!ended_ && is_from_a_process(*info)) {
      ::kill(pid_, signal);
    } else if (ended_ && signal == SIGTSTP) {
      stop_self(signal);
    }
  }
  reap();
}

void Session::reap() {
  int status = 0;
  for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0;) {
    if (pid != pid_ || ended_) {
      continue;
    }
    if (WIFSTOPPED(status)) {
      stopped(WSTOPSIG(status));
    } else {
      ended_ = true;
      status_ = status;
    }
  }
}

void Session::stopped(int signal) {
  const std::int64_t began = monotonic_ms();
  stop_self(signal);
  stopped_ms_ += monotonic_ms() - began;
  ::kill(pid_, SIGCONT);  // when only darn was told to go on
}

}  // namespace darn::exec
