// What stands in for the callee: fallback, fail_when, chaos; and the short forms.
#include <algorithm>
#include <atomic>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "darn/chaos.hpp"
#include "darn/circuit_breaker.hpp"
#include "darn/fail_when.hpp"
#include "darn/fallback.hpp"
#include "darn/pipeline.hpp"
#include "darn/testing.hpp"
#include "darn/with_retry.hpp"
#include "support/property.hpp"

using namespace std::chrono_literals;
using darn::category;
using darn::duration;
using darn::error;
using darn::outcome;
using darn::test::property;

namespace {

int broken() { throw std::runtime_error("the call itself"); }

}  // namespace

TEST_CASE("the first substitute that succeeds answers") {
  std::vector<std::string> asked;
  const auto p = darn::pipeline(darn::fallback(
      [&](const error& e) -> int {
        asked.push_back("first after " + e.message);
        throw std::runtime_error("no cache");
      },
      [&]() -> outcome<int> {
        asked.push_back("second");
        return 2;
      },
      3));
  CHECK(*p.run(broken) == 2);
  CHECK(asked == std::vector<std::string>{"first after the call itself", "second"});
  CHECK(*p.run([] { return 1; }) == 1);
  CHECK(asked.size() == 2);
  CHECK(*darn::pipeline(darn::fallback(std::string("sorry"))).run([]() -> std::string {
    throw 1;
  }) == "sorry");
  bool told = false;
  CHECK(darn::pipeline(darn::fallback([&] { told = true; })).run([] { throw 1; }));
  CHECK(told);
}

TEST_CASE("when no substitute succeeds the error is that of the call itself") {
  const auto p = darn::pipeline(darn::fallback([]() -> int { throw std::bad_alloc(); }));
  CHECK(p.run(broken).error().message == "the call itself");
}

TEST_CASE("a substitute's failure never hides why the call had failed") {
  property("whatever the substitutes do", [] {
    const int good = *rc::gen::inRange(0, 5);  // 4: none of them
    std::vector<int> asked;
    const auto substitute = [&](int which) {
      return [&asked, good, which](const error& e) -> outcome<int> {
        RC_ASSERT(e.message == "the call itself");
        asked.push_back(which);
        if (which == good) {
          return which;
        }
        if (which % 2 == 0) {
          throw std::logic_error("a substitute");
        }
        return darn::unexpected<error>(error{.message = "another substitute"});
      };
    };
    const auto p =
        darn::pipeline(darn::fallback(substitute(0), substitute(1), substitute(2), substitute(3)));
    const auto result = p.run(broken);
    RC_ASSERT(static_cast<int>(asked.size()) == std::min(good + 1, 4));
    RC_ASSERT(std::is_sorted(asked.begin(), asked.end()));
    if (good < 4) {
      RC_ASSERT(result && *result == good);
    } else {
      RC_ASSERT(!result && result.error().message == "the call itself");
      RC_ASSERT(result.error().exception != nullptr);
    }
  });
}

TEST_CASE("whoever cancels during the call is not kept waiting by substitutes") {
  std::stop_source stop;
  bool asked = false;
  const auto p = darn::pipeline(darn::fallback([&] {
    asked = true;
    return 1;
  }));
  CHECK_FALSE(p.run({.stop = stop.get_token()}, [&]() -> int {
    stop.request_stop();
    throw std::runtime_error("stopped");
  }));
  CHECK_FALSE(asked);
}

TEST_CASE("no substitute for what was not wanted any more, or is another kind of error") {
  std::stop_source stop;
  stop.request_stop();
  const auto always = darn::fallback(7);
  CHECK_FALSE(darn::pipeline(always).run({.stop = stop.get_token()}, broken));
  const auto p =
      darn::pipeline(always.when([](const error& e) { return e.category == category::network; }));
  CHECK_FALSE(p.run(broken));
  CHECK(*p.run([]() -> int { throw std::runtime_error("connection refused"); }) == 7);
}

TEST_CASE("a result can be a failure, for retry and breaker alike") {
  darn::fake_clock clock;
  struct Page {
    int status;
  };
  darn::circuit_breaker breaker({.minimum_calls = 3});
  const auto p = darn::pipeline(
      darn::retry({.max_attempts = 3, .backoff = darn::backoff::constant(1s)}), breaker,
      darn::fail_when([](const Page& page) -> std::optional<error> {
        return page.status < 500 ? std::nullopt
                                 : std::optional(darn::classify_http(page.status, "7"));
      }));
  int calls = 0;
  const auto page = p.run({.clock = &clock}, [&] { return Page{++calls < 3 ? 503 : 200}; });
  CHECK(page->status == 200);
  CHECK(calls == 3);
  CHECK(clock.sleeps()[0] >= 7s);
  const auto down = p.run({.clock = &clock}, [&] { return Page{500}; });
  CHECK(down.error().code == "500");
  CHECK(breaker.state(clock.now()) == darn::breaker_state::open);
  const auto simple = darn::pipeline(darn::fail_when([](int n) { return n < 0; }));
  CHECK(simple.run([] { return -1; }).error().code == "bad_result");
  CHECK(simple.run([] { return 1; }));
}

