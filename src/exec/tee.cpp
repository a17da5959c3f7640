#include "exec/tee.hpp"

#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace darn::exec {
namespace {

constexpr std::size_t kTail = 64UL << 10U;  // what diagnose() reads
constexpr std::size_t kChunk = 64UL << 10U;
// A pipe that is said to be writable takes this much without blocking (pipe(7), PIPE_BUF).
constexpr std::size_t kAtomic = 4096;

void write_all(int to, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(to, bytes.data(), bytes.size());
    if (n < 0 && errno == EAGAIN) {
      pollfd room{to, POLLOUT, 0};
      ::poll(&room, 1, -1);
    } else if (n < 0 && errno != EINTR) {
      ::_exit(0);
    }
    bytes.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  }
}

// In a process of its own, which nobody waits for, which holds nothing else open, and which what is
// typed at the terminal does not reach.
[[noreturn]] void carry_on(int from, int to, const std::string& first) {
  constexpr int kFrom = 3;
  constexpr int kTo = 4;
  from = ::fcntl(from, F_DUPFD, kTo + 1);
  to = ::fcntl(to, F_DUPFD, kTo + 1);
  ::dup2(from, kFrom);
  ::dup2(to, kTo);
  from = kFrom;
  to = kTo;
  for (const int fd : {0, 1, 2}) {
    ::close(fd);
  }
  ::close_range(kTo + 1, ~0U, 0);
  ::setsid();
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::fcntl(from, F_SETFL, ::fcntl(from, F_GETFL) & ~O_NONBLOCK);
  std::array<char, 4096> buffer;
  write_all(to, first);
  for (;;) {
    const ssize_t n = ::read(from, buffer.data(), buffer.size());
    if (n == 0 || (n < 0 && errno != EINTR)) {
      ::_exit(0);
    }
    write_all(to, {buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0))});
  }
}

}  // namespace

Tee::Tee(int target) : target_(target) {
  struct stat info {};
  regular_ = ::fstat(target, &info) == 0 && S_ISREG(info.st_mode);
  if (auto pipe = make_pipe()) {
    read_ = std::move(pipe->read);
    write_ = std::move(pipe->write);
  }
}

std::string_view Tee::tail() const {
  const std::string_view all = tail_;
  return all.substr(all.size() - std::min(all.size(), kTail));
}

pollfd Tee::watch() const {
  if (!pending_.empty()) {
    return {target_, POLLOUT, 0};
  }
  return {read_ ? read_.get() : -1, POLLIN, 0};
}

void Tee::step(short revents) {
  if (revents == 0) {
    return;
  }
  if (pending_.empty()) {
    read_some();
  }
  if (!pending_.empty()) {
    pollfd room{target_, POLLOUT, 0};
    if (::poll(&room, 1, 0) > 0) {
      write_some();
    }
  }
}

void Tee::read_some() {
  pending_.resize(kChunk);
  const ssize_t n = read_ ? ::read(read_.get(), pending_.data(), pending_.size()) : -1;
  pending_.resize(static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  tail_ += pending_;
  if (tail_.size() > 2 * kTail) {
    tail_.erase(0, tail_.size() - kTail);
  }
}

void Tee::write_some() {
  const std::size_t most = regular_ ? pending_.size() : std::min(pending_.size(), kAtomic);
  const ssize_t n = ::write(target_, pending_.data(), most);
  if (n >= 0) {
    pending_.erase(0, static_cast<std::size_t>(n));
    due_ -= std::min(due_, static_cast<std::size_t>(n));
  } else if (errno == EPIPE) {
    // Nobody reads: the command is to feel that, as it would without darn.
    pending_.clear();
    due_ = 0;
    read_.reset();
    write_.reset();
  } else if (errno != EAGAIN && errno != EINTR) {
    due_ -= std::min(due_, pending_.size());
    pending_.clear();  // a full disk: no way to tell the command
  }
}

void Tee::ended() {
  int left = 0;
  const bool known = read_ && ::ioctl(read_.get(), FIONREAD, &left) == 0;
  due_ = pending_.size() + (known ? static_cast<std::size_t>(left) : 0);
}

bool Tee::idle() const { return due_ == 0; }

void Tee::finish() {
  write_.reset();
  if (!read_) {
    return;
  }
  pollfd end{read_.get(), POLLIN, 0};
  ::poll(&end, 1, 0);
  const bool written_to = (end.revents & POLLHUP) == 0;  // somebody still has it
  const bool holds_some = !pending_.empty() || (end.revents & POLLIN) != 0;
  if ((written_to || holds_some) && ::fork() == 0) {
    carry_on(read_.get(), target_, pending_);
  }
  read_.reset();
}

}  // namespace darn::exec
