#include "engine/lock.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/retried.hpp"

using namespace std::chrono_literals;

namespace darn {
namespace {

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
  // An engine that was killed while it started a process: until that child has executed its program
  // it holds what its parent held.
  DARN_TRY(retried(
      {.max_attempts = 100, .backoff = backoff::constant(10ms), .deadline = 1s}, [&]() -> Status {
        struct ::flock whole = whole_file();
        if (::fcntl(fd, F_OFD_SETLK, &whole) == 0) {
          return {};
        }
        if (errno != EAGAIN && errno != EACCES) {
          return fail_errno("cannot lock " + path);
        }
        return fail(
            ErrorKind::try_again, "another darn is working on run " + run,
            "watch it with 'darn follow " + run + "' or end it with 'darn cancel " + run + "'");
      }));
  return lock;
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
