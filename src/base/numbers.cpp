// Numbers, durations and sizes as people write and read them.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "base/text.hpp"

namespace darn {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

template <class T>
std::optional<T> parse_with_charconv(std::string_view text) {
  text = trim(text);
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) {
      return std::nullopt;
    }
  }
  T value{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end || text.empty()) {
    return std::nullopt;
  }
  return value;
}

// The longest prefix of digits, at most one point among them.
std::string_view number_prefix(std::string_view text) {
  std::size_t n = 0;
  bool point = false;
  while (n < text.size() && (is_digit(text[n]) || (text[n] == '.' && !point))) {
    point = point || text[n] == '.';
    ++n;
  }
  return text.substr(0, n);
}

struct Unit {
  std::string_view name;
  double factor;
};

}  // namespace

std::optional<std::int64_t> parse_int(std::string_view text) {
  return parse_with_charconv<std::int64_t>(text);
}

std::optional<double> parse_number(std::string_view text) {
  const auto value = parse_with_charconv<double>(text);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

std::optional<bool> parse_bool(std::string_view text) {
  const std::string word = lower(trim(text));
  if (word == "true" || word == "yes" || word == "on" || word == "1") {
    return true;
  }
  if (word == "false" || word == "no" || word == "off" || word == "0") {
    return false;
  }
  return std::nullopt;
}

std::optional<Duration> parse_duration(std::string_view text) {
  // Largest first: that is also the order in which they may follow each other.
  static constexpr std::array<Unit, 5> kUnits{
      {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}}};
  constexpr double kMost = 10 * 366 * 86'400'000.0;
  text = trim(text);
  if (text.empty()) {
    return std::nullopt;
  }
  double total = 0;
  std::size_t next_unit = 0;
  bool only_number = true;
  while (!text.empty()) {
    const std::string_view digits = number_prefix(text);
    const auto value = parse_number(digits);
    if (!value) {
      return std::nullopt;
    }
    text.remove_prefix(digits.size());
    const std::size_t name_end = std::min(text.find_first_of("0123456789."), text.size());
    const std::string_view name = text.substr(0, name_end);
    text.remove_prefix(name_end);
    if (name.empty()) {
      if (!only_number) {
        return std::nullopt;
      }
      total = *value * 1000;
      break;
    }
    while (next_unit < kUnits.size() && kUnits[next_unit].name != name) {
      ++next_unit;
    }
    if (next_unit == kUnits.size()) {
      return std::nullopt;
    }
    total += *value * kUnits[next_unit++].factor;
    only_number = false;
  }
  if (!text.empty() || total > kMost) {
    return std::nullopt;
  }
  return Duration{std::llround(total)};
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  text = trim(text);
  const std::string_view digits = number_prefix(text);
  const auto value = parse_number(digits);
  std::string unit = lower(trim(text.substr(digits.size())));
  if (!value) {
    return std::nullopt;
  }
  int power = 0;
  if (!unit.empty() && unit != "b") {
    power = static_cast<int>(std::string_view{"kmgt"}.find(unit[0])) + 1;
    unit.erase(0, 1);
    if (power == 0 || !(unit.empty() || unit == "b" || unit == "ib")) {
      return std::nullopt;
    }
  }
  const double bytes = std::ldexp(*value, 10 * power);
  if (bytes > 0x1p62) {
    return std::nullopt;
  }
  return static_cast<std::uint64_t>(std::llround(bytes));
}

std::string format_duration(Duration d) {
  const auto ms = static_cast<long long>(d.count());
  if (ms < 0) {
    return "-" + format_duration(-d);
  }
  const long long seconds = ms / 1000;
  const long long minutes = seconds / 60;
  const long long hours = minutes / 60;
  if (ms < 1000) {
    return fmt::format("{}ms", ms);
  }
  if (seconds < 60) {
    return fmt::format("{}.{}s", seconds, ms % 1000 / 100);
  }
  if (minutes < 60) {
    return fmt::format("{}m{:02}s", minutes, seconds % 60);
  }
  if (hours < 24) {
    return fmt::format("{}h{:02}m", hours, minutes % 60);
  }
  return fmt::format("{}d{}h", hours / 24, hours % 24);
}

std::string format_count(std::uint64_t n) {
  std::string out = std::to_string(n);
  for (std::size_t at = out.size(); at > 3;) {
    at -= 3;
    out.insert(at, 1, ',');
  }
  return out;
}

std::string format_usd(double usd) {
  const double size = std::fabs(usd);
  const int digits = size > 0 && size < 1 ? 4 : 2;
  return fmt::format("{}${:.{}f}", usd < 0 ? "-" : "", size, digits);
}

std::string format_bytes(std::uint64_t n) {
  if (n < 1024) {
    return fmt::format("{} B", n);
  }
  double value = static_cast<double>(n) / 1024;
  std::size_t unit = 0;
  constexpr std::string_view kUnits = "KMGTPE";
  while (value >= 1023.95 && unit + 1 < kUnits.size()) {  // 1023.95 would be printed as 1024.0
    value /= 1024;
    ++unit;
  }
  return fmt::format("{:.1f} {}iB", value, kUnits[unit]);
}

}  // namespace darn
