#include "diagnose/time_hint.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

#include "base/text.hpp"
#include "diagnose/civil_time.hpp"

namespace darn {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::array<std::string_view, 12> kMonths = {"jan", "feb", "mar", "apr", "may", "jun",
                                                      "jul", "aug", "sep", "oct", "nov", "dec"};

// Reads forward over a text; a failed read leaves the place as it was.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}

  bool empty() const { return rest_.empty(); }
  char peek() const { return rest_.empty() ? '\0' : rest_.front(); }
  std::string_view rest() const { return rest_; }

  void skip(std::string_view any_of) {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(any_of), rest_.size()));
  }
  bool take(char c) {
    if (peek() != c) {
      return false;
    }
    rest_.remove_prefix(1);
    return true;
  }
  // Up to `most` digits; nothing when there is none or there are more.
  std::optional<std::int64_t> digits(std::size_t most) {
    const auto n = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    if (n == 0 || n > most) {
      return std::nullopt;
    }
    const auto value = parse_int(rest_.substr(0, n));
    rest_.remove_prefix(n);
    return value;
  }
  // The letters that follow, lower case; empty when none do.
  std::string word() {
    std::size_t n = 0;
    while (n < rest_.size() && std::isalpha(static_cast<unsigned char>(rest_[n])) != 0) {
      ++n;
    }
    std::string found = lower(rest_.substr(0, n));
    rest_.remove_prefix(n);
    return found;
  }

 private:
  std::string_view rest_;
};

std::optional<Duration> unit_of(std::string_view word) {
  if (word == "ms" || word == "msec" || word == "msecs" || word.starts_with("millis")) {
    return Duration{1};
  }
  if (word == "s" || word == "sec" || word == "secs" || word == "second" || word == "seconds") {
    return seconds{1};
  }
  if (word == "m" || word == "min" || word == "mins" || word == "minute" || word == "minutes") {
    return minutes{1};
  }
  if (word == "h" || word == "hr" || word == "hrs" || word == "hour" || word == "hours") {
    return hours{1};
  }
  if (word == "d" || word == "day" || word == "days") {
    return hours{24};
  }
  return std::nullopt;
}

// "1h2m3.5s", "2 days 3 hours and 5 minutes", "20ms".
std::optional<Duration> read_duration(Cursor& in) {
  Cursor c = in;
  std::optional<double> total;
  for (;;) {
    Cursor part = c;
    part.skip(" \t,");
    if (total && part.peek() == 'a') {
      Cursor joint = part;
      if (joint.word() == "and") {
        part = joint;
        part.skip(" \t");
      }
    }
    const auto whole = part.digits(9);
    if (!whole) {
      break;
    }
    double value = static_cast<double>(*whole);
    if (part.peek() == '.') {
      Cursor fraction = part;
      fraction.take('.');
      const auto before = fraction.rest().size();
      if (const auto d = fraction.digits(9)) {
        double scale = 1;
        for (auto n = before - fraction.rest().size(); n > 0; --n) {
          scale *= 10;
        }
        value += static_cast<double>(*d) / scale;
        part = fraction;
      }
    }
    part.skip(" \t");
    const auto unit = unit_of(part.word());
    if (!unit) {
      break;
    }
    total = total.value_or(0) + value * static_cast<double>(unit->count());
    c = part;
  }
  if (!total || *total > 1e15) {
    return std::nullopt;
  }
  in = c;
  return Duration{static_cast<std::int64_t>(*total + 0.999)};  // never early
}

// "Z", "UTC", "GMT", "+02:00", "-0800", "PST"; "(Europe/Berlin)" and anything else is the
// machine's.
Zone read_zone(Cursor& in) {
  Cursor c = in;
  c.skip(" \t(");
  if (c.peek() == '+' || c.peek() == '-') {
    const int sign = c.take('-') ? -1 : (c.take('+'), 1);
    auto hour = c.digits(4);
    if (!hour) {
      return std::nullopt;
    }
    std::int64_t minute = 0;
    if (c.take(':')) {
      minute = c.digits(2).value_or(0);
    } else if (*hour >= 100) {
      minute = *hour % 100;
      hour = *hour / 100;
    }
    if (*hour > 14 || minute > 59) {
      return std::nullopt;
    }
    in = c;
    return minutes{sign * (*hour * 60 + minute)};
  }
  static constexpr std::array<std::pair<std::string_view, int>, 13> kZones = {{{"z", 0},
                                                                               {"utc", 0},
                                                                               {"gmt", 0},
                                                                               {"est", -5},
                                                                               {"edt", -4},
                                                                               {"cst", -6},
                                                                               {"cdt", -5},
                                                                               {"mst", -7},
                                                                               {"mdt", -6},
                                                                               {"pst", -8},
                                                                               {"pdt", -7},
                                                                               {"cet", 1},
                                                                               {"cest", 2}}};
  const std::string word = c.word();
  if (c.peek() == '/') {
    return std::nullopt;
  }
  for (const auto& [name, hour] : kZones) {
    if (word == name) {
      in = c;
      return minutes{hour * 60};
    }
  }
  return std::nullopt;
}

