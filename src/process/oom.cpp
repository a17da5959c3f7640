#include "process/oom.hpp"

#include <array>
#include <charconv>

namespace darn {
namespace {

// "0::/path" of /proc/self/cgroup.
std::string cgroup_path() {
  const Fd file(::open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC));
  std::array<char, 4096> buffer;
  const ssize_t n = file ? ::read(file.get(), buffer.data(), buffer.size()) : 0;
  const std::string_view text(buffer.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
  const std::size_t at = text.find("0::/");
  if (at == std::string_view::npos) {
    return {};
  }
  return std::string(text.substr(at + 3, text.find('\n', at) - at - 3));
}

}  // namespace

std::int64_t oom_kills_in(std::string_view counters) {
  constexpr std::string_view kKey = "oom_kill ";
  std::size_t at = counters.find(kKey);
  while (at != std::string_view::npos && at != 0 && counters[at - 1] != '\n') {
    at = counters.find(kKey, at + 1);
  }
  std::int64_t value = -1;
  if (at != std::string_view::npos) {
    const char* begin = counters.data() + at + kKey.size();
    std::from_chars(begin, counters.data() + counters.size(), value);
  }
  return value;
}

OomWatch::OomWatch() {
  const std::string path = cgroup_path();
  if (!path.empty()) {
    file_.reset(::open(("/sys/fs/cgroup" + path + "/memory.events").c_str(), O_RDONLY | O_CLOEXEC));
  }
  if (!file_ || read() < 0) {
    file_.reset(::open("/proc/vmstat", O_RDONLY | O_CLOEXEC));
  }
  seen_ = read();
}

std::int64_t OomWatch::read() {
  text_.clear();
  std::array<char, 8192> buffer;
  for (off_t at = 0; file_;) {
    const ssize_t n = ::pread(file_.get(), buffer.data(), buffer.size(), at);
    if (n <= 0) {
      break;
    }
    text_.append(buffer.data(), static_cast<std::size_t>(n));
    at += n;
  }
  return oom_kills_in(text_);
}

void OomWatch::refresh(std::int64_t now_ms) {
  if (now_ms - looked_ms_ >= 1000) {
    looked_ms_ = now_ms;
    seen_ = read();
  }
}

bool OomWatch::struck() {
  const std::int64_t now = read();
  const bool more = seen_ >= 0 && now > seen_;
  seen_ = now;
  return more;
}

}  // namespace darn
