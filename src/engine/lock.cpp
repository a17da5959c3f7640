#include "engine/lock.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

namespace darn {
namespace {

// An engine that was killed while it started a process: until that child has executed its program
// it holds what its parent held.
constexpr int kPatienceMs = 1000;
constexpr int kPauseMs = 10;

struct ::flock whole_file() {
  struct ::flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

}  // namespace

Result<RunLock> RunLock::acquire(const std::string& path, const std::string& run) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) {
    return fail_errno("cannot open " + path);
  }
  RunLock lock(fd);
  for (int waited = 0; waited < kPatienceMs; waited += kPauseMs) {
    struct ::flock whole = whole_file();
    if (::fcntl(fd, F_OFD_SETLK, &whole) == 0) {
      return lock;
    }
    if (errno != EAGAIN && errno != EACCES) {
      return fail_errno("cannot lock " + path);
    }
    ::poll(nullptr, 0, kPauseMs);
  }
  return fail(ErrorKind::try_again, "another darn is working on run " + run,
              "watch it with 'darn follow " + run + "' or end it with 'darn cancel " + run + "'");
}

RunLock::RunLock(RunLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

RunLock& RunLock::operator=(RunLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

RunLock::~RunLock() {
  if (fd_ >= 0) {
    ::close(fd_);
  }
}

bool run_is_locked(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) {
    return false;
  }
  // Asked, not taken: looking at a run never keeps an engine from it.
  struct ::flock whole = whole_file();
  const bool locked = ::fcntl(fd, F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
  ::close(fd);
  return locked;
}

}  // namespace darn
