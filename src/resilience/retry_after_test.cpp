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
const auto kHeaderRead = std::chrono::system_clock::from_time_t(kNow);

std::string format(const char* how, std::time_t t) {
  std::tm parts{};
  gmtime_r(&t, &parts);
  std::array<char, 64> text{};
  return {text.data(), std::strftime(text.data(), text.size(), how, &parts)};
}

}  // namespace

TEST_CASE("seconds") {
  CHECK(parse_retry_after("0", kHeaderRead) == 0s);
  CHECK(parse_retry_after(" 120\t", kHeaderRead) == 120s);
  CHECK(*parse_retry_after("99999999999999999999999999", kHeaderRead) > 24h * 365 * 200);
  for (const char* bad : {"", " ", "-1", "+1", "1.5", "1s", "0x10", "1 2", "soon"}) {
    CHECK_FALSE(parse_retry_after(bad, kHeaderRead));
  }
}

TEST_CASE("the three forms of an HTTP-date") {
  CHECK(parse_retry_after("Sun, 06 Nov 1994 08:50:37 GMT", kHeaderRead) == 60s);
  CHECK(parse_retry_after("Sunday, 06-Nov-94 08:50:37 GMT", kHeaderRead) == 60s);
  CHECK(parse_retry_after("Sun Nov  6 08:50:37 1994", kHeaderRead) == 60s);
  CHECK(parse_retry_after("Sun, 06 Nov 1994 08:49:00 GMT", kHeaderRead) == 0s);  // past
  CHECK(parse_retry_after("Sat, 31 Dec 1994 23:59:60 GMT", kHeaderRead));        // a leap second
  CHECK(parse_retry_after("Tuesday, 06-Nov-50 08:49:37 GMT", kHeaderRead) ==
        0s);  // 1950: in 56 years is too far
  for (const char* bad : {"Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37",
                          "Sun, 06 Nov 1994 08:49:37 PST", "Sun, 31 Feb 1994 08:49:37 GMT",
                          "Sun, 06 Nov 1994 24:49:37 GMT", "06 Nov 1994 08:49:37 GMT",
                          "Sun, 06 Nov 1994 08:49:61 GMT", "Sun, 06 Nov 1994 08:49:37 GMT+1",
                          "Xxx, 06 Nov 1994 08:49:37 GMT", "sun, 06 Nov 1994 08:49:37 GMT",
                          "Someday, 06-Nov-94 08:50:37 GMT", "Sun, 06-Nov-94 08:50:37 GMT",
                          "Sun, 06 Nov 94 08:49:37 GMT", "Sun Nov 06 1994 08:49:37"}) {
    CHECK_FALSE(parse_retry_after(bad, kHeaderRead));
  }
  // A part of a second is waited out.
  CHECK(parse_retry_after("Sun, 06 Nov 1994 08:50:37 GMT", kHeaderRead + 500ms) == 60s);
}

TEST_CASE("two digits of a year: the last such year that is not more than 50 ahead") {
  using namespace std::chrono;
  const auto last_day = sys_days{year{2099} / December / 31};
  CHECK(parse_retry_after("Friday, 01-Jan-00 00:01:00 GMT", last_day + 24h) == 60s);
  CHECK(parse_retry_after("Friday, 01-Jan-00 00:01:00 GMT", last_day + 23h) == 1h + 60s);
  CHECK(parse_retry_after("Thursday, 31-Dec-99 00:00:00 GMT", last_day + 24h) == 0s);
}

TEST_CASE("as long as there is") {
  CHECK(parse_retry_after("Fri, 31 Dec 9999 23:59:59 GMT", kHeaderRead) > 24h * 365 * 200);
  CHECK(parse_retry_after("Sat, 01 Jan 0000 00:00:00 GMT", kHeaderRead) == 0s);
  CHECK(parse_retry_after("60", std::chrono::system_clock::time_point::max()) == 60s);
  CHECK(parse_retry_after("Fri, 31 Dec 9999 23:59:59 GMT",
                          std::chrono::system_clock::time_point::min()) > 24h * 365 * 200);
}

TEST_CASE("properties") {
  property("what is printed is read, in all forms", [] {
    const auto ahead = *rc::gen::inRange<std::time_t>(0, 49L * 365 * 86'400);
    for (const char* how :
         {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"}) {
      const auto read = parse_retry_after(format(how, kNow + ahead), kHeaderRead);
      RC_ASSERT(read == std::optional<darn::duration>(std::chrono::seconds{ahead}));
    }
  });
  property("a date with one byte changed is read within bounds or refused", [] {
    auto text = format("%a, %d %b %Y %H:%M:%S GMT", kNow + 60);
    text[*rc::gen::inRange<std::size_t>(0, text.size())] = *rc::gen::arbitrary<char>();
    if (const auto read = parse_retry_after(text, kHeaderRead)) {
      RC_ASSERT(*read >= 0s);
    }
  });
  property("nothing makes it fail", [](const std::string& text) {
    if (const auto read = parse_retry_after(text, kHeaderRead)) {
      RC_ASSERT(*read >= 0s);
    }
  });
}
