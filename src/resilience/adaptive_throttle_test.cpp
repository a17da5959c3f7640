#include "darn/adaptive_throttle.hpp"

#include <thread>
#include <vector>

#include "darn/bulkhead.hpp"
#include "darn/pipeline.hpp"
#include "darn/testing.hpp"
#include "support/lone_call.hpp"
#include "support/property.hpp"

using namespace std::chrono_literals;
using darn::category;
using darn::error;
using darn::outcome;
using darn::test::lone_call;

namespace {

outcome<int> fails_with(category c) { return darn::unexpected<error>(error{.category = c}); }

}  // namespace

TEST_CASE("the throttle follows the formula of the SRE book") {
  darn::fake_clock clock;
  darn::seeded_random random(1);
  const darn::adaptive_throttle throttle({.k = 2});
  const auto p = darn::pipeline(throttle);
  int sent = 0;
  int accepted = 0;
  int offered = 0;
  const auto call = [&](bool accept) {
    ++offered;
    (void)p.run({.clock = &clock, .random = &random}, [&] {
      ++sent;
      accepted += accept ? 1 : 0;
      return accept ? outcome<int>(1) : fails_with(category::rate_limit);
    });
    const double expected = std::max(0.0, (offered - 2.0 * accepted) / (offered + 1));
    CHECK(throttle.rejection_probability(clock.now()) == doctest::Approx(expected));
  };
  for (int i = 0; i < 100; ++i) {
    call(true);
  }
  CHECK(sent == 100);
  for (int i = 0; i < 2000; ++i) {
    call(i % 10 == 0);
  }
  // A backend that takes one in ten is sent about twice what it takes, not ten times.
  CHECK(sent < 5 * accepted);
  CHECK(sent < 1200);
  clock.advance(3min);  // forgotten
  CHECK(throttle.rejection_probability(clock.now()) == 0);
}

TEST_CASE("a backend that takes half is sent no more than k times what it takes") {
  for (const double k : {1.1, 2.0}) {
    darn::fake_clock clock;
    darn::seeded_random random(7);
    const auto p = darn::pipeline(darn::adaptive_throttle({.k = k}));
    constexpr int kPerSecond = 100;
    constexpr int kDemand = 4 * kPerSecond;
    int sent = 0;
    int taken = 0;
    for (int second = 0; second < 600; ++second) {
      int room = kPerSecond;
      for (int i = 0; i < kDemand; ++i) {
        clock.advance(1s / kDemand);
        const auto result = p.run({.clock = &clock, .random = &random}, [&] {
          sent += second >= 120 ? 1 : 0;  // once it has settled
          return room-- > 0 ? outcome<int>(1) : fails_with(category::rate_limit);
        });
        taken += result && second >= 120 ? 1 : 0;
      }
    }
    // Nothing of the capacity is left lying either.
    CHECK(sent < 1.05 * k * taken);
    CHECK(taken > 0.95 * kPerSecond * 480);
  }
}

TEST_CASE("cancelling and refusing further in do not make the throttle refuse") {
  darn::fake_clock clock;
  const darn::adaptive_throttle throttle;
  for (int i = 0; i < 100; ++i) {
    lone_call c({.clock = &clock});
    (void)throttle.enter(c);  // the ticket is dropped: cancelled
  }
  CHECK(throttle.rejection_probability(clock.now()) == 0);
  const darn::bulkhead full({.max_concurrent = 1});
  const auto p = darn::pipeline(throttle, full);
  (void)darn::pipeline(full).run([&] {
    for (int i = 0; i < 100; ++i) {
      CHECK_FALSE(p.run({.clock = &clock}, [] {}));
    }
  });
  CHECK(throttle.rejection_probability(clock.now()) == 0);
  std::stop_source stop;
  for (int i = 0; i < 100; ++i) {
    (void)p.run({.stop = stop.get_token(), .clock = &clock}, [&] {
      stop.request_stop();
      return fails_with(category::timeout);
    });
  }
  CHECK(throttle.rejection_probability(clock.now()) == 0);
}

TEST_CASE("what counts as not accepted can be said") {
  darn::fake_clock clock;
  const auto after = [&](category failure, const darn::adaptive_throttle& throttle) {
    const auto p = darn::pipeline(throttle);
    for (int i = 0; i < 20; ++i) {
      (void)p.run({.clock = &clock}, [&] { return fails_with(failure); });
    }
    return throttle.rejection_probability(clock.now());
  };
  CHECK(after(category::permanent, darn::adaptive_throttle()) == 0);
  CHECK(after(category::timeout, darn::adaptive_throttle()) > 0.9);
  const darn::adaptive_throttle_options picky{
      .overload = [](const error& e) { return e.category == category::rate_limit; }};
  CHECK(after(category::timeout, darn::adaptive_throttle(picky)) == 0);
  CHECK(after(category::rate_limit, darn::adaptive_throttle(picky)) > 0.9);
}
