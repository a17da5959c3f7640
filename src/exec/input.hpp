// Standard input of a command that may run more than once. A file is wound back. A pipe is looked
// into without taking anything (tee(2)), and only what the command has really read is taken and
// kept for the next attempt: what it leaves unread is still there for whoever reads after us.
// Everything else is passed on as it is. Main thread only.
#pragma once

#include <poll.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "process/fd.hpp"

namespace darn::exec {

class Input {
 public:
  static constexpr std::size_t kMostKept = 64UL << 20U;

  // `again`: it may have to be read once more.
  explicit Input(bool again);
  int for_command() const { return feed_read_ ? feed_read_.get() : 0; }
  void begin_attempt();
  void end_attempt();
  // Whether the next attempt would see the same input from its beginning.
  bool is_repeatable() const { return repeatable_; }

  void watch(std::vector<pollfd>& fds) const;
  void move();

 private:
  enum class Kind : std::uint8_t { as_it_is, file, pipe, socket };
  static constexpr std::size_t kAtOnce = 4096;  // one page: all that the command's pipe holds

  bool is_fed() const { return kind_ == Kind::pipe || kind_ == Kind::socket; }
  std::size_t unread() const;    // by the command, in its pipe
  ssize_t look_ahead();          // into the command's pipe, nothing taken from ours
  void take(std::size_t bytes);  // from ours, what the command has read
  void keep(const char* data, std::size_t size);
  bool replay();

  Kind kind_ = Kind::as_it_is;
  bool repeatable_ = true;
  off_t begin_ = 0;  // of a file
  Fd feed_read_;
  Fd feed_write_;
  std::size_t ahead_ = 0;  // bytes in the command's pipe that are in ours too
  bool waits_ = false;     // the command has read all there is: for more
  Fd kept_;                // an unlinked file
  std::size_t kept_bytes_ = 0;
  std::size_t replayed_ = 0;
};

}  // namespace darn::exec
