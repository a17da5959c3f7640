// The lock that an engine holds on its run for as long as it lives: two darns never work on one
// run. An open file description lock (fcntl(2)): the kernel drops it when the process dies, however
// it dies.
#pragma once

#include <optional>
#include <string>

#include "base/result.hpp"

namespace darn {

class RunLock {
 public:
  // try_again when another process holds it. Makes the directory of `path`.
  static Result<RunLock> acquire(const std::string& path, const std::string& run);
  RunLock(RunLock&& other) noexcept;
  RunLock& operator=(RunLock&& other) noexcept;
  ~RunLock();

 private:
  explicit RunLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

// Whether a living engine holds it.
bool run_is_locked(const std::string& path);

}  // namespace darn
