// Times that servers and tools print about when to come back. Pure but for the machine's time zone;
// thread-safe.
#pragma once

#include <optional>
#include <string_view>

#include "base/clock.hpp"

namespace darn {

// One of the two: how long to wait, or until when.
struct TimeHint {
  std::optional<Duration> after;
  std::optional<Time> at;
};

inline constexpr Duration kFarthestReset = std::chrono::hours{24 * 31};

// The first hint in a text that lies ahead of now and not farther than kFarthestReset.
std::optional<TimeHint> find_time_hint(std::string_view text, Time now);

// A time expression at the beginning of text: a duration ("1h 5m", "30 seconds"), an epoch, ISO
// 8601, an HTTP-date, "Nov 23rd, 2026 2:13 AM", "3am (Europe/Berlin)", "15:30 UTC". A bare small
// number counts in `unit`; without one it is no time. Of a clock time the next occurrence is meant.
std::optional<TimeHint> parse_time_hint(std::string_view text, Time now,
                                        std::optional<Duration> unit);

}  // namespace darn
