#include "process/slot.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "process/message.hpp"
#include "process/shim.hpp"
#include "process/shim_runner.hpp"

namespace darn {
namespace {

constexpr int kPatienceMs = 5000;  // with a process that should be gone any moment
constexpr int kAboveShimFds = 10;

bool wait_for_exit(int pidfd, int at_most_ms) {
  pollfd fd{pidfd, POLLIN, 0};
  return ::poll(&fd, 1, at_most_ms) > 0;
}

Result<pid_t> spawn_shim(const std::string& executable, const std::string& dir, int slot,
                         int control, int ring) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attr;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attr);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, 1, 2);
  ::posix_spawn_file_actions_adddup2(&actions, control, kShimControlFd);
  ::posix_spawn_file_actions_adddup2(&actions, ring, kShimRingFd);
  ::posix_spawn_file_actions_addclosefrom_np(&actions, kShimRingFd + 1);
  sigset_t all;
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(&attr, &all);  // it never sees a signal before it is ready
  ::posix_spawnattr_setsigdefault(&attr, &all);
  ::posix_spawnattr_setflags(&attr,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
  std::string name = "darn-shim";
  std::string argument = kShimArgument;
  std::string folder = dir;
  std::string number = std::to_string(slot);
  const std::array<char*, 5> argv = {name.data(), argument.data(), folder.data(), number.data(),
                                     nullptr};
  const char* path = executable.empty() ? "/proc/self/exe" : executable.c_str();
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, path, &actions, &attr, argv.data(), environ);
  ::posix_spawnattr_destroy(&attr);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    return fail(ErrorKind::unavailable,
                std::string("cannot start a supervisor (") + path + "): " + std::strerror(error));
  }
  return pid;
}

}  // namespace

Result<bool> Slot::open() {
  if (ring_ && (lock_ || has_shim())) {
    return true;
  }
  DARN_ASSIGN(ring_, Ring::open(dir_, index_, lock_));
  return static_cast<bool>(lock_);
}

Status Slot::start_shim(const std::string& executable) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail_errno("socketpair");
  }
  Fd ours(ends[0]);
  const Fd theirs(ends[1]);
  // Out of the way of the numbers that they will have in the shim.
  const Fd control(::fcntl(theirs.get(), F_DUPFD_CLOEXEC, kAboveShimFds));
  const Fd ring(::fcntl(lock_.get(), F_DUPFD_CLOEXEC, kAboveShimFds));
  if (!control || !ring) {
    return fail_errno("dup");
  }
  RingHeader& header = ring_.header();
  const std::string boot = boot_id();
  std::memset(header.boot_id, 0, sizeof header.boot_id);
  boot.copy(header.boot_id, sizeof header.boot_id - 1);
  DARN_ASSIGN(shim_, spawn_shim(executable, dir_, index_, control.get(), ring.get()));
  header.shim_pid = shim_;
  header.shim_start = start_ticks(shim_);
  control_ = std::move(ours);
  lock_.reset();  // the shim's now
  retiring_ = gone_ = false;
  return {};
}

Status Slot::start(const Job& job) {
  std::uint32_t index = 0;
  while (index < kRingRecords && ring_.record(index).load() != RecordState::free) {
    ++index;
  }
  if (index == kRingRecords) {
    return fail(ErrorKind::try_again, "no free exit record in slot " + std::to_string(index_));
  }
  RingRecord& record = ring_.record(index);
  record.body = {};
  record.body.attempt = job.attempt;
  record.store(RecordState::queued);
  if (auto sent = send_job(control_.get(), job, index); !sent) {
    record.store(RecordState::free);
    return sent;
  }
  reserved_ = false;
  jobs_.push_back({job.attempt, job.attempt_name, index, false, false});
  return {};
}

void Slot::stop(AttemptKey attempt, bool now) {
  const bool here = std::any_of(jobs_.begin(), jobs_.end(), [&](const Assigned& job) {
    return job.attempt == attempt && !job.reported;
  });
  if (here && control_) {
    stops_.push_back({attempt, now});
    send_stops();
  } else if (here && adopted_) {
    ::syscall(SYS_pidfd_send_signal, adopted_.get(), now ? SIGUSR2 : SIGUSR1, nullptr, 0);
  }
}

// What a full socket does not take is sent later: collect() comes by here.
void Slot::send_stops() {
  const auto sent = [&](const Stop& stop) {
    return !control_ || send_stop(control_.get(), stop.attempt, stop.now);
  };
  stops_.erase(stops_.begin(), std::find_if_not(stops_.begin(), stops_.end(), sent));
}

