#include "darn/retry.hpp"

#include <thread>
#include <vector>

#include "darn/pipeline.hpp"
#include "darn/testing.hpp"
#include "support/property.hpp"

using namespace std::chrono_literals;
using darn::backoff;
using darn::category;
using darn::duration;
using darn::error;
using darn::jitter;
using darn::outcome;
using darn::retry_options;
using darn::test::property;

namespace {

retry_options exact(int attempts, duration delay = 1s) {
  return {.max_attempts = attempts, .backoff = backoff::constant(delay, jitter::none())};
}

outcome<int> failing(category c) {
  return darn::unexpected<error>(error{.category = c, .message = "no"});
}

struct Transient : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Lets one call in.
struct Door {
  static constexpr darn::layer layer = darn::layer::bulkhead;
  int* calls;
  template <class Next>
  auto run(darn::call& c, Next&& next) const -> decltype(next(c)) {
    if (++*calls > 1) {
      return darn::unexpected<error>(error{.category = category::rate_limit,
                                           .message = "full",
                                           .attempts = 0,
                                           .decided_by = "door",
                                           .rejected = true});
    }
    return next(c);
  }
};

}  // namespace

TEST_CASE("what fails is called again, after the delays that were asked for") {
  darn::fake_clock clock;
  auto options = exact(6);
  options.backoff = backoff::schedule({5s, 15s, 45s, 135s, 300s}, jitter::none());
  const auto p = darn::pipeline(darn::retry(options));
  std::vector<int> attempts;
  const auto result = p.run({.clock = &clock}, [&](darn::call& c) -> outcome<int> {
    attempts.push_back(c.attempt());
    return c.attempt() < 6 ? failing(category::transient) : outcome<int>(7);
  });
  REQUIRE(result);
  CHECK(*result == 7);
  CHECK(attempts == std::vector<int>{1, 2, 3, 4, 5, 6});
  CHECK(clock.sleeps() == std::vector<duration>{5s, 15s, 45s, 135s, 300s});
}

TEST_CASE("a day of backoff takes no time") {
  darn::fake_clock clock;
  const auto began = clock.now();
  const auto p = darn::pipeline(darn::retry(exact(1441, 60s)));
  CHECK_FALSE(p.run({.clock = &clock}, [] { return failing(category::network); }));
  CHECK(clock.now() - began == 24h);
}

TEST_CASE("last error masked") {
  darn::fake_clock clock;
  int calls = 0;
  SUBCASE("the last attempt's exception is the one that comes out") {
    const auto p = darn::pipeline(darn::retry(exact(3)));
    const auto call = [&]() -> int { throw Transient("attempt " + std::to_string(++calls)); };
    const auto result = p.run({.clock = &clock}, call);
    REQUIRE_FALSE(result);
    CHECK(result.error().message == "attempt 3");
    CHECK(result.error().attempts == 3);
    CHECK(result.error().decided_by == "retry");
    CHECK_THROWS_AS(p.run_or_throw(darn::call_options{.clock = &clock}, call), Transient);
  }
  SUBCASE("not by running out of time") {
    auto options = exact(10);
    options.deadline = 2500ms;
    const auto result = darn::pipeline(darn::retry(options)).run({.clock = &clock}, [&]() -> int {
      throw Transient("attempt " + std::to_string(++calls));
    });
    CHECK(result.error().message == "attempt 3");
    CHECK(clock.sleeps().size() == 2);  // a third sleep would end after the deadline
  }
  SUBCASE("not by a policy that refuses below") {
    const auto result =
        darn::pipeline(darn::retry(exact(3)), Door{&calls}).run({.clock = &clock}, [&]() -> int {
          throw Transient("the cause");
        });
    CHECK(result.error().message == "the cause");
    CHECK(result.error().decided_by == "door");
    CHECK(result.error().attempts == 1);  // that reached the callee
    CHECK(result.error().exception);
  }
}

TEST_CASE("amplification across nested retries") {
  darn::fake_clock clock;
  int calls = 0;
  const darn::call_options options{.clock = &clock};
  const auto outer = darn::pipeline(darn::retry(exact(3)));
  const auto inner = darn::pipeline(darn::retry(exact(4)));
  const auto broken = [&]() -> int {
    ++calls;
    throw Transient("down");
  };
  SUBCASE("as values") {
    const auto result = outer.run(options, [&] { return inner.run(options, broken); });
    CHECK_FALSE(result);
    CHECK(calls == 4);  // not 12
  }
  SUBCASE("through exceptions of the callee's own type") {
    CHECK_FALSE(outer.run(options, [&] { return inner.run_or_throw(options, broken); }));
    CHECK(calls == 4);
  }
  SUBCASE("three deep") {
    const auto middle = [&] {
      return outer.run(options, [&] { return inner.run(options, broken); });
    };
    CHECK_FALSE(darn::pipeline(darn::retry(exact(5))).run(options, middle));
    CHECK(calls == 4);
  }
  SUBCASE("but another failure after one that was dealt with is retried") {
    const auto result = outer.run(options, [&]() -> int {
      (void)inner.run(options, broken);  // from a cache, say: it may fail
      throw Transient("another");
    });
    CHECK_FALSE(result);
    CHECK(calls == 3 * 4);
  }
  SUBCASE("unless that is what one wants") {
    auto all = exact(3);
    all.retry_exhausted = true;
    CHECK_FALSE(
        darn::pipeline(darn::retry(all)).run(options, [&] { return inner.run(options, broken); }));
    CHECK(calls == 3 * 4);
  }
}

