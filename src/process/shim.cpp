// The shim: one small process per slot, which outlives a dead engine by one job. It has no threads,
// uses little memory, blocks all signals outside of ppoll and holds the slot's lock.
#include "process/shim.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "process/message.hpp"
#include "process/oom.hpp"
#include "process/proc.hpp"
#include "process/shim_runner.hpp"
#include "process/stage.hpp"

namespace darn {
namespace {

constexpr std::size_t kQueue = kSlotJobs;
// A shim tells its ends when it has this part left of what it had at hand, or after so long.
constexpr std::size_t kPart = 4;
constexpr std::int64_t kBellDelayMs = 25;

// 1: stop the job, 2: now. From an engine that has adopted us and has no socket to us.
volatile std::sig_atomic_t g_stop = 0;

void on_signal(int number) {
  if (number == SIGUSR1 && g_stop == 0) {
    g_stop = 1;
  } else if (number == SIGUSR2) {
    g_stop = 2;
  }
}

// Returns the mask for ppoll.
sigset_t set_up_signals() {
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_NOCLDSTOP;
  for (const int number : {SIGCHLD, SIGUSR1, SIGUSR2}) {
    ::sigaction(number, &action, nullptr);
    ::sigdelset(&all, number);
  }
  return all;
}

class Shim {
 public:
  Shim(Fd control, Ring ring, int dir, int slot)
      : control_(std::move(control)),
        ring_(std::move(ring)),
        out_(dir, slot, StreamRecord::out, ring_.header().out_segment),
        err_(dir, slot, StreamRecord::err, ring_.header().err_segment),
        mark_(mark_of({}, ::getpid(), start_ticks(::getpid())).shim),
        mask_(set_up_signals()) {}

  // Until the engine has gone and the running job is recorded, or a job left something behind.
  void run() {
    while (!retiring_ && (control_ || count_ > 0)) {
      if (count_ > 0 && !stage_.active()) {
        begin_next();
      } else {
        wait();
      }
    }
    drop_queue();
  }

 private:
  Message& job() { return queue_[first_].message; }
  RingRecord& record() { return ring_.record(job().header.record); }

  void wait();
  void receive_one();
  void forget_recalled();
  void drop_queue();
  void ring_bell();
  void stop(std::int64_t attempt, bool now);
  void stop_current(bool now);
  void begin_next();
  void begin_job();
  void start_main();
  void start_check();
  void stage_over();
  void main_over();
  void check_over();
  void complete();
  void pop();
  StageLimits limits(std::int64_t timeout_ms, std::int64_t idle_ms);
  Launch launch(std::vector<char*>& words, StartFailure& failure);

  struct Entry {
    Message message;
    bool cancelled = false;
  };

