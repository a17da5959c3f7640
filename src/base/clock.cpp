#include "base/clock.hpp"

#include <array>
#include <cstdio>
#include <ctime>

namespace darn {
namespace {

std::string format(const char* pattern, const std::tm& tm) {
  std::array<char, 64> buffer{};
  const std::size_t n = std::strftime(buffer.data(), buffer.size(), pattern, &tm);
  return {buffer.data(), n};
}

std::tm local(Time t) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(t);
  std::tm tm{};
  ::localtime_r(&seconds, &tm);
  return tm;
}

}  // namespace

Time SystemClock::now() const {
  return std::chrono::floor<Duration>(std::chrono::system_clock::now());
}

std::string format_utc(Time t) {
  const auto whole = std::chrono::floor<std::chrono::seconds>(t);
  const std::time_t seconds = std::chrono::system_clock::to_time_t(whole);
  std::tm tm{};
  ::gmtime_r(&seconds, &tm);
  std::array<char, 8> millis{};
  std::snprintf(millis.data(), millis.size(), ".%03dZ", static_cast<int>((t - whole).count()));
  return format("%Y-%m-%dT%H:%M:%S", tm) + millis.data();
}

std::string format_stamp(Time t) { return format("%Y%m%d-%H%M%S", local(t)); }

std::string format_local_clock(Time t) { return format("%H:%M:%S", local(t)); }

}  // namespace darn