TEST_CASE("the category decides") {
  darn::fake_clock clock;
  auto options = exact(5);
  options.of(category::resource) = {.max_attempts = 2};
  options.of(category::network) = {.backoff = backoff::constant(7s, jitter::none())};
  options.of(category::timeout) = {.max_delay = 100ms};
  int calls = 0;
  const auto run = [&](category c) {
    calls = 0;
    CHECK_FALSE(darn::pipeline(darn::retry(options)).run({.clock = &clock}, [&] {
      ++calls;
      return failing(c);
    }));
    return calls;
  };
  CHECK(run(category::permanent) == 1);
  CHECK(run(category::resource) == 2);
  CHECK(run(category::unknown) == 5);
  const auto before = clock.sleeps().size();
  CHECK(run(category::network) == 5);
  CHECK(clock.sleeps()[before] == 7s);
  CHECK(run(category::timeout) == 5);
  CHECK(clock.sleeps().back() == 100ms);
  options.should_retry = [](const error& e) { return e.category == category::permanent; };
  CHECK(run(category::permanent) == 5);
  CHECK(run(category::network) == 1);
}

TEST_CASE("ambiguous failures of what is not idempotent") {
  darn::fake_clock clock;
  for (const bool idempotent : {true, false}) {
    auto options = exact(3);
    options.idempotent = idempotent;
    int calls = 0;
    const auto p = darn::pipeline(darn::retry(options));
    const auto charge_card = [&](bool ambiguous) {
      calls = 0;
      (void)p.run({.clock = &clock}, [&]() -> outcome<int> {
        ++calls;
        return darn::unexpected<error>(
            error{.category = category::network, .ambiguous = ambiguous});
      });
      return calls;
    };
    CHECK(charge_card(false) == 3);
    CHECK(charge_card(true) == (idempotent ? 3 : 1));
  }
}

TEST_CASE("early Retry-After in a retry") {
  darn::fake_clock clock;
  const auto p = darn::pipeline(darn::retry(exact(2)));
  const auto asking = [&](duration after) {
    return [after]() -> outcome<int> {
      return darn::unexpected<error>(error{.category = category::rate_limit, .retry_after = after});
    };
  };
  CHECK_FALSE(p.run({.clock = &clock}, asking(30s)));
  CHECK(clock.sleeps().back() >= 30s);
  CHECK(clock.sleeps().back() <= 33s);
  CHECK_FALSE(p.run({.clock = &clock}, asking(24h * 365)));
  CHECK(clock.sleeps().back() <= 5min);
  // A wait that would pass the deadline is not begun.
  const auto sleeps = clock.sleeps().size();
  CHECK_FALSE(p.run({.deadline = clock.now() + 20s, .clock = &clock}, asking(30s)));
  CHECK(clock.sleeps().size() == sleeps);
}

TEST_CASE("a sleep that ignores stop") {
  std::stop_source stop;
  darn::retry_budget budget({.capacity = 2});
  auto options = exact(3, 1h);  // a test that waits for it fails by its own time limit
  options.budget = budget;
  std::thread stopper;
  options.on_retry = [&](const darn::retry_event&) {
    stopper = std::thread([&] { stop.request_stop(); });
  };
  const darn::retry policy(options);
  const auto result = darn::pipeline(policy).run({.stop = stop.get_token()},
                                                 [] { return failing(category::network); });
  stopper.join();
  REQUIRE_FALSE(result);
  CHECK(result.error().message == "no");
  CHECK(result.error().attempts == 1);
  CHECK(budget.tokens() == 2);  // what was reserved for the attempt that was not made
  CHECK(policy.state().stopped.value() == 1);
  // And one that was stopped before does not even begin.
  CHECK_FALSE(darn::pipeline(policy).run({.stop = stop.get_token()},
                                         [] { return failing(category::network); }));
}

TEST_CASE("moved-from arguments") {
  darn::fake_clock clock;
  const auto p = darn::pipeline(darn::retry(exact(3)));
  std::vector<std::string> seen;
  std::string body(100, 'x');
  const auto send = [&](std::string text, std::unique_ptr<int>& owned) -> outcome<int> {
    seen.push_back(std::move(text));
    return owned ? failing(category::network) : failing(category::permanent);
  };
  CHECK_FALSE(p.run({.clock = &clock}, send, std::move(body), std::make_unique<int>(1)));
  CHECK(seen == std::vector<std::string>(3, std::string(100, 'x')));
}

