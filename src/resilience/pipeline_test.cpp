#include "darn/pipeline.hpp"

#include <optional>
#include <sstream>
#include <string>

#include "darn/circuit_breaker.hpp"
#include "darn/fail_when.hpp"
#include "darn/fallback.hpp"
#include "darn/hedge.hpp"
#include "darn/retry.hpp"
#include "darn/testing.hpp"
#include "darn/timeout.hpp"
#include "support/property.hpp"

using namespace std::chrono_literals;
using darn::category;
using darn::error;
using darn::outcome;

namespace shop {

struct OutOfStock {
  int item = 0;
};
darn::error classify_error(const OutOfStock& e) {
  return {
      .category = category::permanent, .code = "out_of_stock", .message = std::to_string(e.item)};
}

struct Response {
  int status = 200;
};
std::optional<darn::error> classify_result(const Response& r) {
  return r.status == 200 ? std::nullopt
                         : std::optional(darn::error{.category = category::transient,
                                                     .code = std::to_string(r.status)});
}

}  // namespace shop

TEST_CASE("what a callee may take and give") {
  const auto p = darn::pipeline();
  CHECK(*p.run([] { return 3; }) == 3);
  CHECK(p.run([] {}));
  CHECK(*p.run([](int a, const std::string& b) { return b + std::to_string(a); }, 1, "x") == "x1");
  CHECK(*p.run([](std::stop_token stop) { return stop.stop_possible(); }) == false);
  CHECK(*p.run([](darn::call& c, int n) { return c.attempt() + n; }, 1) == 2);
  CHECK(*p.run([]() -> outcome<int> { return 4; }) == 4);
  CHECK(*p.run([] { return std::make_unique<int>(5); }).value() == 5);
  CHECK(p.run([]() -> darn::expected<int, std::string> {
           return darn::unexpected<std::string>("connection refused");
         })
            .error()
            .message == "connection refused");
  CHECK(p.run([]() -> darn::expected<int, shop::OutOfStock> {
           return darn::unexpected<shop::OutOfStock>({7});
         })
            .error()
            .code == "out_of_stock");
  CHECK(p.run([] { return shop::Response{503}; }).error().code == "503");
  CHECK(p.run([] { return shop::Response{}; }));
  static_assert(std::is_same_v<decltype(p.run([]() -> const std::string& {
                                 static const std::string text;
                                 return text;
                               })),
                               outcome<std::string>>);
}

TEST_CASE("nothing is thrown inside, and the exception is thrown at the border") {
  const auto p = darn::pipeline();
  const auto thrown = p.run([]() -> int { throw std::out_of_range("x"); });
  REQUIRE_FALSE(thrown);
  CHECK_THROWS_AS(std::rethrow_exception(thrown.error().exception), std::out_of_range);
  CHECK_FALSE(p.run([]() -> int { throw 3; }));
  CHECK_THROWS_AS(p.run_or_throw([]() -> int { throw std::out_of_range("x"); }), std::out_of_range);
  try {
    p.run_or_throw([]() -> outcome<int> {
      return darn::unexpected<error>(error{.category = category::network, .code = "ECONNRESET"});
    });
    FAIL("not thrown");
  } catch (const darn::failure& e) {
    CHECK(e.why().code == "ECONNRESET");
    CHECK(std::string(e.what()) == "network (ECONNRESET)");
    // And it is the same error again where it is caught by another pipeline.
    CHECK(p.run([&]() -> int { throw e; }).error().code == "ECONNRESET");
  }
}

TEST_CASE("what predicates and hooks throw is a failure of the call, whatever its type") {
  darn::fake_clock clock;
  const auto throwing = [](const auto&) -> bool { throw 3; };
  const auto broken = []() -> int { throw std::runtime_error("the call"); };
  const auto call = [&](const auto& p, auto f) { return p.run({.clock = &clock}, f); };

  CHECK_FALSE(call(darn::pipeline(darn::fail_when(throwing)), [] { return 1; }));
  CHECK_FALSE(call(darn::pipeline(darn::fallback(1).when(throwing)), broken));
  CHECK_FALSE(call(darn::pipeline(darn::retry({.should_retry = throwing})), broken));
  CHECK_FALSE(call(darn::pipeline(darn::circuit_breaker({.counts = throwing})), broken));
  // Policies outside see it: here retry, which tries again.
  int calls = 0;
  const auto tried =
      call(darn::pipeline(darn::retry({.max_attempts = 3}), darn::fail_when(throwing)),
           [&] { return ++calls; });
  CHECK(tried.error().attempts == 3);
  CHECK(calls == 3);
  // A copy of a hedge runs in a thread, where nothing may be thrown out of.
  const auto hedged = darn::pipeline(darn::hedge({.delay = 0ms, .at_least = 0ms}),
                                     darn::circuit_breaker({.counts = throwing}));
  for (int i = 0; i < 20; ++i) {
    CHECK_FALSE(hedged.run([](darn::call& c) -> int {
      c.sleep_until(c.now() + 200us);
      throw std::runtime_error("the call");
    }));
  }
  // A hook only listens: whatever it throws, the call goes on.
  const darn::retry listened({.max_attempts = 2, .on_retry = [](const auto&) { throw 3; }});
  CHECK(call(darn::pipeline(listened), [](darn::call& c) {
    return c.attempt() == 1 ? outcome<int>(darn::unexpected<error>(error{})) : outcome<int>(7);
  }));
}

