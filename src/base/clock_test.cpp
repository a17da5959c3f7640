#include "base/clock.hpp"

#include <stdlib.h>
#include <time.h>

#include <doctest/doctest.h>

namespace darn {
namespace {

using namespace std::chrono_literals;

TEST_CASE("times are printed in UTC with milliseconds") {
  CHECK(format_utc(time_from_ms(0)) == "1970-01-01T00:00:00.000Z");
  CHECK(format_utc(time_from_ms(1'700'000'000'123)) == "2023-11-14T22:13:20.123Z");
  CHECK(format_utc(time_from_ms(-1)) == "1969-12-31T23:59:59.999Z");
}

TEST_CASE("stamps and clocks are local time") {
  const char* old = ::getenv("TZ");
  const std::string kept = old == nullptr ? "" : old;
  ::setenv("TZ", "XXX-2", 1);  // two hours east of Greenwich
  ::tzset();
  CHECK(format_stamp(time_from_ms(1'700'000'000'123)) == "20231115-001320");
  CHECK(format_local_clock(time_from_ms(1'700'000'000'123)) == "00:13:20");
  if (old == nullptr) {
    ::unsetenv("TZ");
  } else {
    ::setenv("TZ", kept.c_str(), 1);
  }
  ::tzset();
}

TEST_CASE("a fake clock moves only when told") {
  FakeClock clock(time_from_ms(5));
  CHECK(to_ms(clock.now()) == 5);
  clock.advance(2s);
  CHECK(to_ms(clock.now()) == 2005);
  clock.set(Time{});
  CHECK(clock.now() == Time{});
  CHECK(SystemClock{}.now() > time_from_ms(1'700'000'000'000));
}

}  // namespace
}  // namespace darn