// "3am", "3 PM", "2:13 AM", "15:30", "15:30:05".
bool read_clock(Cursor& in, CivilTime& t) {
  Cursor c = in;
  const auto hour = c.digits(2);
  if (!hour || *hour > 24) {
    return false;
  }
  t.hour = static_cast<int>(*hour);
  const bool colon = c.take(':');
  if (colon) {
    const auto minute = c.digits(2);
    if (!minute || *minute > 59) {
      return false;
    }
    t.minute = static_cast<int>(*minute);
    if (c.take(':')) {
      t.second = static_cast<int>(std::min<std::int64_t>(c.digits(2).value_or(0), 59));
      if (c.take('.')) {
        c.digits(9);
      }
    }
  }
  Cursor half = c;
  half.skip(" \t");
  const std::string word = half.word();
  if (word == "am" || word == "pm" || word == "a" || word == "p") {
    if (t.hour < 1 || t.hour > 12) {
      return false;
    }
    t.hour = t.hour % 12 + (word.front() == 'p' ? 12 : 0);
    half.take('.');
    c = half;
  } else if (!colon || t.hour > 23) {
    return false;
  }
  in = c;
  return true;
}

std::optional<int> read_month(Cursor& in) {
  Cursor c = in;
  const std::string word = c.word();
  if (word.size() < 3) {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < kMonths.size(); ++i) {
    if (word.starts_with(kMonths[i])) {
      in = c;
      return static_cast<int>(i) + 1;
    }
  }
  return std::nullopt;
}

// "2026-11-23T02:13:00.5Z", "2026-11-23 02:13".
bool read_iso(Cursor& in, CivilTime& t) {
  Cursor c = in;
  const auto year = c.digits(4);
  if (!year || *year < 1970 || !c.take('-')) {
    return false;
  }
  const auto month = c.digits(2);
  if (!month || !c.take('-')) {
    return false;
  }
  const auto day = c.digits(2);
  if (!day) {
    return false;
  }
  t.year = static_cast<int>(*year);
  t.month = static_cast<int>(*month);
  t.day = static_cast<int>(*day);
  if (c.take('T') || c.take('t') || c.take(' ')) {
    c.skip(" ");
    read_clock(c, t);
  }
  in = c;
  return true;
}

// "Nov 23rd, 2026 2:13 AM", "Oct 24 at 3pm", "23 Nov 2026 02:13:00", "Sun, 23 Nov 2026 02:13:00".
bool read_named_date(Cursor& in, CivilTime& t) {
  Cursor c = in;
  Cursor weekday = c;
  const std::string word = weekday.word();
  if (word.size() >= 3 && word != "may" &&
      std::string_view("sun mon tue wed thu fri sat").find(std::string_view(word).substr(0, 3)) !=
          std::string_view::npos) {
    weekday.skip(", ");
    c = weekday;
  }
  auto month = read_month(c);
  c.skip(" .-");
  const auto day = c.digits(2);
  if (!day) {
    return false;
  }
  if (c.peek() != ' ' && c.peek() != ',' && c.peek() != '-') {
    c.word();  // 23rd
  }
  c.skip(" ,-");
  if (!month) {
    month = read_month(c);
    c.skip(" ,-");
  }
  if (!month) {
    return false;
  }
  t.month = *month;
  t.day = static_cast<int>(*day);
  Cursor with_year = c;
  if (const auto year = with_year.digits(4); year && *year >= 1970) {
    t.year = static_cast<int>(*year);
    c = with_year;
  }
  c.skip(" ,");
  Cursor at = c;
  if (at.word() == "at") {
    at.skip(" ");
    c = at;
  }
  read_clock(c, t);
  in = c;
  return true;
}

std::optional<TimeHint> at_time(std::optional<Time> at) {
  return at ? std::optional(TimeHint{.after = {}, .at = at}) : std::nullopt;
}

std::optional<TimeHint> number_hint(Cursor c, std::optional<Duration> unit) {
  const auto n = c.digits(16);
  if (!n) {
    return std::nullopt;
  }
  if (*n >= 100'000'000'000) {
    return at_time(time_from_ms(*n));
  }
  if (*n >= 1'000'000'000) {
    return at_time(time_from_ms(*n * 1000));
  }
  if (!unit || *n > 100'000'000) {
    return std::nullopt;
  }
  return TimeHint{.after = *n * *unit, .at = {}};
}

}  // namespace

std::optional<TimeHint> parse_time_hint(std::string_view text, Time now,
                                        std::optional<Duration> unit) {
  Cursor c(text.substr(0, 200));
  CivilTime t;
  if (const auto length = read_duration(c)) {
    return TimeHint{.after = length, .at = {}};
  }
  const bool dated = read_iso(c, t) || read_named_date(c, t);
  if (!dated && !read_clock(c, t)) {
    return number_hint(c, unit);
  }
  const Zone zone = read_zone(c);
  return at_time(t.year != 0 ? to_time(t, zone) : next_occurrence(t, zone, now));
}

}  // namespace darn
