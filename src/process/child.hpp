// Starts one program of a job, by vfork: its environment and pipes are prepared before, and nothing
// of the shim is copied. Why it could not be started is written by the child into shared memory.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "process/message.hpp"
#include "process/ring.hpp"

namespace darn {

// The shim's own environment with a job's changes. Strings live until the next build().
class JobEnvironment {
 public:
  void build(const Message& job, const std::string& shim_mark);
  char** data() { return pointers_.data(); }

 private:
  static constexpr std::size_t kMarks = 2;  // DARN_ATTEMPT, DARN_SHIM
  bool is_changed(const char* entry) const;
  bool is_superseded(std::size_t change) const;
  void add_copy(const char* change);

  std::vector<char*> pointers_;
  std::vector<std::string> names_;  // "NAME=" of the marks, then of each change
  std::vector<std::string> made_;
};

struct Launch {
  char** words;  // one spare place, the words, nullptr
  char** env;
  const char* cwd;         // empty: the shim's
  const char* stdin_file;  // empty: /dev/null
  int out;
  int err;
  StartFailure* failure;  // in shared memory
};

// The child's pid, or -1 with errno and `failure` set. A child that could not execute its program
// has set `failure` and ends with 127.
pid_t start_child(const Launch& launch);

// "darn: cannot start make: No such file or directory\n"
std::string describe(const StartFailure& failure, const Launch& launch);

}  // namespace darn