  Fd control_;
  Ring ring_;
  Segment out_;
  Segment err_;
  std::string mark_;
  sigset_t mask_;
  OomWatch oom_;
  JobEnvironment environment_;
  Stage stage_;
  Message incoming_;
  std::array<Entry, kQueue> queue_;  // the first one is running
  std::size_t first_ = 0;
  std::size_t count_ = 0;
  std::size_t most_ = 0;  // of them since the last bell
  std::int64_t deadline_at_ = 0;
  std::int64_t bell_at_ = kNever;  // when an end that was not told yet is told at the latest
  bool in_check_ = false;
  bool stopping_ = false;
  bool retiring_ = false;
};

void Shim::wait() {
  std::array<pollfd, 3> fds{};
  fds[0] = {control_.get(), POLLIN, 0};
  stage_.watch(&fds[1], &fds[2]);
  timespec timeout{};
  timespec* until = nullptr;
  const std::int64_t next = std::min(stage_.active() ? stage_.next_step_at() : kNever, bell_at_);
  if (next != kNever) {
    const std::int64_t left = std::max<std::int64_t>(next - monotonic_ms(), 0);
    timeout = {left / 1000, (left % 1000) * 1'000'000};
    until = &timeout;
  }
  if (::ppoll(fds.data(), fds.size(), until, &mask_) > 0) {
    stage_.readable(fds[1].revents != 0, fds[2].revents != 0);
    if (fds[0].revents != 0) {
      receive_one();
    }
  }
  if (g_stop != 0) {
    stop_current(g_stop == 2);
    g_stop = 0;
  }
  const std::int64_t now = monotonic_ms();
  if (now >= bell_at_) {
    ring_bell();
  }
  if (stage_.active() && stage_.step(now)) {
    stage_over();
  }
}

void Shim::receive_one() {
  const Received received = receive(control_.get(), incoming_);
  const MessageHeader& h = incoming_.header;
  if (received == Received::closed) {
    control_.reset();
    drop_queue();
  } else if (received == Received::message && h.kind == MessageHeader::stop) {
    stop(h.attempt, h.has(MessageHeader::now));
  } else if (received == Received::message) {
    if (count_ == kQueue) {
      forget_recalled();
    }
    if (count_ == kQueue) {
      return;  // against the agreement (runner.hpp); it stays queued and is returned at our end
    }
    Entry& entry = queue_[(first_ + count_++) % kQueue];
    std::swap(entry.message, incoming_);
    entry.cancelled = false;
    most_ = std::max(most_, count_);
  }
}

// The first one runs, and is not recalled.
void Shim::forget_recalled() {
  std::size_t kept = 1;
  for (std::size_t i = 1; i < count_; ++i) {
    Entry& entry = queue_[(first_ + i) % kQueue];
    RingRecord& waits = ring_.record(entry.message.header.record);
    if (waits.change(RecordState::recalled, RecordState::free)) {
      continue;
    }
    if (kept != i) {
      std::swap(queue_[(first_ + kept) % kQueue], entry);
    }
    ++kept;
  }
  count_ = kept;
}

// The engine is dead, or we are about to end: what has not begun shall not begin.
void Shim::drop_queue() {
  count_ = stage_.active() ? 1 : 0;
  for (std::uint32_t i = 0; i < kRingRecords; ++i) {
    ring_.record(i).change(RecordState::queued, RecordState::never_started);
  }
}

void Shim::stop(std::int64_t attempt, bool now) {
  for (std::size_t i = 0; i < count_; ++i) {
    Entry& entry = queue_[(first_ + i) % kQueue];
    if (entry.message.header.attempt != attempt) {
      continue;
    }
    if (i == 0 && stage_.active()) {
      stop_current(now);
    } else {
      entry.cancelled = true;
    }
  }
}

void Shim::stop_current(bool now) {
  stopping_ = true;
  stage_.stop(now);
}

StageLimits Shim::limits(std::int64_t timeout_ms, std::int64_t idle_ms) {
  return {.timeout_ms = timeout_ms,
          .idle_timeout_ms = idle_ms,
          .deadline_at = deadline_at_,
          .grace_ms = job().header.grace_ms,
          .linger_leave = job().header.has(MessageHeader::linger_leave)};
}

Launch Shim::launch(std::vector<char*>& words, StartFailure& failure) {
  return {.words = words.data(),
          .env = environment_.data(),
          .cwd = job().cwd,
          .stdin_file = "",
          .out = -1,
          .err = -1,
          .failure = &failure};
}

// Unless the engine has taken it back.
void Shim::begin_next() {
  if (record().change(RecordState::queued, RecordState::starting)) {
    return begin_job();
  }
  record().change(RecordState::recalled, RecordState::free);
  pop();
  if (count_ == 0 && bell_at_ != kNever) {
    ring_bell();  // what was counted as work at hand was none
  }
}

void Shim::begin_job() {
  const MessageHeader& h = job().header;
  RecordBody& body = record().body;
  body = {};
  body.attempt = h.attempt;
  body.started_ms = wall_ms();
  in_check_ = stopping_ = false;
  const std::int64_t left = h.deadline_ms - body.started_ms;
  deadline_at_ = h.deadline_ms != 0 ? monotonic_ms() + left : 0;
  const bool late = h.deadline_ms != 0 && left <= 0;
  if (late || queue_[first_].cancelled) {
    body.end = static_cast<std::uint8_t>(late ? End::deadline : End::cancelled);
    return complete();
  }
  start_main();
}

void Shim::start_main() {
  const MessageHeader& h = job().header;
  RecordBody& body = record().body;
  oom_.refresh(monotonic_ms());
  environment_.build(job(), mark_);
  Launch task = launch(job().argv, body.failure);
  task.stdin_file = job().stdin_file;
  Stage::Stream err;
  if (h.has(MessageHeader::separate_stderr)) {
    err = {&err_, &body.err, h.output_limit};
  }
  stage_.start(task, {&out_, &body.out, h.output_limit}, err,
               limits(h.timeout_ms, h.idle_timeout_ms));
  body.pid = stage_.pid();
  record().store(RecordState::began);
}

void Shim::stage_over() {
  retiring_ = retiring_ || stage_.left_some();
  if (in_check_) {
    check_over();
  } else {
    main_over();
  }
}

void Shim::main_over() {
  RecordBody& body = record().body;
  const int status = stage_.status();
  const rusage& usage = stage_.usage();
  const auto to_ms = [](const timeval& t) { return t.tv_sec * 1000 + t.tv_usec / 1000; };
  body.end = static_cast<std::uint8_t>(stage_.end());
  body.wall_ms = stage_.wall_ms();
  body.user_ms = to_ms(usage.ru_utime);
  body.system_ms = to_ms(usage.ru_stime);
  body.max_rss_kib = usage.ru_maxrss;
  body.lingered = stage_.lingered();
  if (stage_.end() == End::not_started) {
    return complete();
  }
  if (WIFSIGNALED(status)) {
    body.signal = WTERMSIG(status);
    body.core_dumped = WCOREDUMP(status);
    body.out_of_memory = body.signal == SIGKILL && !stage_.killed() && oom_.struck();
    if (stage_.end() == End::exited) {
      body.end = static_cast<std::uint8_t>(End::signalled);
    }
  } else {
    body.exit_code = WEXITSTATUS(status);
  }
  const bool passed = stage_.end() == End::exited && WIFEXITED(status) && body.exit_code == 0;
  if (!passed || job().header.checkc == 0) {
    return complete();
  }
  if (stopping_) {
    body.end = static_cast<std::uint8_t>(End::cancelled);
    return complete();
  }
  start_check();
}

void Shim::start_check() {
  RecordBody& body = record().body;
  in_check_ = true;
  body.check_ran = true;
  stage_.start(launch(job().check_argv, body.check_failure),
               {&out_, &body.check_out, job().header.output_limit}, {},
               limits(job().header.check_timeout_ms, 0));
}

void Shim::check_over() {
  RecordBody& body = record().body;
  const int status = stage_.status();
  End end = stage_.end();
  if (end == End::cancelled || end == End::deadline) {  // of the whole attempt
    body.end = static_cast<std::uint8_t>(end);
  }
  if (end == End::not_started) {
    body.check_exit = 127;
  } else if (WIFSIGNALED(status)) {
    body.check_exit = 128 + WTERMSIG(status);
    end = end == End::exited ? End::signalled : end;
  } else {
    body.check_exit = WEXITSTATUS(status);
  }
  body.check_end = static_cast<std::uint8_t>(end);
  body.lingered = body.lingered || stage_.lingered();
  complete();
}

void Shim::complete() {
  RecordBody& body = record().body;
  body.ended_ms = wall_ms();
  body.retiring = retiring_;
  record().seal();
  pop();
  // With work at hand the engine may hear of several ends at once: it then commits them at once.
  if (count_ <= std::max<std::size_t>(1, most_ / kPart) || retiring_) {
    ring_bell();
  } else {
    bell_at_ = std::min(bell_at_, monotonic_ms() + kBellDelayMs);
  }
}

void Shim::pop() {
  first_ = (first_ + 1) % kQueue;
  --count_;
}

void Shim::ring_bell() {
  bell_at_ = kNever;
  most_ = count_;
  const char bell = 1;
  if (control_) {  // a full socket has unread bells in it, and a dead engine needs none
    static_cast<void>(::send(control_.get(), &bell, 1, MSG_NOSIGNAL | MSG_DONTWAIT));
  }
}

}  // namespace

int shim_main(int argc, char** argv) {
  if (argc != 4) {
    return 64;
  }
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  ::prctl(PR_SET_NAME, "darn-shim");
  for (const int fd : {kShimControlFd, kShimRingFd}) {
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
  const Fd dir(::open(argv[2], O_PATH | O_DIRECTORY | O_CLOEXEC));
  auto ring = Ring::map(kShimRingFd);
  if (!dir || !ring) {
    return 74;
  }
  const int slot = std::atoi(argv[3]);  // NOLINT(cert-err34-c): Slot::start_shim wrote it
  Shim(Fd(kShimControlFd), std::move(*ring), dir.get(), slot).run();
  ::_exit(0);  // nothing to tidy up that the kernel does not
}

}  // namespace darn
