// The command's standard input, so that a second attempt reads what the first one did, and nobody
// after darn misses a byte that no attempt has read. Single-threaded.
//
// A regular file goes to the command as it is and is set back to where it began. Of a pipe or
// socket, darn lets the command see what lies in it without taking it (tee(2), MSG_PEEK), and takes
// only what the command has read: `while read x; do darn exec -- CMD; done` loses nothing. What was
// taken is kept in an unlinked file, up to 64 MiB. A terminal, /dev/null and other devices are not
// touched.
#pragma once

#include <poll.h>

#include <cstdint>
#include <string>

#include "process/fd.hpp"

namespace darn::exec {

class Input {
 public:
  explicit Input(std::uint64_t most_kept = 64ULL << 20U);

  int begin();  // what the next attempt is to have as its standard input
  void started();
  pollfd watch() const;
  void step();
  void ended();
  bool can_rewind() const { return !lost_; }
  // For another attempt. False: what was read cannot be had again.
  bool rewind();

 private:
  enum class Kind : std::uint8_t { as_it_is, file, pipe, socket };

  void settle();
  void offer();
  std::string peek();
  void take(std::size_t n);
  void keep(const std::string& bytes);

  Kind kind_ = Kind::as_it_is;
  std::int64_t began_at_ = 0;  // file
  std::uint64_t most_kept_;
  bool lost_ = false;  // more was read than is kept
  Fd spool_;
  std::uint64_t kept_ = 0;
  std::uint64_t replayed_ = 0;  // of that, by this attempt
  Fd command_end_;              // until the command has it
  Fd feed_;                     // our end of its pipe; closed: no more comes
  Fd scratch_read_;             // for tee(2)
  Fd scratch_write_;
  std::string offered_;           // lies in the command's pipe
  bool offered_is_kept_ = false;  // ... and comes from the spool
  bool at_end_ = false;           // of the source
};

}  // namespace darn::exec
