#include "exec/input.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>

namespace darn::exec {
namespace {

constexpr std::size_t kPage = 4096;  // what is offered at a time: one slot of a pipe

// Unlinked: gone with darn, however that ends.
Fd make_spool() {
  const char* dir = std::getenv("TMPDIR");
  Fd file(
      ::open(dir != nullptr && *dir != '\0' ? dir : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file) {
    std::string path = "/tmp/darn-input-XXXXXX";  // a file system without O_TMPFILE
    file = Fd(::mkostemp(path.data(), O_CLOEXEC));
    if (file) {
      ::unlink(path.c_str());
    }
  }
  return file;
}

}  // namespace

Input::Input(std::uint64_t most_kept) : most_kept_(most_kept) {
  struct stat info {};
  if (::fstat(0, &info) != 0) {
    return;
  }
  if (S_ISREG(info.st_mode) || S_ISBLK(info.st_mode)) {
    began_at_ = ::lseek(0, 0, SEEK_CUR);
    kind_ = began_at_ >= 0 ? Kind::file : Kind::as_it_is;
  } else if (S_ISFIFO(info.st_mode)) {
    if (auto scratch = make_pipe()) {
      scratch_read_ = std::move(scratch->read);
      scratch_write_ = std::move(scratch->write);
      kind_ = Kind::pipe;
    }
  } else if (S_ISSOCK(info.st_mode)) {
    int type = 0;
    socklen_t size = sizeof type;
    const bool stream = ::getsockopt(0, SOL_SOCKET, SO_TYPE, &type, &size) == 0;
    kind_ = stream && type == SOCK_STREAM ? Kind::socket : Kind::as_it_is;
  }
}

int Input::begin() {
  if (kind_ != Kind::pipe && kind_ != Kind::socket) {
    return 0;
  }
  int ends[2]{-1, -1};
  const bool made = ::pipe2(ends, O_CLOEXEC) == 0;
  command_end_ = Fd(ends[0]);
  feed_ = Fd(ends[1]);
  // One slot: it is writable exactly when the command has read all that was offered.
  if (!made || ::fcntl(ends[1], F_SETPIPE_SZ, static_cast<int>(kPage)) < 0) {
    lost_ = true;
    kind_ = Kind::as_it_is;
    feed_.reset();
    return 0;
  }
  ::fcntl(ends[1], F_SETFL, O_NONBLOCK);
  replayed_ = 0;
  offered_.clear();
  return ends[0];
}

void Input::started() { command_end_.reset(); }

pollfd Input::watch() const {
  if (!feed_) {
    return {-1, 0, 0};
  }
  if (!offered_.empty() || replayed_ < kept_ || at_end_) {
    return {feed_.get(), POLLOUT, 0};
  }
  return {0, POLLIN, 0};
}

void Input::step() {
  settle();
  if (feed_ && offered_.empty()) {
    offer();
  }
}

// What the command has read of what was offered is taken from the source.
void Input::settle() {
  int left = 0;
  if (offered_.empty() || ::ioctl(feed_.get(), FIONREAD, &left) != 0) {
    return;
  }
  const std::size_t read =
      offered_.size() - std::min<std::size_t>(static_cast<std::size_t>(left), offered_.size());
  if (offered_is_kept_) {
    replayed_ += read;
  } else {
    take(read);
  }
  offered_.erase(0, read);
  pollfd readers{feed_.get(), POLLOUT, 0};
  if (::poll(&readers, 1, 0) > 0 && (readers.revents & POLLERR) != 0) {
    feed_.reset();  // nobody reads any more
    offered_.clear();
  }
}

void Input::offer() {
  offered_is_kept_ = replayed_ < kept_;
  bool unreadable = false;
  if (offered_is_kept_) {
    offered_.resize(std::min<std::uint64_t>(kPage, kept_ - replayed_));
    const ssize_t n =
        ::pread(spool_.get(), offered_.data(), offered_.size(), static_cast<off_t>(replayed_));
    offered_.resize(static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    unreadable = offered_.empty();
  } else if (!at_end_) {
    offered_ = peek();
  }
  if (offered_.empty()) {
    lost_ = lost_ || unreadable;
    if (at_end_ || unreadable) {
      feed_.reset();
    }
    return;
  }
  if (::write(feed_.get(), offered_.data(), offered_.size()) < 0) {
    offered_.clear();
    if (errno != EAGAIN && errno != EINTR) {
      feed_.reset();
    }
  }
}

// What lies in the source, without taking it; sets at_end_.
std::string Input::peek() {
  std::string bytes(kPage, '\0');
  ssize_t n = 0;
  if (kind_ == Kind::socket) {
    n = ::recv(0, bytes.data(), bytes.size(), MSG_PEEK | MSG_DONTWAIT);
  } else {
    n = ::tee(0, scratch_write_.get(), bytes.size(), SPLICE_F_NONBLOCK);
    std::string seen;
    while (n > 0 && seen.size() < static_cast<std::size_t>(n)) {
      const ssize_t part = ::read(scratch_read_.get(), bytes.data(), bytes.size());
      if (part <= 0) {
        break;
      }
      seen.append(bytes.data(), static_cast<std::size_t>(part));
    }
    bytes = n > 0 ? seen : bytes;
  }
  at_end_ = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
  bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  return bytes;
}

void Input::take(std::size_t n) {
  std::array<char, kPage> buffer;
  while (n > 0) {
    const ssize_t part = ::read(0, buffer.data(), std::min(n, buffer.size()));
    if (part <= 0 && errno != EINTR) {
      return;
    }
    keep(std::string(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(part, 0))));
    n -= static_cast<std::size_t>(std::max<ssize_t>(part, 0));
  }
}

void Input::keep(const std::string& bytes) {
  if (lost_) {
    return;
  }
  if (!spool_) {
    spool_ = make_spool();
  }
  if (kept_ + bytes.size() > most_kept_ ||
      ::pwrite(spool_.get(), bytes.data(), bytes.size(), static_cast<off_t>(kept_)) !=
          static_cast<ssize_t>(bytes.size())) {
    lost_ = true;
    kept_ = replayed_ = 0;
    spool_.reset();
    return;
  }
  kept_ += bytes.size();
  replayed_ = kept_;
}

void Input::ended() {
  if (feed_) {
    settle();
    feed_.reset();
  }
  offered_.clear();
}

bool Input::rewind() {
  if (kind_ == Kind::file) {
    return ::lseek(0, began_at_, SEEK_SET) == began_at_;
  }
  return !lost_;
}

}  // namespace darn::exec