TEST_CASE("chaos at its rates, and off by a switch") {
  darn::fake_clock clock;
  darn::seeded_random random(3);
  const darn::chaos monkey({.delay_rate = 0.2, .delay = 1s, .error_rate = 0.1});
  const auto p = darn::pipeline(monkey);
  constexpr int kCalls = 10'000;
  int failed = 0;
  const auto run = [&] {
    failed = 0;
    for (int i = 0; i < kCalls; ++i) {
      failed += p.run({.clock = &clock, .random = &random}, [] { return 1; }) ? 0 : 1;
    }
  };
  run();
  CHECK(failed > 0.08 * kCalls);
  CHECK(failed < 0.12 * kCalls);
  CHECK(clock.sleeps().size() > 0.17 * kCalls);
  CHECK(clock.sleeps().size() < 0.23 * kCalls);
  monkey.enable(false);
  const auto sleeps = clock.sleeps().size();
  run();
  CHECK(failed == 0);
  CHECK(clock.sleeps().size() == sleeps);

  darn::chaos thrower({.error_rate = 1, .exception = [] {
                         return std::make_exception_ptr(std::out_of_range("injected"));
                       }});
  CHECK_THROWS_AS(darn::pipeline(thrower).run_or_throw([] {}), std::out_of_range);
  const auto liar = darn::chaos({.result_rate = 1}).with_result([] { return 42; });
  CHECK(*darn::pipeline(liar).run([] { return 1; }) == 42);
}

TEST_CASE("chaos does the same for the same seed") {
  const darn::chaos monkey({.error_rate = 0.3});
  const auto p = darn::pipeline(monkey);
  const auto faults = [&](std::uint64_t seed) {
    darn::seeded_random random(seed);
    std::vector<bool> failed(200);
    for (std::size_t i = 0; i < failed.size(); ++i) {
      failed[i] = !p.run({.random = &random}, [] {});
    }
    return failed;
  };
  CHECK(faults(1) == faults(1));
  CHECK(faults(1) != faults(2));
}

TEST_CASE("an injected delay ends when the call is stopped") {
  darn::fake_clock clock(darn::fake_clock::mode::stand);
  const auto p = darn::pipeline(darn::chaos({.delay_rate = 1, .delay = 24h}));
  std::stop_source stop;
  std::thread waits([&] { (void)p.run({.stop = stop.get_token(), .clock = &clock}, [] {}); });
  while (clock.sleepers() == 0) {
    std::this_thread::yield();
  }
  stop.request_stop();
  waits.join();  // no time has passed
}

TEST_CASE("chaos is switched while calls are under way") {
  const darn::chaos monkey({.error_rate = 1, .enabled = false});
  const auto p = darn::pipeline(monkey);
  std::atomic<int> failed{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      while (failed < 100) {
        failed += p.run([] {}) ? 0 : 1;
      }
    });
  }
  monkey.enable(true);
  for (std::thread& thread : threads) {
    thread.join();
  }
  monkey.enable(false);
  CHECK(p.run([] {}));
}

TEST_CASE("the short forms") {
  int calls = 0;
  const darn::RetryConfig quick{.max_retries = 2, .base_delay = 1ms, .max_delay = 2ms};
  CHECK_FALSE(darn::with_retry(quick, [&] {
    ++calls;
    return broken();
  }));
  CHECK(calls == 3);
  CHECK(*darn::with_retry(
            quick, [](int a, int b) { return a + b; }, 1, 2) == 3);
  CHECK(*darn::with_retry([] { return 4; }) == 4);
  CHECK(*darn::with_fallback(broken, [] { return 5; }) == 5);
  calls = 0;
  auto patient = darn::retry_on_error(4, darn::backoff::constant(1ms))([&](int n) {
    if (++calls < n) {
      throw std::runtime_error("not yet");
    }
    return calls;
  });
  CHECK(*patient(3) == 3);

  CHECK(darn::should_retry(error{.category = category::network}));
  CHECK_FALSE(darn::should_retry(error{.category = category::permanent}));
  CHECK_FALSE(darn::should_retry(error{.category = category::network, .exhausted = true}));
  CHECK(darn::should_retry(error{}, 1, quick));
  CHECK_FALSE(darn::should_retry(error{}, 2, quick));
  CHECK_FALSE(darn::should_retry(std::invalid_argument("x")));

  // Numbers that make no sense: the call is made, once or as often as can be counted.
  calls = 0;
  CHECK_FALSE(darn::with_retry(darn::RetryConfig{.max_retries = -5}, [&] {
    ++calls;
    return broken();
  }));
  CHECK(calls == 1);
  CHECK(darn::RetryConfig{.max_retries = std::numeric_limits<int>::max()}.options().max_attempts ==
        std::numeric_limits<int>::max());

  const darn::RetryConfig plain{.jitter = false};
  CHECK(darn::calculate_delay(0, plain) == 1s);
  CHECK(darn::calculate_delay(3, plain) == 8s);
  CHECK(darn::calculate_delay(10'000, plain) == 60s);
  property("0.5 to 1.5 of the delay, below the cap", [&](std::uint64_t seed) {
    darn::seeded_random random(seed);
    const int attempt = *rc::gen::inRange(0, 20);
    const auto planned = darn::calculate_delay(attempt, plain);
    const auto delay = darn::calculate_delay(attempt, {}, random);
    RC_ASSERT(delay >= planned / 2 && delay <= planned * 3 / 2 && delay <= 60s);
  });
}
