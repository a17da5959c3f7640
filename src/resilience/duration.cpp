// Durations as people write them: 1m30s, 250ms, 1.5s.
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "darn/backoff.hpp"
#include "resilience/number_text.hpp"

namespace darn {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t ns;
};
constexpr std::array<Unit, 7> kUnits{{{"d", 86'400'000'000'000},
                                      {"h", 3'600'000'000'000},
                                      {"m", 60'000'000'000},
                                      {"s", 1'000'000'000},
                                      {"ms", 1'000'000},
                                      {"us", 1'000},
                                      {"ns", 1}}};

const Unit* unit_at_start(std::string_view text) {
  const Unit* best = nullptr;  // the longest that fits: "ms" before "m"
  for (const Unit& unit : kUnits) {
    if (text.starts_with(unit.name) && (best == nullptr || unit.name.size() > best->name.size())) {
      best = &unit;
    }
  }
  return best;
}

}  // namespace

std::string short_number(double value) {
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                 std::chars_format::fixed, 3)
                       .ptr;
  std::string text(buffer.data(), end);
  text.erase(text.find_last_not_of('0') + 1);
  text.erase(text.find_last_not_of('.') + 1);
  return text;
}

std::string to_string(duration d) {
  if (d < duration{0}) {
    return d == duration::min() ? "-292y" : "-" + to_string(-d);
  }
  std::int64_t rest = d.count();
  if (rest == 0) {
    return "0s";
  }
  if (rest < 1'000'000'000) {
    const Unit& unit = rest >= 1'000'000 ? kUnits[4] : rest >= 1'000 ? kUnits[5] : kUnits[6];
    return short_number(static_cast<double>(rest) / static_cast<double>(unit.ns)) +
           std::string(unit.name);
  }
  std::string out;
  for (std::size_t i = 0; i < 3; ++i) {
    if (const std::int64_t n = rest / kUnits[i].ns; n > 0) {
      out += std::to_string(n) + std::string(kUnits[i].name);
      rest %= kUnits[i].ns;
    }
  }
  if (rest >= 1'000'000) {
    out += short_number(static_cast<double>(rest / 1'000'000) / 1000.0) + "s";
  }
  return out;
}

std::optional<duration> to_duration(std::string_view text) {
  if (text == "0") {
    return duration{0};
  }
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  std::int64_t total = 0;
  std::int64_t last_unit = kMost;
  do {
    std::int64_t whole = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), whole);
    if (problem != std::errc{} || whole < 0 || text.starts_with('-')) {
      return std::nullopt;
    }
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    double fraction = 0;
    if (text.starts_with('.')) {
      double digit_worth = 0.1;
      for (text.remove_prefix(1); !text.empty() && text[0] >= '0' && text[0] <= '9';
           text.remove_prefix(1)) {
        fraction += digit_worth * (text[0] - '0');
        digit_worth /= 10;
      }
    }
    const Unit* unit = unit_at_start(text);
    if (unit == nullptr || unit->ns >= last_unit) {
      return std::nullopt;
    }
    text.remove_prefix(unit->name.size());
    last_unit = unit->ns;
    const auto part = std::llround(fraction * static_cast<double>(unit->ns));
    if (whole > (kMost - total - part) / unit->ns) {
      return std::nullopt;
    }
    total += whole * unit->ns + part;
  } while (!text.empty());
  return duration{total};
}

}  // namespace darn
