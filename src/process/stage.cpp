#include "process/stage.hpp"

#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>

#include "process/proc.hpp"

namespace darn {
namespace {

constexpr std::int64_t kSettleMs = 100;         // for what outlives its task, before TERM
constexpr std::int64_t kLingerGraceMs = 1000;   // ... between TERM and KILL, at most
constexpr std::int64_t kGiveUpMs = 10'000;      // after KILL: what is left is stuck in the kernel
constexpr std::int64_t kFirstLookPauseMs = 10;  // doubles up to kLastLookPauseMs
constexpr std::int64_t kLastLookPauseMs = 500;

std::array<char, 65536> g_buffer;  // a shim has one thread

std::int64_t clock_ms(clockid_t clock) {
  timespec t{};
  ::clock_gettime(clock, &t);
  return std::int64_t{t.tv_sec} * 1000 + t.tv_nsec / 1'000'000;
}

std::int64_t after(std::int64_t now, std::int64_t ms) {
  return ms > kNever - now ? kNever : now + ms;
}

}  // namespace

std::int64_t monotonic_ms() { return clock_ms(CLOCK_MONOTONIC); }
std::int64_t wall_ms() { return clock_ms(CLOCK_REALTIME); }

void Stage::start(Launch launch, Stream out, Stream err, const StageLimits& limits) {
  phase_ = Phase::running;
  end_ = End::exited;
  limits_ = limits;
  merged_ = err.segment == nullptr;
  child_ended_ = childless_ = killed_ = lingered_ = nobody_ = false;
  status_ = 0;
  usage_ = {};
  out_.capture.begin(*out.segment, out.limit, *out.record);
  if (!merged_) {
    err_.capture.begin(*err.segment, err.limit, *err.record);
  }
  active_ = true;
  began_at_ = last_output_at_ = monotonic_ms();
  if (!launch_child(launch, merged_)) {
    pid_ = -1;
    child_ended_ = childless_ = true;
    ended_at_ = began_at_;
  }
  launch_ = launch;
}

bool Stage::launch_child(Launch& launch, bool merged) {
  auto out = make_pipe();
  auto err = merged ? Result<Pipe>(Pipe{}) : make_pipe();
  if (!out || !err) {
    *launch.failure = {StartFailure::fork, errno};
    return false;
  }
  launch.out = out->write.get();
  launch.err = merged ? launch.out : err->write.get();
  pid_ = start_child(launch);
  out_.pipe = std::move(out->read);
  err_.pipe = std::move(err->read);
  return pid_ > 0;
}

void Stage::watch(pollfd* out, pollfd* err) const {
  *out = {active_ ? out_.pipe.get() : -1, POLLIN, 0};
  *err = {active_ ? err_.pipe.get() : -1, POLLIN, 0};
}

std::int64_t Stage::next_step_at() const {
  switch (phase_) {
    case Phase::settling: return phase_until_;
    case Phase::terminating:
    case Phase::killing: return std::min(phase_until_, next_look_at_);
    case Phase::running: break;
  }
  if (child_ended_) {
    return 0;
  }
  std::int64_t at = limits_.deadline_at > 0 ? limits_.deadline_at : kNever;
  if (limits_.timeout_ms > 0) {
    at = std::min(at, after(began_at_, limits_.timeout_ms));
  }
  if (limits_.idle_timeout_ms > 0) {
    at = std::min(at, after(last_output_at_, limits_.idle_timeout_ms));
  }
  return at;
}

void Stage::readable(bool out, bool err) {
  if (out) {
    read(out_);
  }
  if (err) {
    read(err_);
  }
}

void Stage::read(Captured& stream) {
  const ssize_t n = ::read(stream.pipe.get(), g_buffer.data(), g_buffer.size());
  if (n > 0) {
    stream.capture.write(g_buffer.data(), static_cast<std::size_t>(n));
    last_output_at_ = monotonic_ms();
  } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
    stream.pipe.reset();
  }
}

// What is in the pipe now; never waits for an end of file that a survivor may hold back.
void Stage::drain(Captured& stream) {
  int left = 0;
  if (!stream.pipe || ::ioctl(stream.pipe.get(), FIONREAD, &left) != 0) {
    return;
  }
  while (left > 0) {
    const ssize_t n = ::read(stream.pipe.get(), g_buffer.data(), g_buffer.size());
    if (n <= 0) {
      break;
    }
    stream.capture.write(g_buffer.data(), static_cast<std::size_t>(n));
    left -= static_cast<int>(n);
  }
  stream.pipe.reset();
}

// The direct child and everything that was re-parented to us.
void Stage::reap(std::int64_t now) {
  for (;;) {
    int status = 0;
    rusage usage{};
    const pid_t pid = ::wait4(-1, &status, WNOHANG, &usage);
    childless_ = pid < 0 && errno == ECHILD;
    if (pid <= 0) {
      return;
    }
    if (pid == pid_) {
      child_ended_ = true;
      ended_at_ = now;
      status_ = status;
      usage_ = usage;
    }
  }
}

