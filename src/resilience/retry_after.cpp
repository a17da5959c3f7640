#include "darn/retry_after.hpp"

#include <algorithm>
#include <array>

namespace darn {
namespace {

constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> kDays{"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                "Thursday", "Friday", "Saturday"};

// Reads a text from the left; after the first thing that does not fit, `good` is false.
struct Reader {
  std::string_view rest;
  bool good = true;

  void word(std::string_view expected) {
    good = good && rest.starts_with(expected);
    rest.remove_prefix(good ? expected.size() : 0);
  }
  int digits(std::size_t count, bool may_be_spaced = false) {
    int value = 0;
    for (std::size_t i = 0; i < count && good; ++i) {
      const char c = rest.empty() ? '\0' : rest[0];
      const bool blank = may_be_spaced && i == 0 && c == ' ';
      good = blank || (c >= '0' && c <= '9');
      value = value * 10 + (blank ? 0 : c - '0');
      rest.remove_prefix(good ? 1 : 0);
    }
    return value;
  }
  int month() {
    const auto at = std::find(kMonths.begin(), kMonths.end(), rest.substr(0, 3));
    good = good && at != kMonths.end();
    rest.remove_prefix(good ? 3 : 0);
    return static_cast<int>(at - kMonths.begin()) + 1;
  }
  // Whether it is the date's own day is not checked: what counts is the date.
  void day_name(bool whole) {
    const auto n = std::min(rest.find_first_of(", "), rest.size());
    const auto word = rest.substr(0, n);
    good = good && std::any_of(kDays.begin(), kDays.end(), [&](std::string_view day) {
             return word == (whole ? day : day.substr(0, 3));
           });
    rest.remove_prefix(good ? n : 0);
  }
};

struct Date {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;

  std::optional<std::chrono::sys_seconds> point() const {
    using namespace std::chrono;
    const year_month_day ymd{std::chrono::year{year},
                             std::chrono::month(static_cast<unsigned>(month)),
                             std::chrono::day(static_cast<unsigned>(day))};
    if (!ymd.ok() || hour > 23 || minute > 59 || second > 60) {  // 60: a leap second
      return std::nullopt;
    }
    return sys_days{ymd} + hours{hour} + minutes{minute} + seconds{second};
  }
};

void read_clock(Reader& r, Date& d) {
  d.hour = r.digits(2);
  r.word(":");
  d.minute = r.digits(2);
  r.word(":");
  d.second = r.digits(2);
}

std::optional<Date> done(const Reader& r, const Date& d) {
  return r.good && r.rest.empty() ? std::optional(d) : std::nullopt;
}

std::optional<Date> imf_fixdate(std::string_view text) {  // Sun, 06 Nov 1994 08:49:37 GMT
  Reader r{text};
  Date d;
  r.day_name(false);
  r.word(", ");
  d.day = r.digits(2);
  r.word(" ");
  d.month = r.month();
  r.word(" ");
  d.year = r.digits(4);
  r.word(" ");
  read_clock(r, d);
  r.word(" GMT");
  return done(r, d);
}

// Sunday, 06-Nov-94 08:49:37 GMT. The year is the last one with these two digits that is not more
// than 50 years ahead: at the end of 2099 "00" is next year.
std::optional<Date> rfc850_date(std::string_view text, int this_year) {
  Reader r{text};
  Date d;
  r.day_name(true);
  r.word(", ");
  d.day = r.digits(2);
  r.word("-");
  d.month = r.month();
  r.word("-");
  d.year = this_year / 100 * 100 + 100 + r.digits(2);
  while (d.year > this_year + 50) {
    d.year -= 100;
  }
  r.word(" ");
  read_clock(r, d);
  r.word(" GMT");
  return done(r, d);
}

std::optional<Date> asctime_date(std::string_view text) {  // Sun Nov  6 08:49:37 1994
  Reader r{text};
  Date d;
  r.day_name(false);
  r.word(" ");
  d.month = r.month();
  r.word(" ");
  d.day = r.digits(2, true);
  r.word(" ");
  read_clock(r, d);
  r.word(" ");
  d.year = r.digits(4);
  return done(r, d);
}

}  // namespace

std::optional<duration> parse_retry_after(std::string_view header, wall_time now) {
  const auto first = header.find_first_not_of(" \t");
  if (first == std::string_view::npos) {
    return std::nullopt;
  }
  header = header.substr(first, header.find_last_not_of(" \t") - first + 1);

  constexpr auto kLongest = std::chrono::duration_cast<std::chrono::seconds>(duration::max());
  if (header.find_first_not_of("0123456789") == std::string_view::npos) {
    std::chrono::seconds::rep seconds = 0;
    for (const char c : header) {
      seconds = std::min<std::chrono::seconds::rep>(seconds * 10 + (c - '0'), kLongest.count());
    }
    return std::chrono::seconds{seconds};
  }

  using std::chrono::floor;
  const std::chrono::year_month_day today{floor<std::chrono::days>(now)};
  auto date = imf_fixdate(header);
  date = date ? date : rfc850_date(header, static_cast<int>(today.year()));
  date = date ? date : asctime_date(header);
  const auto at = date ? date->point() : std::nullopt;
  if (!at) {
    return std::nullopt;
  }
  // Rounded up to the second: a little late is right, a little early is not.
  const auto wait = *at - floor<std::chrono::seconds>(now);
  return std::clamp<std::chrono::seconds>(wait, std::chrono::seconds{0}, kLongest);
}

}  // namespace darn
