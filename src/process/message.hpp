// What the engine tells a shim: one packet (SOCK_SEQPACKET) per message, so that a message arrives
// whole or not at all. A job too large for a packet travels in a memory file beside it. The way
// back is a packet of one byte when jobs have ended; what they ended with is in the ring.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.hpp"
#include "process/runner.hpp"

namespace darn {

struct MessageHeader {
  enum Kind : std::uint32_t { job, stop };
  enum Flag : std::uint32_t { separate_stderr = 1, linger_leave = 2, now = 4 };
  std::uint32_t kind = job;
  std::uint32_t flags = 0;
  std::uint32_t record = 0;  // of the ring
  std::uint32_t argc = 0;
  std::uint32_t envc = 0;
  std::uint32_t checkc = 0;
  std::uint64_t text_size = 0;
  std::int64_t attempt = 0;
  std::int64_t timeout_ms = 0;
  std::int64_t idle_timeout_ms = 0;
  std::int64_t deadline_ms = 0;  // wall clock
  std::int64_t grace_ms = 0;
  std::int64_t check_timeout_ms = 0;
  std::uint64_t output_limit = 0;

  bool has(Flag flag) const { return (flags & flag) != 0; }
};

// As received. The pointers lead into `text`. Vectors keep their capacity from job to job.
struct Message {
  MessageHeader header;
  std::vector<char> text;
  const char* name = nullptr;
  const char* cwd = nullptr;
  const char* stdin_file = nullptr;
  std::vector<char*> env;         // "=NAME=value" set, "-NAME" unset, "<NAME=SOURCE" copy
  std::vector<char*> argv;        // each of these: one spare place, the words, nullptr
  std::vector<char*> check_argv;  //
};

// Fails on text with a NUL in it (bad_input) and when the shim is not there (unavailable).
Status send_job(int socket, const Job& job, std::uint32_t record);
// False when it is to be sent again, later.
bool send_stop(int socket, AttemptKey attempt, bool now);

enum class Received : std::uint8_t { message, nothing, closed };
Received receive(int socket, Message& into);

}  // namespace darn
