// Standard output and standard error of a command, and how their ends come to be known for the
// diagnosis: read back from a file, or read along through a pipe where there was a pipe already; a
// terminal stays one. One object for all attempts. Main thread only; nothing fails: what cannot be
// captured is passed on uncaptured.
#pragma once

#include <poll.h>

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "exec/exec.hpp"
#include "process/fd.hpp"

namespace darn::exec {

// The last so many bytes of a stream.
class Tail {
 public:
  static constexpr std::size_t kKept = 64UL << 10U;
  void add(const char* data, std::size_t size);
  void clear() { text_.clear(); }
  std::string text() const;

 private:
  std::string text_;  // up to twice what is kept
};

class Outputs {
 public:
  Outputs(Capture mode, bool text_is_needed);
  ~Outputs();  // hands on what is still under way, also what a background process writes later
  Outputs(const Outputs&) = delete;
  Outputs& operator=(const Outputs&) = delete;

  int out() const { return streams_[0].for_command(1); }
  int err() const { return streams_[1].for_command(2); }
  void begin_attempt();
  void end_attempt();  // takes what the command has left in the pipes

  std::string output() const { return streams_[0].text; }  // of both, where they are one
  std::string errors() const { return streams_[1].text; }
  bool captures() const { return streams_[0].is_captured() || streams_[1].is_captured(); }

  void watch(std::vector<pollfd>& fds) const;
  void move();  // whatever can be moved without waiting

 private:
  struct Stream {
    int to = -1;
    Fd read, write;       // the pipe; invalid: none
    bool same = false;    // as the other stream, whose pipe or file it shares
    Fd file;              // to read back from
    long long begin = 0;  // where the attempt's output begins in it
    std::string pending;  // read, not yet written
    Tail tail;
    std::string text;
    int shared_write = -1;

    bool is_captured() const { return read || file || same; }
    int for_command(int as_it_is) const;
    void take(std::size_t at_most);
    void give();
    bool is_readable() const;
  };
  void prepare(Stream& stream, int fd, Capture mode);
  void keep_only_streams() const;
  static long long position(const Stream& stream);

  std::array<Stream, 2> streams_;
};

}  // namespace darn::exec
