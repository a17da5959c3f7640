// Printed times. The machine's zone is set for the tests, and put back.
#include "diagnose/time_hint.hpp"

#include <stdlib.h>
#include <time.h>

#include <cstdio>
#include <string>

#include <fmt/format.h>

#include "diagnose/diagnose.hpp"
#include "support/property.hpp"

namespace {

using namespace darn;
using namespace std::chrono_literals;
using darn::test::property;

class InZone {
 public:
  explicit InZone(const char* zone) {
    if (const char* before = ::getenv("TZ")) {
      before_ = before;
      had_ = true;
    }
    ::setenv("TZ", zone, 1);
    ::tzset();
  }
  ~InZone() {
    had_ ? ::setenv("TZ", before_.c_str(), 1) : ::unsetenv("TZ");
    ::tzset();
  }
  InZone(const InZone&) = delete;
  InZone& operator=(const InZone&) = delete;

 private:
  std::string before_;
  bool had_ = false;
};

const Time kNow = time_from_ms(1'795'368'600'000);  // 2026-11-22T17:30:00Z, a Sunday
Time utc(int day, int hour, int minute = 0, int second = 0) {
  return Time{std::chrono::sys_days{std::chrono::year{2026} / 11 / day}.time_since_epoch() +
              std::chrono::hours{hour} + std::chrono::minutes{minute} +
              std::chrono::seconds{second}};
}

}  // namespace

TEST_CASE("the forms that agents and servers print, in a zone of UTC") {
  const InZone zone("UTC");
  REQUIRE(kNow == utc(22, 17, 30));
  const struct {
    const char* text;
    Time at;
  } table[] = {
      {"You've hit your usage limit. Upgrade or try again at Nov 23rd, 2026 2:13 AM.",
       utc(23, 2, 13)},
      {"try again at 6:05 PM.", utc(22, 18, 5)},
      {"You've hit your limit \xc2\xb7 resets 3am", utc(23, 3)},
      {"You've hit your limit \xc2\xb7 resets 3am (UTC)", utc(23, 3)},
      {"5-hour limit reached \xe2\x88\x99 resets 7pm", utc(22, 19)},
      {"resets 12am", utc(23, 0)},
      {"resets at 12:30pm", utc(23, 12, 30)},
      {"Your limit will reset at 5pm (America/Santiago)", utc(23, 17)},
      {"resets Nov 24 at 3pm", utc(24, 15)},
      {"resets Nov 24, 3pm", utc(24, 15)},
      {"resets in 5 s", kNow + 5s},
      {"resets in 2h 5m", kNow + 2h + 5min},
      {"Claude AI usage limit reached|1795372200", utc(22, 18, 30)},
      {R"("resetsAt":1795372200)", utc(22, 18, 30)},
      {R"("resets_at":1795372200000)", utc(22, 18, 30)},
      {R"("resets_in_seconds":300)", kNow + 300s},
      {"x-ratelimit-reset: 1795372200", utc(22, 18, 30)},
      {"x-ratelimit-reset-requests: 6m0s", kNow + 6min},
      {"Limit resets at: 2026-11-22 18:00:00 UTC", utc(22, 18)},
      {"until 2026-11-22T18:00:00Z", utc(22, 18)},
      {"until 2026-11-22T18:00:00.250Z", utc(22, 18)},
      {"until 2026-11-22T20:00:00+02:00", utc(22, 18)},
      {"try again after 10:00 PST", utc(22, 18)},
      {"Retry-After: 30", kNow + 30s},
      {"retry-after=30", kNow + 30s},
      {"< retry-after: 30", kNow + 30s},
      {"Retry-After: Sun, 22 Nov 2026 18:00:00 GMT", utc(22, 18)},
      {R"({"retry_after_ms": 1500})", kNow + 1500ms},
      {"retry-after-ms: 1500", kNow + 1500ms},
      {R"("retryDelay": "34s")", kNow + 34s},
      {"Please retry in 34.074824224s.", kNow + 34075ms},
      {"retry in 12s", kNow + 12s},
      {"Please try again in 20ms.", kNow + 20ms},
      {"Please try again in 6m0s. Visit", kNow + 6min},
      {"try again in 2 days 3 hours 5 minutes", kNow + 51h + 5min},
      {"try again in 1 hour and 30 minutes", kNow + 90min},
      {"Please wait 30 seconds before trying again", kNow + 30s},
      {"try again 3 times. Retry-After: 7", kNow + 7s},
      {"available again in 45 minutes", kNow + 45min},
  };
  for (const auto& row : table) {
    const auto found = find_reset_time(row.text, kNow);
    CHECK_MESSAGE(found == row.at, row.text, " gave ", found ? format_utc(*found) : "nothing");
  }
}