bool Stage::step(std::int64_t now) {
  if (pid_ > 0) {
    reap(now);
  }
  if (is_over(now)) {
    finish();
    return true;
  }
  switch (phase_) {
    case Phase::running: check_limits(now); break;
    case Phase::settling:
      if (now >= phase_until_) {
        lingered_ = true;
        end_tree(now, std::min(limits_.grace_ms, kLingerGraceMs));
      }
      break;
    case Phase::terminating:
      if (now >= phase_until_) {
        end_tree(now, 0);
      } else if (now >= next_look_at_) {
        look_again(now);
      }
      break;
    case Phase::killing:
      if (now >= next_look_at_) {
        kill_again(now);
      }
      break;
  }
  return false;
}

bool Stage::is_over(std::int64_t now) {
  const bool given_up = phase_ == Phase::killing && now >= phase_until_;
  if (given_up && !child_ended_) {  // it has a KILL pending and does no more of its own
    ended_at_ = now;
    status_ = SIGKILL;
  }
  if (childless_ || given_up) {
    lingered_ = lingered_ || (given_up && child_ended_);
    return true;
  }
  // Leaving what lingers: after a normal end nothing is awaited, after a stop the group is.
  return limits_.linger_leave && child_ended_ && (phase_ == Phase::running || nobody_);
}

void Stage::check_limits(std::int64_t now) {
  if (child_ended_) {
    phase_ = Phase::settling;
    phase_until_ = now + kSettleMs;
    return;
  }
  if (now < next_step_at()) {
    return;
  }
  const bool timeout = limits_.timeout_ms > 0 && now >= after(began_at_, limits_.timeout_ms);
  const bool deadline = limits_.deadline_at > 0 && now >= limits_.deadline_at;
  end_ = deadline ? End::deadline : timeout ? End::timed_out : End::idle_timed_out;
  end_tree(now, limits_.grace_ms);
}

void Stage::stop(bool at_once) {
  if (!active_) {
    return;
  }
  if (!child_ended_ && end_ == End::exited) {
    end_ = End::cancelled;
  }
  if (at_once ? phase_ != Phase::killing : phase_ < Phase::terminating) {
    end_tree(monotonic_ms(), at_once ? 0 : limits_.grace_ms);
  }
}

void Stage::end_tree(std::int64_t now, std::int64_t grace_ms) {
  if (grace_ms > 0) {
    phase_ = Phase::terminating;
    phase_until_ = after(now, grace_ms);
    next_look_at_ = kNever;
    signal_tree(SIGTERM);
    look_again(now);
    return;
  }
  phase_ = Phase::killing;
  phase_until_ = now + kGiveUpMs;
  look_pause_ms_ = kFirstLookPauseMs;
  kill_again(now);
}

// What lingers may be left: then "no children" does not tell when a stop has come to its end.
void Stage::look_again(std::int64_t now) {
  if (limits_.linger_leave) {
    nobody_ = targets().empty();
    next_look_at_ = now + kLastLookPauseMs;
  }
}

void Stage::kill_again(std::int64_t now) {
  killed_ = killed_ || !child_ended_;
  signal_tree(SIGKILL);
  next_look_at_ = now + look_pause_ms_;
  look_pause_ms_ = std::min(2 * look_pause_ms_, kLastLookPauseMs);
}

// With linger_leave, what was re-parented is not ours any more, but for the group.
std::vector<Process> Stage::targets() const {
  const std::vector<Process> all = all_processes();
  std::vector<Process> found = descendants(all, {::getpid()});
  if (limits_.linger_leave) {
    const std::vector<Process> below = descendants(all, {pid_});
    const auto is_left = [&](const Process& p) {
      return p.pid != pid_ && p.group != pid_ &&
             std::none_of(below.begin(), below.end(),
                          [&](const Process& q) { return q.pid == p.pid; });
    };
    found.erase(std::remove_if(found.begin(), found.end(), is_left), found.end());
  }
  return found;
}

// The group in one go, everybody else one by one. The number of an empty group may be somebody
// else's by now: it is used only while one of ours is in it.
void Stage::signal_tree(int signal) {
  const std::vector<Process> family = targets();
  const bool grouped =
      std::any_of(family.begin(), family.end(), [&](const Process& p) { return p.group == pid_; });
  const auto send = [&](int number) {
    if (grouped) {
      ::kill(-pid_, number);
    }
    for (const Process& p : family) {
      if (p.group != pid_) {
        ::kill(p.pid, number);
      }
    }
  };
  send(signal);
  if (signal != SIGKILL) {
    send(SIGCONT);  // the stopped would never hear of it
  }
  nobody_ = family.empty();
  lingered_ = lingered_ || (child_ended_ && !nobody_);
}

void Stage::finish() {
  drain(out_);
  drain(err_);
  if (launch_.failure->step != StartFailure::none) {
    end_ = End::not_started;
    const std::string note = describe(*launch_.failure, launch_);
    (merged_ ? out_ : err_).capture.write(note.data(), note.size());
  }
  out_.capture.finish();
  err_.capture.finish();
  out_.pipe.reset();
  err_.pipe.reset();
  active_ = false;
}

}  // namespace darn
