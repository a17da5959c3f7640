#include "diagnose/civil_time.hpp"

#include <time.h>

namespace darn {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

// Days since 1970-01-01 by the calendar of <chrono>; nothing when there is no such day.
std::optional<Time> in_utc(const CivilTime& t) {
  const std::chrono::year_month_day date{std::chrono::year{t.year},
                                         std::chrono::month{static_cast<unsigned>(t.month)},
                                         std::chrono::day{static_cast<unsigned>(t.day)}};
  if (!date.ok()) {
    return std::nullopt;
  }
  return Time{std::chrono::sys_days{date}.time_since_epoch() + hours{t.hour} + minutes{t.minute} +
              seconds{t.second}};
}

// The date of now there.
CivilTime today(Time now, Zone zone) {
  struct tm parts {};
  const auto at = static_cast<std::time_t>(to_ms(zone ? now + *zone : now) / 1000);
  if (zone) {
    ::gmtime_r(&at, &parts);
  } else {
    ::localtime_r(&at, &parts);
  }
  return {.year = parts.tm_year + 1900, .month = parts.tm_mon + 1, .day = parts.tm_mday};
}

}  // namespace

std::optional<Time> to_time(const CivilTime& t, Zone zone) {
  const auto utc = in_utc(t);
  if (!utc || zone) {
    return utc ? std::optional(*utc - *zone) : std::nullopt;
  }
  struct tm local {};
  local.tm_year = t.year - 1900;
  local.tm_mon = t.month - 1;
  local.tm_mday = t.day;
  local.tm_hour = t.hour;
  local.tm_min = t.minute;
  local.tm_sec = t.second;
  local.tm_isdst = -1;
  const std::time_t at = ::mktime(&local);
  return at == -1 ? std::nullopt
                  : std::optional(time_from_ms(static_cast<std::int64_t>(at) * 1000));
}

std::optional<Time> next_occurrence(CivilTime t, Zone zone, Time now) {
  const CivilTime day = today(now, zone);
  if (t.month != 0) {
    t.year = day.year;
    const auto at = to_time(t, zone);
    if (at && *at > now) {
      return at;
    }
    ++t.year;
    return to_time(t, zone);
  }
  for (int ahead = 0; ahead <= 2; ++ahead) {
    // Days are added by the calendar, so that a change of the clocks does not shift the hour.
    const auto noon = in_utc({.year = day.year, .month = day.month, .day = day.day, .hour = 12});
    const CivilTime date = today(*noon + hours{24 * ahead}, minutes{0});
    t.year = date.year;
    t.month = date.month;
    t.day = date.day;
    if (const auto at = to_time(t, zone); at && *at > now) {
      return at;
    }
  }
  return std::nullopt;
}

}  // namespace darn