TEST_CASE("a pipeline says what it does") {
  const auto p = darn::pipeline(
      darn::timeout(2s),
      darn::retry({.max_attempts = 4, .backoff = darn::backoff::exponential(100ms, 30s)}),
      darn::circuit_breaker("payments", {}));
  std::ostringstream out;
  out << p;
  CHECK(out.str() ==
        "timeout(2s) > retry(4 attempts, exponential 100ms x2 .. 30s, full jitter) > "
        "circuit_breaker(payments: opens at 50% of 100 calls, for 30s)");
  CHECK(darn::pipeline().text() == "direct");
}

TEST_CASE("wrong orders are known, with a sentence for each") {
  using darn::layer;
  using darn::detail::order_problem;
  constexpr std::array good{layer::fallback, layer::timeout,         layer::retry,
                            layer::hedge,    layer::circuit_breaker, layer::bulkhead,
                            layer::timeout,  layer::fail_when,       layer::chaos};
  static_assert(order_problem(good).empty());
  static_assert(order_problem(layer::circuit_breaker, layer::retry)
                    .starts_with("circuit_breaker stands before retry"));
  constexpr std::array twice{layer::retry, layer::timeout, layer::retry};
  static_assert(order_problem(twice).starts_with("retry stands twice"));
  CHECK(darn::detail::stands_before<layer::bulkhead, layer::retry>(layer::bulkhead, layer::retry));
  CHECK_FALSE(
      darn::detail::stands_before<layer::retry, layer::bulkhead>(layer::bulkhead, layer::retry));
}

TEST_CASE("timeouts") {
  darn::fake_clock clock;
  SUBCASE("a callee that listens is stopped") {
    bool stopped = false;
    const auto result =
        darn::pipeline(darn::timeout(5s)).run({.clock = &clock}, [&](darn::call& c) {
          stopped = !c.sleep_until(c.now() + 1h);
        });
    CHECK(stopped);
    CHECK(clock.sleeps().front() == 1h);
    REQUIRE_FALSE(result);
    CHECK(result.error().category == category::timeout);
    CHECK(result.error().ambiguous);
    CHECK(result.error().decided_by == "timeout");
    CHECK(clock.timers() == 0);
  }
  SUBCASE("what comes too late does not count") {
    CHECK_FALSE(darn::pipeline(darn::timeout(5s)).run({.clock = &clock}, [&] {
      clock.advance(6s);
      return 1;
    }));
  }
  SUBCASE("what comes in time does") {
    CHECK(darn::pipeline(darn::timeout(5s)).run({.clock = &clock}, [&](std::stop_token stop) {
      clock.advance(4s);
      CHECK_FALSE(stop.stop_requested());
      return 1;
    }));
    CHECK(clock.timers() == 0);
  }
  SUBCASE("an inner one never outlives an outer one") {
    const auto p = darn::pipeline(darn::timeout(5s), darn::timeout(10s));
    CHECK_FALSE(p.run({.clock = &clock}, [&](darn::call& c) {
      CHECK(c.deadline() == clock.now() + 5s);
      CHECK_FALSE(c.sleep_until(c.now() + 1h));
    }));
  }
  SUBCASE("the caller's deadline and stop hold too") {
    std::stop_source stop;
    stop.request_stop();
    CHECK(darn::pipeline(darn::timeout(5s))
              .run({.stop = stop.get_token(), .deadline = clock.now() + 1s, .clock = &clock},
                   [&](darn::call& c) {
                     CHECK(c.deadline() == clock.now() + 1s);
                     CHECK(c.stop_requested());
                     CHECK(c.abandoned());
                   }));
  }
  SUBCASE("no deadline overflows") {
    CHECK(darn::pipeline(darn::timeout(darn::duration::max())).run({.clock = &clock}, [] {}));
  }
  SUBCASE("with real time") {
    CHECK_FALSE(darn::pipeline(darn::timeout(20ms)).run([](darn::call& c) {
      CHECK_FALSE(c.sleep_until(c.now() + 1h));
    }));
  }
}

