#include "exec/output.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace darn::exec {
namespace {

// What a pipe that is ready takes at once (pipe(7)), so that no write waits for the reader.
constexpr std::size_t kAtOnce = 4096;
// At the end of an attempt: as much as a pipe may hold, so that a background process which goes on
// writing cannot keep us.
constexpr std::size_t kInPipe = 1UL << 20U;

struct stat status_of(int fd) {
  struct stat info {};
  ::fstat(fd, &info);
  return info;
}

bool is_one(int a, int b) {
  const struct stat x = status_of(a);
  const struct stat y = status_of(b);
  return x.st_dev == y.st_dev && x.st_ino == y.st_ino && x.st_mode == y.st_mode;
}

bool is_ready(int fd, short events) {
  pollfd one{fd, events, 0};
  return ::poll(&one, 1, 0) > 0;
}

ssize_t write_some(int fd, const char* data, std::size_t size) {
  const ssize_t n = ::send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
  return n >= 0 || errno != ENOTSOCK ? n : ::write(fd, data, size);
}

}  // namespace

void Tail::add(const char* data, std::size_t size) {
  text_.append(data, size);
  if (text_.size() > 2 * kKept) {
    text_.erase(0, text_.size() - kKept);
  }
}

std::string Tail::text() const {
  return text_.size() > kKept ? text_.substr(text_.size() - kKept) : text_;
}

int Outputs::Stream::for_command(int as_it_is) const {
  return write ? write.get() : shared_write >= 0 ? shared_write : as_it_is;
}

bool Outputs::Stream::is_readable() const { return read && is_ready(read.get(), POLLIN); }

void Outputs::Stream::take(std::size_t at_most) {
  std::array<char, 65536> buffer;
  while (read && at_most > 0) {
    const ssize_t n = ::read(read.get(), buffer.data(), std::min(buffer.size(), at_most));
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n == 0) {
      read.reset();
    }
    if (n <= 0) {
      return;
    }
    tail.add(buffer.data(), static_cast<std::size_t>(n));
    pending.append(buffer.data(), static_cast<std::size_t>(n));
    at_most -= static_cast<std::size_t>(n);
  }
}

void Outputs::Stream::give() {
  std::size_t given = 0;
  while (given < pending.size() && is_ready(to, POLLOUT)) {
    const ssize_t n =
        write_some(to, pending.data() + given, std::min(kAtOnce, pending.size() - given));
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0 && errno == EAGAIN) {
      break;
    }
    if (n < 0) {
      // Nobody reads it, or nothing can be written: as the command would have seen it.
      pending.clear();
      read.reset();
      return;
    }
    given += static_cast<std::size_t>(n);
  }
  pending.erase(0, given);
}

Outputs::Outputs(Capture mode, bool text_is_needed) {
  if (text_is_needed && mode == Capture::automatic) {
    mode = Capture::always;
  }
  prepare(streams_[1], 2, mode);
  const bool one = is_one(1, 2);
  if (one && streams_[1].is_captured()) {
    // Through one pipe, so that lines stay in the order in which they were written.
    streams_[0] = std::move(streams_[1]);
    streams_[1] = {};
    streams_[1].same = true;
    streams_[1].shared_write = streams_[0].write.get();
    streams_[0].to = 1;
  } else if (mode == Capture::always || S_ISREG(status_of(1).st_mode)) {
    prepare(streams_[0], 1, mode);
  }
}

void Outputs::prepare(Stream& stream, int fd, Capture mode) {
  stream.to = fd;
  if (mode == Capture::never) {
    return;
  }
  if (S_ISREG(status_of(fd).st_mode)) {
    stream.file.reset(
        ::open(("/proc/self/fd/" + std::to_string(fd)).c_str(), O_RDONLY | O_CLOEXEC));
    return;
  }
  if (mode == Capture::automatic && ::isatty(fd) != 0) {
    return;
  }
  if (Result<Pipe> pipe = make_pipe()) {
    stream.read = std::move(pipe->read);
    stream.write = std::move(pipe->write);
  }
}

long long Outputs::position(const Stream& stream) {
  const bool appends = (::fcntl(stream.to, F_GETFL) & O_APPEND) != 0;
  return appends ? status_of(stream.to).st_size : ::lseek(stream.to, 0, SEEK_CUR);
}

void Outputs::begin_attempt() {
  move();
  for (Stream& stream : streams_) {
    stream.tail.clear();
    stream.text.clear();
    if (stream.file) {
      stream.begin = position(stream);
    }
  }
}

void Outputs::end_attempt() {
  for (Stream& stream : streams_) {
    if (stream.file) {
      const long long end = position(stream);
      const long long size = std::clamp<long long>(end - stream.begin, 0, Tail::kKept);
      stream.text.resize(static_cast<std::size_t>(size));
      const ssize_t n =
          ::pread(stream.file.get(), stream.text.data(), stream.text.size(), end - size);
      stream.text.resize(static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    } else if (stream.read) {
      stream.take(kInPipe);
      stream.give();
      stream.text = stream.tail.text();
    } else {
      stream.text = stream.tail.text();
    }
  }
}

void Outputs::watch(std::vector<pollfd>& fds) const {
  for (const Stream& stream : streams_) {
    if (!stream.pending.empty()) {
      fds.push_back({stream.to, POLLOUT, 0});
    } else if (stream.read) {
      fds.push_back({stream.read.get(), POLLIN, 0});
    }
  }
}

void Outputs::move() {
  for (Stream& stream : streams_) {
    stream.give();
    if (stream.pending.empty()) {
      stream.take(65536);
      stream.give();
    }
  }
}

// In the copy: it ends with the last writer, whatever is typed meanwhile, and holds nothing else.
void Outputs::keep_only_streams() const {
  for (const int signal : {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGTSTP}) {
    ::signal(signal, SIG_IGN);
  }
  const int most = std::max(streams_[0].read.get(), streams_[1].read.get());
  for (int fd = 0; fd <= most; ++fd) {
    const bool needed = std::any_of(streams_.begin(), streams_.end(), [&](const Stream& s) {
      return s.read.get() == fd || (s.to == fd && (s.read || !s.pending.empty()));
    });
    if (!needed) {
      ::close(fd);
    }
  }
  ::close_range(static_cast<unsigned>(std::max(most, 2)) + 1, ~0U, 0);
}

// A background process may keep the pipe and write for hours. Without darn between it would do so
// into what standard error is; so a copy of us stays for as long as it does, and for nothing else.
Outputs::~Outputs() {
  const auto is_open = [](const Stream& s) { return s.read || !s.pending.empty(); };
  for (Stream& stream : streams_) {
    stream.write.reset();
  }
  move();
  if (std::none_of(streams_.begin(), streams_.end(), is_open) || ::fork() != 0) {
    return;
  }
  keep_only_streams();
  while (std::any_of(streams_.begin(), streams_.end(), is_open)) {
    std::vector<pollfd> fds;
    watch(fds);
    ::poll(fds.data(), fds.size(), -1);
    move();
  }
  ::_exit(0);
}

}  // namespace darn::exec
