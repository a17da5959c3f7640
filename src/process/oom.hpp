// Did the kernel's out-of-memory killer strike? Reads the counter of kills of our cgroup (version
// 2), or of the whole machine where there is none. Single-threaded; never fails, at worst it never
// knows.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "process/fd.hpp"

namespace darn {

// The value of the line "oom_kill N", -1 without one.
std::int64_t oom_kills_in(std::string_view counters);

class OomWatch {
 public:
  OomWatch();
  // At the start of a task; looks at most once a second.
  void refresh(std::int64_t now_ms);
  // Whether there were kills since the last look.
  bool struck();

 private:
  std::int64_t read();

  Fd file_;
  std::int64_t seen_ = -1;
  std::int64_t looked_ms_ = 0;
  std::string text_;
};

}  // namespace darn
