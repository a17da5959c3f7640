// Calendar and clock times as people write them, resolved to points in time. Thread-safe but for
// changes of the process's time zone; no errors, only "there is no such time".
#pragma once

#include <chrono>
#include <optional>

#include "base/clock.hpp"

namespace darn {

// How far from UTC a time is meant; nothing: as this machine's clock shows it.
using Zone = std::optional<std::chrono::minutes>;

struct CivilTime {
  int year = 0, month = 0, day = 0;  // 0: not given
  int hour = 0, minute = 0, second = 0;
};

std::optional<Time> to_time(const CivilTime& t, Zone zone);  // all of the date given

// A date without a year, or a time without a date: the next one after now.
std::optional<Time> next_occurrence(CivilTime t, Zone zone, Time now);

}  // namespace darn