TEST_CASE("what is no time to come back") {
  const InZone zone("UTC");
  for (const char* text : {"",
                           "nothing",
                           "2026-11-22T18:00:00Z GET /",
                           "try again",
                           "try again 3 times",
                           "resets",
                           "retry 2 of 5",
                           "until then",
                           "resets 25pm",
                           "resets 13pm",
                           "resets 0am",
                           "resets 12:61pm",
                           "try again at Feb 31, 2027 2:13 AM",
                           "Retry-After: -5",
                           "Retry-After: 0",
                           "try again at Nov 21st, 2026 2:13 AM",         // past
                           "until 2027-11-22T18:00:00Z",                  // too far
                           "Retry-After: 99999999999999999999999999999",  // no number of this world
                           "resets in 999999999 days",
                           "usage limit reached|1",
                           "wait 40 days"}) {
    CHECK_MESSAGE(!find_reset_time(text, kNow), text);
  }
}

TEST_CASE("local time where no zone is given, over a change of the clocks") {
  {
    const InZone zone("CET-1CEST,M3.5.0,M10.5.0/3");  // without the zone files of the machine
    CHECK(find_reset_time("resets 3am", kNow) == utc(23, 2));
    CHECK(find_reset_time("resets 3am UTC", kNow) == utc(23, 3));
    CHECK(find_reset_time("try again at Nov 23rd, 2026 2:13 AM", kNow) == utc(23, 1, 13));
    // 2026-10-24 22:00 CEST; at 3:00 CEST the clocks go back to 2:00
    const Time before = Time{std::chrono::sys_days{std::chrono::year{2026} / 10 / 24}} + 20h;
    CHECK(find_reset_time("resets 9am", before) == before + 12h);
  }
  {
    const InZone zone("EST5EDT,M3.2.0,M11.1.0");
    CHECK(find_reset_time("resets 3pm", kNow) == utc(22, 20));
  }
}

TEST_CASE("what is formatted is found again") {
  const InZone zone("UTC");
  const auto ahead = [] { return std::chrono::seconds{*rc::gen::inRange(1, 30 * 24 * 3600)}; };
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  property("durations and epochs", [&] {
    const auto d = ahead();
    const auto n = d.count();
    RC_ASSERT(find_reset_time(fmt::format("Retry-After: {}", n), kNow) == kNow + d);
    RC_ASSERT(find_reset_time(fmt::format("try again in {}s", n), kNow) == kNow + d);
    RC_ASSERT(find_reset_time(fmt::format("resets in {}h{}m{}s", n / 3600, n / 60 % 60, n % 60),
                              kNow) == kNow + d);
    RC_ASSERT(find_reset_time(fmt::format("limit reached|{}", to_ms(kNow + d) / 1000), kNow) ==
              kNow + d);
    RC_ASSERT(find_reset_time(fmt::format("\"resetsAt\": {}", to_ms(kNow + d)), kNow) == kNow + d);
    RC_ASSERT(find_reset_time("until " + format_utc(kNow + d), kNow) == kNow + d);
  });
  property("dates", [&] {
    const Time at = kNow + ahead();
    const auto seconds = static_cast<std::time_t>(to_ms(at) / 1000);
    struct tm t {};
    ::gmtime_r(&seconds, &t);
    char http[64];
    REQUIRE(std::strftime(http, sizeof http, "%a, %d %b %Y %H:%M:%S GMT", &t) > 0);
    RC_ASSERT(find_reset_time(std::string("Retry-After: ") + http, kNow) == at);
    const int twelve = t.tm_hour % 12 == 0 ? 12 : t.tm_hour % 12;
    const char* half = t.tm_hour < 12 ? "AM" : "PM";
    const Time minute = at - std::chrono::seconds{t.tm_sec};
    const auto codex = fmt::format("try again at {} {}th, {} {}:{:02} {}.", kMonths[t.tm_mon],
                                   t.tm_mday, t.tm_year + 1900, twelve, t.tm_min, half);
    RC_ASSERT(find_reset_time(codex, kNow) ==
              (minute > kNow ? std::optional(minute) : std::nullopt));
    const auto clock =
        find_reset_time(fmt::format("resets {}:{:02}{}", twelve, t.tm_min, half), kNow);
    RC_ASSERT(clock.has_value());
    RC_ASSERT(*clock > kNow && *clock <= kNow + 24h);
    RC_ASSERT((*clock - minute) % std::chrono::hours{24} == 0ms);
  });
  property("never in the past, never farther than 31 days, whatever the text", [] {
    const auto words = *rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
        "resets ", "try again ", "Retry-After: ", "in ", "at ", "Nov ", "31", "29", "2026", "-",
        ":", "1795372200", "9999999999999", "am", "pm", "Z", "+99:99", "days ", "h", ".5", " ", "T",
        "Feb ", "\xc2\xb7 ", "\n", "|", "1e9", "-1"));
    std::string text;
    for (const auto& w : words) {
      text += w;
    }
    const auto at = find_reset_time(text, kNow);
    RC_ASSERT(!at || (*at > kNow && *at <= kNow + 24h * 31));
  });
  property("random bytes", [](const std::string& bytes) { find_reset_time(bytes, kNow); });
}