bool Slot::recall(AttemptKey attempt) {
  const auto job = std::find_if(jobs_.begin(), jobs_.end(),
                                [&](const Assigned& j) { return j.attempt == attempt; });
  if (job == jobs_.end() || job->reported || !control_ ||
      !ring_.record(job->record).change(RecordState::queued, RecordState::recalled)) {
    return false;
  }
  jobs_.erase(job);
  return true;
}

bool Slot::idle() const {
  const bool free =
      std::all_of(jobs_.begin(), jobs_.end(), [](const Assigned& j) { return j.gone; });
  return free && !reserved_ && !adopted_;
}

void Slot::release(AttemptKey attempt) {
  const auto done = [&](const Assigned& job) { return job.attempt == attempt || job.gone; };
  for (const Assigned& job : jobs_) {
    if (done(job)) {
      ring_.record(job.record).store(RecordState::free);
    }
  }
  jobs_.erase(std::remove_if(jobs_.begin(), jobs_.end(), done), jobs_.end());
}

void Slot::reap_if_idle() {
  const bool busy =
      std::any_of(jobs_.begin(), jobs_.end(), [](const Assigned& job) { return !job.reported; });
  if (!busy && shim_ > 0) {
    const Fd exit = pidfd_open(shim_);
    wait_for_exit(exit.get(), kPatienceMs);
    ::waitpid(shim_, nullptr, WNOHANG);
  }
}

