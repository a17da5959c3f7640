// What attempts of one use of darn share: signals, streams, the processes. Runs them one after the
// other in one loop that also passes signals on, feeds and tees, while waiting as well.
// Single-threaded; one at a time in a process.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "exec/exec.hpp"
#include "exec/family.hpp"
#include "exec/input.hpp"
#include "exec/signals.hpp"
#include "exec/tee.hpp"

namespace darn::exec {

struct Limits {
  std::int64_t timeout_ms = 0;   // 0: none
  std::int64_t deadline_at = 0;  // monotonic; 0: none
  std::int64_t grace_ms = 5000;
};

// How one attempt ended.
struct Ended {
  End end = End::exited;
  int exit_code = -1;
  int signal = 0;
  bool core_dumped = false;
  int start_errno = 0;
  Duration wall{};
};

class Session {
 public:
  // `replay`: the command may be started again, so that its input has to be kept.
  Session(Capture capture, bool replay);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Ended attempt(const std::vector<std::string>& argv, const std::string& cwd, const Limits& limits);
  // Before another attempt: what the last one left in our process group is ended, so that the next
  // never runs beside it; the input is at its beginning again, the terminal as it was. False when
  // the input cannot be had again.
  bool prepare_another(const Limits& limits);
  bool can_repeat_input() const { return input_ == nullptr || input_->can_rewind(); }
  void wait(Duration how_long);  // returns early when asked to end

  // The signal by which somebody asked darn to end; 0: nobody has.
  int asked() const { return asked_; }
  std::string_view output() const;  // the end of what was captured of the last attempt
  std::string_view errors() const;
  bool line_is_open() const { return err_ != nullptr && err_->line_is_open(); }

 private:
  enum class Phase : std::uint8_t { running, terminating, killing };

  void pump(std::int64_t until);
  void heed_signals();
  void reap();
  void stopped(int signal);
  void end_family(Family::Which which, std::int64_t grace_ms);
  bool flushed() const;
  void flush();

  Signals signals_;
  Family family_;
  TerminalState terminal_;
  std::unique_ptr<Input> input_;
  std::unique_ptr<Tee> out_;
  std::unique_ptr<Tee> err_;
  bool merged_ = false;  // both streams through err_, in the order they were written

  pid_t pid_ = -1;  // of the running command
  bool ended_ = true;
  int status_ = 0;  // as of waitpid
  int asked_ = 0;
  int times_asked_ = 0;
  bool no_reader_ = false;       // a signal ended the wait for one
  std::int64_t stopped_ms_ = 0;  // of this attempt, which its timeout does not count
};

}  // namespace darn::exec
