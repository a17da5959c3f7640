#include "darn/backoff.hpp"

#include <algorithm>
#include <limits>
#include <vector>

#include "darn/clock.hpp"
#include "support/property.hpp"

using namespace std::chrono_literals;
using darn::backoff;
using darn::duration;
using darn::jitter;
using darn::test::property;

TEST_CASE("a schedule gives its delays in turn and repeats the last one") {
  const auto b = backoff::schedule({5s, 15s, 45s, 135s, 300s}, jitter::none());
  CHECK(b.delay(1, 7) == 5s);
  CHECK(b.delay(2, 7) == 15s);
  CHECK(b.delay(5, 7) == 300s);
  CHECK(b.delay(6, 7) == 300s);
  CHECK(b.delay(0, 7) == 5s);  // out of range: the nearest
  CHECK(b.delay(-9, 7) == 5s);
  CHECK(backoff{}.delay(3, 7) == 0s);
}

TEST_CASE("growth ends at the cap") {
  const auto doubled = backoff::exponential(100ms, 30s, 2, jitter::none());
  CHECK(doubled.delay(1, 7) == 100ms);
  CHECK(doubled.delay(2, 7) == 200ms);
  CHECK(doubled.delay(9, 7) == 25600ms);
  CHECK(doubled.delay(10, 7) == 30s);
  CHECK(backoff::exponential(1s, 30s, 0.5, jitter::none()).planned(3) == 250ms);

  const auto stepped = backoff::linear(1s, 2s, 10s, jitter::none());
  CHECK(stepped.delay(1, 7) == 1s);
  CHECK(stepped.delay(3, 7) == 5s);
  CHECK(stepped.delay(100, 7) == 10s);

  const auto constant = backoff::constant(3s, jitter::none());
  CHECK(constant.delay(1, 7) == 3s);
  CHECK(constant.delay(1'000'000, 7) == 3s);
  CHECK(backoff::schedule({-5s}).planned(1) == 0s);
}

