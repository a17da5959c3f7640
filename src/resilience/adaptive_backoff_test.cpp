#include "darn/adaptive_backoff.hpp"

#include <cmath>
#include <string>
#include <thread>
#include <vector>

#include "darn/pipeline.hpp"
#include "darn/retry.hpp"
#include "darn/testing.hpp"
#include "support/property.hpp"

using namespace std::chrono_literals;
using darn::adaptive_backoff;
using darn::test::property;

TEST_CASE("a key never seen keeps the planned delay") {
  const adaptive_backoff adaptive;
  CHECK(adaptive.factor("new") == 1);
  adaptive.record("new", true);
  CHECK(adaptive.factor("new") == 1);
  CHECK(adaptive.failure_rate("new") == 0);
}

TEST_CASE("the more a key fails the longer it waits, and it comes back as it recovers") {
  const adaptive_backoff adaptive({.most = 8, .memory = 20});
  double before = 1;
  for (int i = 0; i < 100; ++i) {
    adaptive.record("host", false);
    CHECK(adaptive.factor("host") > before);
    before = adaptive.factor("host");
  }
  CHECK(adaptive.factor("host") > 7.9);
  for (int i = 0; i < 100; ++i) {
    adaptive.record("host", true);
  }
  CHECK(adaptive.factor("host") < 1.1);
  CHECK(adaptive.factor("another") == 1);
}

TEST_CASE("the rate is a running average, the factor never out of bounds") {
  property("of any outcomes, with any settings", [] {
    const double most = *rc::gen::inRange(-2, 20);
    const double memory = *rc::gen::inRange(-2, 50);
    const adaptive_backoff adaptive({.most = most, .memory = memory});
    double rate = 0;
    for (const bool success :
         *rc::gen::container<std::vector<bool>>(50, rc::gen::arbitrary<bool>())) {
      adaptive.record("k", success);
      rate += ((success ? 0 : 1) - rate) / std::max(memory, 1.0);
      RC_ASSERT(std::abs(adaptive.failure_rate("k") - rate) < 1e-9);
      RC_ASSERT(adaptive.factor("k") >= 1);
      RC_ASSERT(adaptive.factor("k") <= std::max(most, 1.0));
    }
  });
}

TEST_CASE("keys without end do not fill the memory: the one not used for longest is forgotten") {
  const adaptive_backoff adaptive({.keys = 3});
  for (const char* key : {"a", "b", "c"}) {
    adaptive.record(key, false);
  }
  adaptive.record("a", true);  // used again
  adaptive.record("d", false);
  CHECK(adaptive.failure_rate("a") > 0);
  CHECK(adaptive.failure_rate("b") == 0);
  CHECK(adaptive.failure_rate("c") > 0);
  CHECK(adaptive.failure_rate("d") > 0);
}

TEST_CASE("many threads, many keys") {
  const adaptive_backoff adaptive({.keys = 16});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&adaptive, t] {
      for (int i = 0; i < 2000; ++i) {
        adaptive.record("a key that fits no small buffer " + std::to_string(i % (16 + t)), false);
        (void)adaptive.factor("a key that fits no small buffer 3");
      }
      for (int i = 0; i < 200; ++i) {
        adaptive.record("shared", false);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  CHECK(adaptive.failure_rate("shared") > 0.9);
}

TEST_CASE("retry waits longer for a key that mostly fails, and never beyond the cap") {
  darn::fake_clock clock;
  const adaptive_backoff adaptive({.most = 4, .memory = 1});  // the last outcome is all there is
  const auto p = darn::pipeline(
      darn::retry({.max_attempts = 3,
                   .backoff = darn::backoff::exponential(1s, 5s, 2, darn::jitter::none()),
                   .adaptive = adaptive,
                   .adaptive_key = "host"}));
  CHECK_FALSE(p.run({.clock = &clock}, []() -> int { throw std::runtime_error("x"); }));
  CHECK(clock.sleeps() == std::vector<darn::duration>{4s, 5s});
}