void Slot::hear_bell() {
  std::array<char, 8> bell{};
  const ssize_t n = adopted_ ? 0 : ::recv(control_.get(), bell.data(), bell.size(), MSG_DONTWAIT);
  gone_ = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

void Slot::collect(std::vector<Ended>& ends) {
  send_stops();
  for (Assigned& job : jobs_) {
    const RingRecord& record = ring_.record(job.record);
    if (!job.reported && record.load() == RecordState::ended) {
      job.reported = true;
      retiring_ = retiring_ || record.body.retiring;
      ends.push_back(record.sound()
                         ? Ended{job.attempt, index_, outcome_of(record.body, index_), false}
                         : lost(job));
    }
  }
}

Status Slot::bury(std::vector<Ended>& ends) {
  reap_shim();
  DARN_TRY(relock());
  collect(ends);
  give_back(ends);
  std::vector<Mark> marks;
  for (const Assigned& job : jobs_) {
    if (!job.reported) {
      marks.push_back(mark(job.name));
    }
  }
  // What has a KILL pending and cannot die yet does nothing of its own any more.
  end_survivors(marks, Duration{kPatienceMs});
  for (Assigned& job : jobs_) {
    if (!job.reported) {
      job.reported = true;
      ends.push_back(lost(job));
    }
  }
  return {};
}

// What waited has not begun, and never will here: nobody is left to begin it.
void Slot::give_back(std::vector<Ended>& ends) {
  for (std::uint32_t i = 0; i < kRingRecords; ++i) {
    ring_.record(i).change(RecordState::recalled, RecordState::free);
  }
  const auto waited = [&](const Assigned& job) {
    RingRecord& record = ring_.record(job.record);
    if (job.reported || !(record.change(RecordState::queued, RecordState::free) ||
                          record.change(RecordState::never_started, RecordState::free))) {
      return false;
    }
    ends.push_back({job.attempt, index_, {}, true});
    return true;
  };
  jobs_.erase(std::remove_if(jobs_.begin(), jobs_.end(), waited), jobs_.end());
}

void Slot::reap_shim() {
  control_.reset();
  adopted_.reset();
  gone_ = retiring_ = false;
  if (shim_ <= 0) {
    return;
  }
  const Fd exit = pidfd_open(shim_);
  if (exit && !wait_for_exit(exit.get(), kPatienceMs)) {
    ::kill(shim_, SIGKILL);
    wait_for_exit(exit.get(), kPatienceMs);
  }
  ::waitpid(shim_, nullptr, WNOHANG);
  shim_ = -1;
}

Status Slot::relock() {
  for (int waited = 0; waited < kPatienceMs && !lock_; waited += 5) {
    DARN_ASSIGN(ring_, Ring::open(dir_, index_, lock_));
    if (!lock_) {  // its child between vfork and exec may hold it for a moment
      ::poll(nullptr, 0, 5);
    }
  }
  return lock_ ? Status{}
               : fail(ErrorKind::try_again, dir_ + '/' + ring_name(index_) + " is still locked");
}

Mark Slot::mark(const std::string& name) const {
  return mark_of(name, ring_.header().shim_pid, ring_.header().shim_start);
}

Ended Slot::lost(const Assigned& job) const {
  RecordBody body = ring_.record(job.record).body;
  recover(body.out);
  recover(body.err);
  body.end = static_cast<std::uint8_t>(End::lost);
  body.ended_ms = to_ms(SystemClock().now());
  body.started_ms = body.started_ms != 0 ? body.started_ms : body.ended_ms;
  body.wall_ms = body.ended_ms - body.started_ms;
  body.check_ran = false;
  body.check_out = {};
  return {job.attempt, index_, outcome_of(body, index_)};
}

// Sizes are recorded at the end; without one, what lies behind the beginning is what there is.
void Slot::recover(StreamRecord& stream) const {
  const std::string path = dir_ + '/' + segment_name(index_, stream.kind, stream.segment);
  struct stat info {};
  if (stream.kind == StreamRecord::none || stream.head > 0 || ::stat(path.c_str(), &info) != 0) {
    return;
  }
  const auto size = static_cast<std::uint64_t>(info.st_size);
  stream.head = size > stream.offset ? size - stream.offset : 0;
}

bool Slot::same_boot() const { return ring_ && boot_id() == ring_.header().boot_id; }

bool Slot::has_queued() const {
  for (std::uint32_t i = 0; i < kRingRecords; ++i) {
    if (ring_.record(i).load() == RecordState::queued) {
      return true;
    }
  }
  return false;
}

// The shim that the ring names, if that process is there. (Not there and yet locked: it lives in
// another container.)
Fd Slot::open_shim() const {
  const RingHeader& header = ring_.header();
  Fd pidfd = header.shim_pid > 0 ? pidfd_open(header.shim_pid) : Fd();
  return start_ticks(header.shim_pid) == header.shim_start ? std::move(pidfd) : Fd();
}

// A living shim without an engine decides at once what becomes of its queue: it is dropped.
Status Slot::wait_until_settled() {
  for (int waited = 0; waited < kPatienceMs; waited += 5) {
    adopted_ = open_shim();
    if (!adopted_ || wait_for_exit(adopted_.get(), 0)) {
      adopted_.reset();
      return relock();
    }
    if (!has_queued()) {
      return {};
    }
    wait_for_exit(adopted_.get(), 5);
  }
  adopted_.reset();
  return fail(ErrorKind::try_again,
              "the supervisor of slot " + std::to_string(index_) + " (process " +
                  std::to_string(ring_.header().shim_pid) + ") does not answer",
              "continue it (kill -CONT) or end it (kill -KILL)");
}

ProcessRunner::Fate Slot::fate_of(const RingRecord& record) const {
  using Fate = ProcessRunner::Fate;
  const RecordState state = record.load();
  if (state == RecordState::ended && record.sound()) {
    return Fate::ended;
  }
  if (state == RecordState::never_started) {
    return Fate::never_started;
  }
  if (adopted_) {
    return Fate::still_running;
  }
  // After a crash of the machine, `queued` may be what is left of a later state.
  return state == RecordState::queued && same_boot() ? Fate::never_started : Fate::gone;
}

// Also whose it was, when that was before a power cut: the database may number anew from before it,
// and must not be taken for an older copy then.
void Slot::forget(RingRecord& record) const {
  if (!same_boot()) {
    record.body = {};
  }
  record.store(RecordState::free);
}

Status Slot::adopt(std::map<AttemptKey, ProcessRunner::Left>& left, Findings& findings) {
  DARN_ASSIGN(const bool locked, open());
  if (!locked) {
    DARN_TRY(wait_until_settled());
  } else if (const Fd dying = open_shim(); dying) {
    // Its lock goes before its child is told: what was just being started is dead only after this.
    wait_for_exit(dying.get(), kPatienceMs);
  }
  std::vector<Mark> survivors;
  for (std::uint32_t i = 0; i < kRingRecords; ++i) {
    RingRecord& record = ring_.record(i);
    if (record.change(RecordState::recalled, RecordState::free) ||
        record.load() == RecordState::free) {
      forget(record);
      continue;
    }
    const auto at = left.find(record.body.attempt);
    const auto fate = fate_of(record);
    if (at == left.end() || fate == ProcessRunner::Fate::never_started) {
      if (fate != ProcessRunner::Fate::still_running) {  // committed before; or nothing to keep
        forget(record);
      }
    } else {
      const bool gone = fate == ProcessRunner::Fate::gone;
      jobs_.push_back({at->first, at->second.attempt_name, i, gone, gone});
      if (gone && same_boot()) {
        survivors.push_back(mark(at->second.attempt_name));
      }
    }
    if (at != left.end()) {
      findings.fates.push_back({at->first, fate});
      left.erase(at);
    }
  }
  if (!end_survivors(survivors, Duration{2 * kPatienceMs})) {
    return fail(ErrorKind::try_again, "processes of an earlier engine do not end",
                "look for DARN_ATTEMPT in the environments of your processes");
  }
  collect(findings.ends);
  return {};
}

}  // namespace darn
