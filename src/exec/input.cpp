#include "exec/input.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>

namespace darn::exec {
namespace {

Fd unlinked_file() {
  const char* named = std::getenv("TMPDIR");
  for (const char* dir : {named != nullptr && *named != '\0' ? named : "/tmp", "/tmp"}) {
    if (Fd file(::open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)); file) {
      return file;
    }
  }
  return Fd(::memfd_create("darn-input", MFD_CLOEXEC));
}

// A byte stream that goes one way for us: not one that is the command's output as well (inetd).
bool is_plain_socket(const struct stat& in) {
  int type = 0;
  socklen_t size = sizeof type;
  struct stat out {};
  return ::getsockopt(0, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM &&
         (::fstat(1, &out) != 0 || out.st_dev != in.st_dev || out.st_ino != in.st_ino);
}

}  // namespace

Input::Input(bool again) {
  struct stat info {};
  if (!again || ::fstat(0, &info) != 0) {
    return;
  }
  if (S_ISREG(info.st_mode) || S_ISBLK(info.st_mode)) {
    kind_ = Kind::file;
    begin_ = ::lseek(0, 0, SEEK_CUR);
    repeatable_ = begin_ >= 0;
  } else if (S_ISFIFO(info.st_mode)) {
    kind_ = Kind::pipe;
  } else if (S_ISSOCK(info.st_mode)) {
    repeatable_ = is_plain_socket(info);
    kind_ = repeatable_ ? Kind::socket : Kind::as_it_is;
  }
}

void Input::begin_attempt() {
  if (kind_ == Kind::file) {
    ::lseek(0, begin_, SEEK_SET);
  }
  if (!is_fed() || !repeatable_) {
    return;
  }
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    repeatable_ = false;
    return;
  }
  feed_read_.reset(ends[0]);
  feed_write_.reset(ends[1]);
  ::fcntl(ends[1], F_SETFL, O_NONBLOCK);
  // With room for one buffer, "there is room" means that the command has read all of it.
  if (::fcntl(ends[1], F_SETPIPE_SZ, static_cast<int>(kAtOnce)) != static_cast<int>(kAtOnce)) {
    repeatable_ = false;
    feed_read_.reset();
    feed_write_.reset();
    return;
  }
  ahead_ = 0;
  replayed_ = 0;
  waits_ = false;
}

std::size_t Input::unread() const {
  int bytes = 0;
  return feed_read_ && ::ioctl(feed_read_.get(), FIONREAD, &bytes) == 0
             ? static_cast<std::size_t>(std::max(bytes, 0))
             : 0;
}

ssize_t Input::look_ahead() {
  if (kind_ == Kind::pipe) {
    return ::tee(0, feed_write_.get(), kAtOnce, SPLICE_F_NONBLOCK);
  }
  std::array<char, kAtOnce> buffer;
  const ssize_t n = ::recv(0, buffer.data(), buffer.size(), MSG_PEEK | MSG_DONTWAIT);
  return n > 0 ? ::write(feed_write_.get(), buffer.data(), static_cast<std::size_t>(n)) : n;
}

void Input::take(std::size_t bytes) {
  std::array<char, kAtOnce> buffer;
  while (bytes > 0) {
    int there = 0;
    // Somebody else who reads the same pipe may have been quicker: never wait for it.
    if (::ioctl(0, FIONREAD, &there) != 0 || there <= 0) {
      return;
    }
    const ssize_t n = ::read(0, buffer.data(), std::min(bytes, buffer.size()));
    if (n <= 0) {
      return;
    }
    keep(buffer.data(), static_cast<std::size_t>(n));
    bytes -= static_cast<std::size_t>(n);
  }
}

void Input::keep(const char* data, std::size_t size) {
  if (!repeatable_) {
    return;
  }
  if (!kept_) {
    kept_ = unlinked_file();
  }
  if (kept_bytes_ + size > kMostKept ||
      ::pwrite(kept_.get(), data, size, static_cast<off_t>(kept_bytes_)) !=
          static_cast<ssize_t>(size)) {
    repeatable_ = false;
    kept_.reset();
    return;
  }
  kept_bytes_ += size;
}

bool Input::replay() {
  if (replayed_ >= kept_bytes_ || !kept_) {
    return false;
  }
  std::array<char, kAtOnce> buffer;
  const ssize_t n =
      ::pread(kept_.get(), buffer.data(), buffer.size(), static_cast<off_t>(replayed_));
  const ssize_t given =
      n > 0 ? ::write(feed_write_.get(), buffer.data(), static_cast<std::size_t>(n)) : n;
  if (given > 0) {
    replayed_ += static_cast<std::size_t>(given);
  }
  return given > 0;
}

void Input::watch(std::vector<pollfd>& fds) const {
  if (feed_write_) {
    fds.push_back(waits_ ? pollfd{0, POLLIN, 0} : pollfd{feed_write_.get(), POLLOUT, 0});
  }
}

void Input::move() {
  while (feed_write_ && unread() == 0) {
    take(ahead_);
    replayed_ += ahead_;  // it is kept, and the command has it
    ahead_ = 0;
    if (replay()) {
      waits_ = false;
      return;
    }
    const ssize_t n = look_ahead();
    waits_ = n < 0 && errno == EAGAIN;
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
      feed_write_.reset();  // the end: the command sees it when it has read what is there
    } else if (n > 0) {
      ahead_ = static_cast<std::size_t>(n);
      return;
    } else if (waits_) {
      return;
    }
  }
}

void Input::end_attempt() {
  if (!feed_read_) {
    return;
  }
  take(ahead_ - std::min(ahead_, unread()));
  ahead_ = 0;
  feed_read_.reset();
  feed_write_.reset();
}

}  // namespace darn::exec
