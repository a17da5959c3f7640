#include "darn/retry_after.hpp"

#include <array>
#include <cstdio>
#include <ctime>

#include "support/property.hpp"

using namespace std::chrono_literals;
using darn::parse_retry_after;
using darn::test::property;

namespace {

constexpr std::time_t kNow = 784'111'777;  // Sun, 06 Nov 1994 08:49:37 GMT
const auto now = std::chrono::system_clock::from_time_t(kNow);

std::string format(const char* how, std::time_t t) {
  std::tm parts{};
  gmtime_r(&t, &parts);
  std::array<char, 64> text{};
  return {text.data(), std::strftime(text.data(), text.size(), how, &parts)};
}

}  // namespace

TEST_CASE("seconds") {
  CHECK(parse_retry_after("0", now) == 0s);
  CHECK(parse_retry_after(" 120\t", now) == 120s);
  CHECK(*parse_retry_after("99999999999999999999999999", now) > 24h * 365 * 200);
  for (const char* bad : {"", " ", "-1", "+1", "1.5", "1s", "0x10", "1 2", "soon"}) {
    CHECK_FALSE(parse_retry_after(bad, now));
  }
}

TEST_CASE("the three forms of an HTTP-date") {
  CHECK(parse_retry_after("Sun, 06 Nov 1994 08:50:37 GMT", now) == 60s);
  CHECK(parse_retry_after("Sunday, 06-Nov-94 08:50:37 GMT", now) == 60s);
  CHECK(parse_retry_after("Sun Nov  6 08:50:37 1994", now) == 60s);
  CHECK(parse_retry_after("Sun, 06 Nov 1994 08:49:00 GMT", now) == 0s);  // past
  CHECK(parse_retry_after("Sat, 31 Dec 1994 23:59:60 GMT", now));        // a leap second
  CHECK(parse_retry_after("Tuesday, 06-Nov-50 08:49:37 GMT", now) ==
        0s);  // 1950: in 56 years is too far
  for (const char* bad : {"Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37",
                          "Sun, 06 Nov 1994 08:49:37 PST", "Sun, 31 Feb 1994 08:49:37 GMT",
                          "Sun, 06 Nov 1994 24:49:37 GMT", "06 Nov 1994 08:49:37 GMT",
                          "Sun, 06 Nov 1994 08:49:61 GMT", "Sun, 06 Nov 1994 08:49:37 GMT+1"}) {
    CHECK_FALSE(parse_retry_after(bad, now));
  }
  // A part of a second is waited out.
  CHECK(parse_retry_after("Sun, 06 Nov 1994 08:50:37 GMT", now + 500ms) == 60s);
}

TEST_CASE("properties") {
  property("what is printed is read, in all forms", [] {
    const auto ahead = *rc::gen::inRange<std::time_t>(0, 40L * 365 * 86'400);
    for (const char* how :
         {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"}) {
      const auto text = format(how, kNow + ahead);
      const auto read = parse_retry_after(text, now);
      // Two digits of a year say the century only in this one.
      if (std::string_view(how).find("%y") == std::string_view::npos) {
        RC_ASSERT(read == std::optional<darn::duration>(std::chrono::seconds{ahead}));
      } else {
        RC_ASSERT(read.has_value());
      }
    }
  });
  property("nothing makes it fail", [](const std::string& text) {
    if (const auto read = parse_retry_after(text, now)) {
      RC_ASSERT(*read >= 0s);
    }
  });
}
