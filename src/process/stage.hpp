// One program of a job (the task itself, or its check) from its start until nothing of it is left:
// captures its output, enforces its time limits, ends its whole tree. Driven by the shim's loop.
//
// The direct child's exit is the end. What is still there then gets a moment to end by itself (the
// tee of a "> >(tee log)" has yet to write), then TERM, then KILL. As subreaper, the shim becomes
// the parent of everything that was re-parented, so "no children" means that nothing is left.
#pragma once

#include <poll.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <limits>
#include <vector>

#include "model/kinds.hpp"
#include "process/capture.hpp"
#include "process/child.hpp"
#include "process/proc.hpp"

namespace darn {

inline constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();  // of a time

std::int64_t monotonic_ms();
std::int64_t wall_ms();

struct StageLimits {
  std::int64_t timeout_ms = 0;
  std::int64_t idle_timeout_ms = 0;
  std::int64_t deadline_at = 0;  // monotonic; 0: none
  std::int64_t grace_ms = 0;
  bool linger_leave = false;
};

class Stage {
 public:
  // What its capture is written to, and where it is described.
  struct Stream {
    Segment* segment = nullptr;
    StreamRecord* record = nullptr;
    std::uint64_t limit = 0;
  };
  // `err` without a segment: merged into `out`. The launch's `out` and `err` are set here.
  void start(Launch launch, Stream out, Stream err, const StageLimits& limits);

  bool active() const { return active_; }
  // The two pipes, -1 when closed, for the shim's poll; and the time of the next step().
  void watch(pollfd* out, pollfd* err) const;
  std::int64_t next_step_at() const;
  void readable(bool out, bool err);
  // Reaps, and does what is due. True when the stage is over (then also no longer active).
  bool step(std::int64_t now);
  void stop(bool at_once);

  // Once it is over:
  End end() const { return end_; }
  int status() const { return status_; }  // as of wait4
  const rusage& usage() const { return usage_; }
  std::int64_t wall_ms() const { return ended_at_ - began_at_; }
  bool killed() const { return killed_; }      // by us
  bool lingered() const { return lingered_; }  // something outlived it
  bool left_some() const { return !childless_; }
  pid_t pid() const { return pid_; }

 private:
  enum class Phase : std::uint8_t { running, settling, terminating, killing };
  struct Captured {
    Fd pipe;
    Capture capture;
  };

  bool launch_child(Launch& launch, bool merged);
  void read(Captured& stream);
  void drain(Captured& stream);
  void reap(std::int64_t now);
  void check_limits(std::int64_t now);
  void end_tree(std::int64_t now, std::int64_t grace_ms);
  void kill_again(std::int64_t now);
  void look_again(std::int64_t now);
  void signal_tree(int signal);
  std::vector<Process> targets() const;
  bool is_over(std::int64_t now);
  void finish();

  bool active_ = false;
  Phase phase_ = Phase::running;
  End end_ = End::exited;
  StageLimits limits_;
  Launch launch_{};
  Captured out_;
  Captured err_;
  bool merged_ = true;
  pid_t pid_ = -1;
  bool child_ended_ = false;
  bool childless_ = false;
  bool killed_ = false;
  bool lingered_ = false;
  bool nobody_ = false;  // no target was left at the last look
  int status_ = 0;
  rusage usage_{};
  std::int64_t began_at_ = 0;
  std::int64_t ended_at_ = 0;
  std::int64_t last_output_at_ = 0;
  std::int64_t phase_until_ = 0;
  std::int64_t next_look_at_ = 0;
  std::int64_t look_pause_ms_ = 0;
};

}  // namespace darn