TEST_CASE("overflow at attempt 10,000") {
  for (const auto& kind : {jitter::none(), jitter::full(), jitter::equal(), jitter::proportional(),
                           jitter::decorrelated()}) {
    const std::vector<backoff> all{
        backoff::exponential(100ms, 30s, 2, kind), backoff::linear(100ms, 1s, 30s, kind),
        backoff::exponential(duration::max(), duration::max(), 1e300, kind),
        backoff::exponential(1s, 30s, std::numeric_limits<double>::quiet_NaN(), kind),
        backoff::linear(duration::max(), duration::max(), duration::max(), kind)};
    for (const backoff& b : all) {
      for (const std::int64_t retry :
           {std::int64_t{1}, std::int64_t{63}, std::int64_t{64}, std::int64_t{10'000},
            std::int64_t{1} << 62U, std::numeric_limits<std::int64_t>::max()}) {
        const auto delay = b.delay(retry, ~0ULL, b.cap);
        CHECK(delay >= 0s);
        CHECK(delay <= b.cap);
      }
    }
  }
}

// The trap: a delay that is drawn first and cut to the cap afterwards has most clients wait for
// exactly the cap, and they meet again.
TEST_CASE("clients synchronised at the cap") {
  constexpr int kClients = 20'000;
  constexpr int kSlots = 100;
  for (const auto& kind :
       {jitter::full(), jitter::equal(), jitter::proportional(), jitter::decorrelated()}) {
    const auto b = backoff::exponential(1s, 10s, 2, kind);
    darn::seeded_random random(42);
    std::vector<int> arrivals(kSlots + 1);
    for (int client = 0; client < kClients; ++client) {
      const duration d = b.delay(30, random.next(), 10s);
      ++arrivals[static_cast<std::size_t>(d * kSlots / 10s)];
    }
    // Even over half of the range a slot would get kClients/50; nowhere is there twice as much.
    CHECK(*std::max_element(arrivals.begin(), arrivals.end()) < 2 * kClients / 50);
    CHECK(arrivals[kSlots] < kClients / 50);
  }
}

TEST_CASE("properties of every delay") {
  property("between zero and the cap, and within its jitter's share of the plan", [] {
    const auto first = duration{*rc::gen::inRange<std::int64_t>(0, 10'000'000'000)};
    const auto cap = duration{*rc::gen::inRange<std::int64_t>(0, 100'000'000'000)};
    const double factor = *rc::gen::inRange(10, 40) / 10.0;
    const auto retry = *rc::gen::inRange<std::int64_t>(1, 200);
    const auto random = *rc::gen::arbitrary<std::uint64_t>();
    const auto kind =
        *rc::gen::element(jitter::none(), jitter::full(), jitter::equal(), jitter::proportional());
    const auto b = backoff::exponential(first, cap, factor, kind);
    const auto plan = b.planned(retry);
    const auto delay = b.delay(retry, random);
    RC_ASSERT(plan <= cap);
    RC_ASSERT(delay >= 0ns && delay <= cap);
    const auto share = [&](double f) { return static_cast<double>(plan.count()) * f; };
    RC_ASSERT(static_cast<double>(delay.count()) >= share(1 - kind.below) - 1);
    RC_ASSERT(static_cast<double>(delay.count()) <= share(1 + kind.above) + 1);
    RC_ASSERT(b.delay(retry, random) == delay);
    RC_ASSERT(b.planned(retry + 1) >= plan);
  });
  property("decorrelated: from the first delay up to three times the last one", [] {
    const auto first = duration{*rc::gen::inRange<std::int64_t>(1, 1'000'000'000)};
    const auto cap = first * *rc::gen::inRange(1, 50);
    const auto b = backoff::exponential(first, cap, 2, jitter::decorrelated());
    duration last{};
    darn::seeded_random random(*rc::gen::arbitrary<std::uint64_t>());
    for (int retry = 1; retry < 20; ++retry) {
      const duration d = b.delay(retry, random.next(), last);
      RC_ASSERT(d >= first && d <= cap);
      RC_ASSERT(d <= 3 * std::max(last, first));
      last = d;
    }
  });
}

TEST_CASE("early Retry-After") {
  const auto after = [](duration delay, std::optional<duration> asked, std::uint64_t random) {
    return darn::respect_retry_after(delay, asked, 5min, random);
  };
  CHECK(after(5s, std::nullopt, 7) == 5s);
  CHECK(after(5s, 3s, 7) == 5s);
  CHECK(after(5s, -3s, 7) == 5s);
  CHECK(after(5s, 60s, 0) == 60s);
  CHECK(after(5s, 60s, ~0ULL) == 66s);  // spread by a tenth, after it
  CHECK(after(5s, 299s, ~0ULL) == 300s);
  CHECK(after(5s, duration::max(), 0) == 270s);
  CHECK(after(5s, duration::max(), ~0ULL) == 300s);
  property("never before what was asked for", [&](std::uint64_t random) {
    const auto delay = duration{*rc::gen::inRange<std::int64_t>(0, 400'000'000'000)};
    const auto asked = duration{*rc::gen::inRange<std::int64_t>(0, 300'000'000'000)};
    const auto d = after(delay, asked, random);
    RC_ASSERT(d >= asked && d >= delay);
    RC_ASSERT(d <= std::max(delay, std::min<duration>(asked + asked / 10, 5min)));
  });
}

TEST_CASE("durations as text") {
  using darn::to_duration;
  using darn::to_string;
  CHECK(to_string(90s) == "1m30s");
  CHECK(to_string(1500ms) == "1.5s");
  CHECK(to_string(250ms) == "250ms");
  CHECK(to_string(0s) == "0s");
  CHECK(to_string(-3s) == "-3s");
  CHECK(to_string(std::chrono::hours{25}) == "1d1h");
  CHECK(to_string(1500ns) == "1.5us");
  CHECK(to_duration("1m30s") == 90s);
  CHECK(to_duration("1.5s") == 1500ms);
  CHECK(to_duration("0") == 0s);
  for (const char* bad :
       {"", "5", "s", "-5s", "5 s", "5s1m", "5s5s", "1e9s", "nan", "5x", "999999999d"}) {
    CHECK_FALSE(to_duration(bad));
  }
  property("what is printed is read again", [] {
    const auto d = std::chrono::milliseconds{*rc::gen::inRange<std::int64_t>(0, 1LL << 40)};
    RC_ASSERT(to_duration(to_string(d)) == std::optional<duration>(d));
  });
}