TEST_CASE("a budget bounds the retries of all callers together") {
  darn::fake_clock clock;
  darn::retry_budget budget({.capacity = 5, .per_success = 0.5});
  auto options = exact(4);
  options.budget = budget;
  options.of(category::timeout).budget_cost = 2;
  const darn::retry policy(options);
  const auto p = darn::pipeline(policy);
  int calls = 0;
  const auto run = [&](category c) {
    (void)p.run({.clock = &clock}, [&]() -> outcome<int> {
      ++calls;
      return c == category::none ? outcome<int>(1) : failing(c);
    });
  };
  run(category::network);
  CHECK(calls == 4);  // 3 tokens
  run(category::timeout);
  CHECK(calls == 6);  // the other two at once
  run(category::network);
  CHECK(calls == 7);
  CHECK(policy.state().over_budget.value() == 2);
  run(category::none);
  run(category::none);
  run(category::network);
  CHECK(calls == 11);  // two successes paid for one retry
}

TEST_CASE("patience is learned from outcomes, for each key") {
  darn::fake_clock clock;
  auto options = exact(2);
  options.backoff.cap = 10s;
  options.adaptive = darn::adaptive_backoff({.most = 8, .memory = 4});
  options.adaptive_key = "slow.example";
  const auto slow = darn::pipeline(darn::retry(options));
  CHECK_FALSE(slow.run({.clock = &clock}, [] { return failing(category::network); }));
  const auto first = clock.sleeps().back();
  for (int i = 0; i < 20; ++i) {
    CHECK_FALSE(slow.run({.clock = &clock}, [] { return failing(category::network); }));
  }
  CHECK(clock.sleeps().back() > first);
  CHECK(clock.sleeps().back() > 7s);
  CHECK(clock.sleeps().back() <= 10s);
  for (int i = 0; i < 50; ++i) {
    CHECK(slow.run({.clock = &clock}, [] { return 1; }));
  }
  CHECK_FALSE(slow.run({.clock = &clock}, [] { return failing(category::network); }));
  CHECK(clock.sleeps().back() < 3s);
  options.adaptive_key = "quick.example";
  CHECK_FALSE(darn::pipeline(darn::retry(options)).run({.clock = &clock}, [] {
    return failing(category::network);
  }));
  CHECK(clock.sleeps().back() < 3s);
}

TEST_CASE("hooks see the attempt, and what they throw does no harm") {
  darn::fake_clock clock;
  std::vector<std::string> told;
  auto options = exact(3, 2s);
  options.on_retry = [&](const darn::retry_event& e) {
    told.push_back("retry " + std::to_string(e.call.attempt()) + " " + e.why->message + " " +
                   darn::to_string(e.delay));
    throw std::runtime_error("a hook");
  };
  options.on_healed = [&](const darn::retry_event& e) {
    told.push_back("healed " + std::to_string(e.call.attempt()));
  };
  options.on_give_up = [&](const darn::retry_event& e) {
    told.push_back("gave up " + std::to_string(e.why->attempts));
  };
  const auto p = darn::pipeline(darn::retry(options));
  CHECK(p.run({.clock = &clock}, [](darn::call& c) {
    return c.attempt() == 1 ? failing(category::network) : outcome<int>(1);
  }));
  CHECK(told == std::vector<std::string>{"retry 1 no 2s", "healed 2"});
  told.clear();
  CHECK_FALSE(p.run({.clock = &clock}, [] { return failing(category::permanent); }));
  CHECK(told == std::vector<std::string>{"gave up 1"});
}

TEST_CASE("an attempt has a time of its own") {
  darn::fake_clock clock;
  auto options = exact(3);
  options.attempt_timeout = 10s;
  const auto result =
      darn::pipeline(darn::retry(options)).run({.clock = &clock}, [&](darn::call& c) -> int {
        CHECK(c.deadline() == clock.now() + 10s);
        c.sleep_until(clock.now() + (c.attempt() < 3 ? 1h : 1s));
        return c.attempt();
      });
  REQUIRE(result);
  CHECK(*result == 3);
}

TEST_CASE("properties of a retry") {
  property("never more attempts, never a sleep past the deadline, always the last error", [] {
    darn::fake_clock clock;
    darn::seeded_random random(*rc::gen::arbitrary<std::uint64_t>());
    const int most = *rc::gen::inRange(1, 12);
    const auto deadline = std::chrono::milliseconds{*rc::gen::inRange(0, 60'000)};
    const int good_at = *rc::gen::inRange(1, 20);
    retry_options options{
        .max_attempts = most, .backoff = backoff::exponential(100ms, 20s), .deadline = deadline};
    const auto began = clock.now();
    int calls = 0;
    const auto result =
        darn::pipeline(darn::retry(options))
            .run({.clock = &clock, .random = &random}, [&]() -> outcome<int> {
              if (++calls == good_at) {
                return calls;
              }
              return darn::unexpected<error>(error{.message = std::to_string(calls)});
            });
    RC_ASSERT(calls <= most && calls <= good_at);
    RC_ASSERT(clock.now() - began <= deadline);
    RC_ASSERT(result.has_value() == (calls == good_at));
    if (!result) {
      RC_ASSERT(result.error().message == std::to_string(calls));
      RC_ASSERT(result.error().attempts == calls);
    }
  });
}
