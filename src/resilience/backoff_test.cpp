#include "darn/backoff.hpp"

#include <limits>

#include "support/property.hpp"

using darn::Backoff;
using darn::backoff_delay;
using darn::planned_delay;
using namespace std::chrono_literals;

TEST_CASE("a schedule gives its delays in turn and repeats the last one") {
  const auto b = Backoff::schedule({5s, 15s, 45s}, 0.0);
  CHECK(backoff_delay(b, 1, 7) == 5s);
  CHECK(backoff_delay(b, 2, 7) == 15s);
  CHECK(backoff_delay(b, 3, 7) == 45s);
  CHECK(backoff_delay(b, 4, 7) == 45s);
  CHECK(backoff_delay(b, 0, 7) == 5s);  // out of range: the nearest
  CHECK(backoff_delay(b, -9, 7) == 5s);
  CHECK(backoff_delay(Backoff{}, 3, 7) == 0s);
}

TEST_CASE("exponential growth ends at the cap") {
  const auto b = Backoff::exponential(100ms, 2.0, 30s, 0.0);
  CHECK(backoff_delay(b, 1, 7) == 100ms);
  CHECK(backoff_delay(b, 2, 7) == 200ms);
  CHECK(backoff_delay(b, 9, 7) == 25600ms);
  CHECK(backoff_delay(b, 10, 7) == 30s);
  CHECK(backoff_delay(b, std::numeric_limits<std::int64_t>::max(), 7) == 30s);
  const auto huge = Backoff::exponential(Backoff::Millis::max(), 1e300, Backoff::Millis::max(), 0);
  CHECK(planned_delay(huge, 1000) == Backoff::Millis::max());
  const auto shrinking = Backoff::exponential(1s, 0.5, 30s, 0.0);
  CHECK(planned_delay(shrinking, 3) == 250ms);
  const auto odd = Backoff::exponential(1s, std::numeric_limits<double>::quiet_NaN(), 30s, 0.0);
  CHECK(planned_delay(odd, 3) <= 30s);
  CHECK(planned_delay(Backoff::schedule({-5s}), 1) == 0s);
}

TEST_CASE("Retry-After is a floor, and is itself clamped") {
  const auto b = Backoff::schedule({5s}, 0.0);
  CHECK(backoff_delay(b, 1, 7, 60s, 6h) == 60s);
  CHECK(backoff_delay(b, 1, 7, 1s, 6h) == 5s);
  CHECK(backoff_delay(b, 1, 7, 24h * 365, 6h) == 6h);
  CHECK(backoff_delay(b, 1, 7, -60s, 6h) == 5s);
  CHECK(backoff_delay(b, 1, 7, std::nullopt, 6h) == 5s);
}

TEST_CASE("what holds for any backoff") {
  darn::test::property(
      "jitter stays between d*(1-j) and d, at any retry, and comes from the seed alone",
      [](std::vector<std::uint32_t> delays, std::uint64_t seed, std::int64_t retry) {
        Backoff b;
        for (const auto d : delays) {
          b.delays.emplace_back(d);
        }
        b.factor = 1.0 + static_cast<double>(*rc::gen::inRange(0, 30)) / 10;
        b.jitter = static_cast<double>(*rc::gen::inRange(0, 11)) / 10;
        b.cap = std::chrono::seconds{*rc::gen::inRange(0, 1'000'000)};
        const auto planned = planned_delay(b, retry);
        const auto delay = backoff_delay(b, retry, seed);
        RC_ASSERT(planned >= 0ms && planned <= b.cap);
        RC_ASSERT(delay <= planned);
        const auto least = static_cast<double>(planned.count()) * (1 - b.jitter);
        RC_ASSERT(static_cast<double>(delay.count()) >= least - 1);
        RC_ASSERT(delay == backoff_delay(b, retry, seed));
      });
  darn::test::property("never earlier than the server asked, within its clamp",
                       [](std::uint32_t asked, std::uint64_t seed) {
                         const auto b = Backoff::exponential(1s, 2, 5min);
                         const auto wait = backoff_delay(b, 3, seed, Backoff::Millis{asked}, 6h);
                         RC_ASSERT(wait >= std::min<Backoff::Millis>(Backoff::Millis{asked}, 6h));
                         RC_ASSERT(wait <= std::max<Backoff::Millis>(Backoff::Millis{asked}, 4s));
                       });
}

TEST_CASE("different seeds spread a herd") {
  const auto b = Backoff::schedule({60s}, 0.5);
  std::vector<Backoff::Millis> seen;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    seen.push_back(backoff_delay(b, 1, seed));
  }
  const auto [low, high] = std::minmax_element(seen.begin(), seen.end());
  CHECK(*high - *low > 20s);
  std::sort(seen.begin(), seen.end());
  CHECK(std::unique(seen.begin(), seen.end()) - seen.begin() > 90);
}
