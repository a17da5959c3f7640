// One of the command's streams on its way through a pipe of darn's: each byte goes on to where it
// would have gone, in order, and the last ones are remembered. Never blocks, so that a reader who
// does not read keeps darn from nothing. One pipe for all attempts. Single-threaded.
#pragma once

#include <poll.h>

#include <string>
#include <string_view>

#include "process/fd.hpp"

namespace darn::exec {

class Tee {
 public:
  // Without a pipe to be had, the stream is not touched.
  explicit Tee(int target);

  int for_the_command() const { return write_ ? write_.get() : target_; }
  void begin() { tail_.clear(); }  // a new attempt
  std::string_view tail() const;   // of this attempt, up to 64 KiB
  bool line_is_open() const { return !tail_.empty() && tail_.back() != '\n'; }

  pollfd watch() const;
  void step(short revents);
  void ended();       // the attempt: what it has written by now is due
  bool idle() const;  // all that was due has gone on
  // Nothing more is started. What a process of the command's in the background still writes is
  // carried on by a process that ends with it.
  void finish();

 private:
  void read_some();
  void write_some();

  int target_;
  bool regular_ = false;
  Fd read_;
  Fd write_;
  std::string pending_;
  std::string tail_;
  std::size_t due_ = 0;  // bytes; what its background writes later is not waited for
};

}  // namespace darn::exec