TEST_CASE("wall clock jumps") {
  darn::fake_clock clock;
  darn::circuit_breaker breaker({.minimum_calls = 1, .open_for = 30s});
  const auto p =
      darn::pipeline(darn::timeout(10s),
                     darn::retry({.max_attempts = 2,
                                  .backoff = darn::backoff::constant(1s, darn::jitter::none())}),
                     breaker);
  const auto run = [&](auto f) { return p.run({.clock = &clock}, f); };
  CHECK(run([&] {  // a jump within a call neither times it out …
    clock.jump_wall_clock(24h * 365);
    return 1;
  }));
  CHECK_FALSE(run([&]() -> int { throw std::runtime_error("x"); }));
  clock.jump_wall_clock(-24h * 3650);  // … nor opens or closes a breaker
  CHECK(breaker.state(clock.now()) == darn::breaker_state::open);
  clock.jump_wall_clock(24h);
  CHECK(breaker.state(clock.now()) == darn::breaker_state::open);
  clock.advance(31s);
  CHECK(breaker.state(clock.now()) == darn::breaker_state::half_open);
}

TEST_CASE("correlation: the trace goes through, each attempt has a span") {
  darn::fake_clock clock;
  const auto p =
      darn::pipeline(darn::retry({.max_attempts = 3, .backoff = darn::backoff::constant(1s)}));
  std::vector<std::string> sent;
  const auto run = [&](std::string_view parent) {
    sent.clear();
    (void)p.run({.traceparent = parent, .clock = &clock}, [&](darn::call& c) -> int {
      sent.push_back(c.traceparent());
      CHECK(c.traceparent() == sent.back());
      CHECK(c.trace_id() == sent.back().substr(3, 32));
      throw std::runtime_error("x");
    });
    REQUIRE(sent.size() == 3);
    CHECK(sent[0].substr(0, 36) == sent[1].substr(0, 36));
    CHECK(sent[0].substr(36, 16) != sent[1].substr(36, 16));
    return sent[0];
  };
  const std::string parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
  const std::string child = run(parent);
  CHECK(child.substr(0, 36) == parent.substr(0, 36));
  CHECK(child.substr(36, 16) != parent.substr(36, 16));
  CHECK(child.ends_with("-00"));
  for (const char* bad : {"", "00-00000000000000000000000000000000-b7ad6b7169203331-01",
                          "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
                          "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                          "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
                          "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x", "zz"}) {
    CHECK(run(bad).substr(3, 32) != "0af7651916cd43dd8448eb211c80319c");
  }
  // A later version may say more than we know.
  CHECK(darn::detail::parse_traceparent("cc" + parent.substr(2) + "-what").valid());
  darn::test::property("no text makes it fail", [](const std::string& text) {
    (void)darn::detail::parse_traceparent(text);
  });
}

TEST_CASE("metrics in Prometheus text") {
  const darn::retry policy(
      {.max_attempts = 2, .backoff = darn::backoff::constant(0s), .name = "a\"b"});
  const auto p = darn::pipeline(policy);
  (void)p.run([]() -> int { throw std::runtime_error("x"); });
  const std::string text = darn::prometheus_text(p);
  CHECK(text.find("# TYPE darn_retry_calls_total counter\n"
                  "darn_retry_calls_total{policy=\"retry a\\\"b\"} 1\n") != std::string::npos);
  CHECK(text.find("darn_retry_failures_total{policy=\"retry a\\\"b\",category=\"unknown\"} 2\n") !=
        std::string::npos);
}

TEST_CASE("each name with its labels is written once") {
  const auto line = [](const std::string& text, const std::string& start) {
    const auto at = text.find("\n" + start) + 1;
    CHECK(text.find("\n" + start, at) == std::string::npos);
    return text.substr(at, text.find('\n', at) - at);
  };
  const darn::circuit_breaker shared("a", {});
  const auto one = darn::pipeline(darn::retry(), shared);
  const auto other = darn::pipeline(darn::retry(), shared);
  CHECK(one.run([] {}));
  CHECK(other.run([] {}));
  CHECK(other.run([] {}));
  const std::string text = darn::prometheus_text(one, other);
  CHECK(line(text, "darn_retry_calls_total{policy=\"retry\"}") ==
        "darn_retry_calls_total{policy=\"retry\"} 3");  // two retries that have no name
  const std::string successes =
      "darn_circuit_breaker_calls_total{policy=\"circuit_breaker a\",result=\"success\"}";
  CHECK(line(text, successes) == successes + " 3");  // one breaker, read twice
}
