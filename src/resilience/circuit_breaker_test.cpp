#include "darn/circuit_breaker.hpp"

#include <thread>
#include <vector>

#include "darn/pipeline.hpp"
#include "darn/retry.hpp"
#include "darn/testing.hpp"
#include "darn/timeout.hpp"
#include "support/property.hpp"

using namespace std::chrono_literals;
using darn::breaker_state;
using darn::category;
using darn::circuit_breaker;
using darn::error;
using darn::outcome;

namespace {

outcome<int> broken_call(category c = category::network) {
  return darn::unexpected<error>(error{.category = c});
}

// Opens at the first failure.
circuit_breaker touchy(int probes = 1) {
  return circuit_breaker({.minimum_calls = 1, .open_for = 30s, .probes = probes, .ramp = 0s});
}

std::uint64_t counted(const circuit_breaker& b, const std::string& result) {
  const std::string text = darn::prometheus_text(b);
  const auto at = text.find("result=\"" + result + "\"} ");
  REQUIRE(at != std::string::npos);
  return std::stoull(text.substr(text.find(' ', at)));
}

}  // namespace

TEST_CASE("an open breaker answers at once, and says when to come back") {
  darn::fake_clock clock;
  const auto breaker = touchy();
  const auto p = darn::pipeline(breaker);
  int calls = 0;
  CHECK_FALSE(p.run({.clock = &clock}, [] { return broken_call(); }));
  const auto refused = p.run({.clock = &clock}, [&] { return ++calls; });
  REQUIRE_FALSE(refused);
  CHECK(calls == 0);
  CHECK(refused.error().rejected);
  CHECK(refused.error().code == "circuit_open");
  CHECK(refused.error().retry_after == 30s);
  CHECK(refused.error().attempts == 0);
  CHECK(refused.error().decided_by == "circuit_breaker");
  clock.advance(30s);
  CHECK(p.run({.clock = &clock}, [] { return 1; }));
  CHECK(breaker.state(clock.now()) == breaker_state::closed);
}

TEST_CASE("who is isolated by hand does not send callers away for ever") {
  darn::fake_clock clock;
  const auto breaker = touchy();
  breaker.isolate();
  const auto refused = darn::pipeline(breaker).run({.clock = &clock}, [] { return 1; });
  REQUIRE_FALSE(refused);
  CHECK(refused.error().retry_after == 30s);
  clock.advance(24h * 365);
  CHECK_FALSE(darn::pipeline(breaker).run({.clock = &clock}, [] { return 1; }));
}

TEST_CASE("the breaker for threads has the settings and the defaults of the core") {
  const darn::breaker_settings ours = darn::circuit_breaker_options{}.settings();
  CHECK(ours == darn::breaker_settings{});
}

TEST_CASE("a retry outside does not sit an open breaker out") {
  darn::fake_clock clock;
  const auto p = darn::pipeline(darn::retry({.max_attempts = 10}), touchy());
  const auto result = p.run({.clock = &clock}, [] { return broken_call(); });
  CHECK(result.error().category == category::network);  // why, not that the breaker was open
  CHECK(clock.sleeps().size() == 1);
}

TEST_CASE("answers are no failures, and what was not asked says nothing") {
  darn::fake_clock clock;
  const auto breaker = touchy();
  const auto p = darn::pipeline(breaker);
  CHECK_FALSE(p.run({.clock = &clock}, [] { return broken_call(category::permanent); }));
  CHECK(breaker.state(clock.now()) == breaker_state::closed);
  CHECK_FALSE(p.run({.clock = &clock}, []() -> outcome<int> {
    return darn::unexpected<error>(error{.category = category::rate_limit, .rejected = true});
  }));
  CHECK(breaker.state(clock.now()) == breaker_state::closed);
  std::stop_source stop;
  CHECK_FALSE(p.run({.stop = stop.get_token(), .clock = &clock}, [&] {
    stop.request_stop();
    return broken_call();
  }));
  CHECK(breaker.state(clock.now()) == breaker_state::closed);
}

TEST_CASE("a callee that hangs until an outer timeout is a failure") {
  darn::fake_clock clock;
  const auto breaker = touchy();
  CHECK_FALSE(darn::pipeline(darn::timeout(5s), breaker).run({.clock = &clock}, [](darn::call& c) {
    return c.sleep_until(c.now() + 1h) ? outcome<int>(1) : broken_call(category::timeout);
  }));
  CHECK(breaker.state(clock.now()) == breaker_state::open);
}

TEST_CASE("cancelled probe closes the breaker, through the policy") {
  darn::fake_clock clock;
  const auto breaker = touchy();
  const auto p = darn::pipeline(breaker);
  CHECK_FALSE(p.run({.clock = &clock}, [] { return broken_call(); }));
  clock.advance(30s);
  std::stop_source stop;
  stop.request_stop();
  CHECK_FALSE(p.run({.stop = stop.get_token(), .clock = &clock}, [] { return broken_call(); }));
  CHECK(breaker.state(clock.now()) == breaker_state::half_open);
  {
    darn::call_options options{.clock = &clock};
    darn::detail::stop_scope scope(options.stop);
    darn::call c(options, scope, false);
    for (int i = 0; i < 3; ++i) {
      CHECK(breaker.enter(c));  // a ticket that is dropped gives its place back
    }
  }
  CHECK(breaker.state(clock.now()) == breaker_state::half_open);
  CHECK(p.run({.clock = &clock}, [] { return 1; }));
  CHECK(breaker.state(clock.now()) == breaker_state::closed);
}

TEST_CASE("changes are told once each, outside the lock") {
  darn::fake_clock clock;
  std::vector<std::pair<breaker_state, breaker_state>> told;
  std::optional<circuit_breaker> breaker;
  darn::circuit_breaker_options options{.minimum_calls = 1, .probes = 1};
  options.on_change = [&](breaker_state from, breaker_state to) {
    told.emplace_back(from, to);
    (void)breaker->state(clock.now());  // would hang if the lock were held
  };
  breaker.emplace(options);
  const auto p = darn::pipeline(*breaker);
  CHECK_FALSE(p.run({.clock = &clock}, [] { return broken_call(); }));
  clock.advance(30s);
  CHECK(p.run({.clock = &clock}, [] { return 1; }));
  using enum breaker_state;
  CHECK(told == std::vector<std::pair<breaker_state, breaker_state>>{
                    {closed, open}, {open, half_open}, {half_open, closed}});
}

TEST_CASE("no call is lost in the counts of many threads, nor in the window") {
  constexpr int kThreads = 8;
  constexpr int kCalls = 20'000;
  for (const bool timed : {false, true}) {
    darn::circuit_breaker_options settings{.failure_rate = 0.5};
    if (timed) {
      settings.window_time = 1h;
    } else {
      settings.window_calls = kThreads * kCalls;
    }
    const circuit_breaker breaker(settings);
    const auto p = darn::pipeline(breaker);
    std::vector<std::thread> threads;
    std::atomic<int> failed{0};
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kCalls; ++i) {
          const bool fail = (i + t) % 10 == 0;
          failed += fail ? 1 : 0;
          (void)p.run([&] { return fail ? broken_call() : outcome<int>(i); });
        }
      });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
    CHECK(breaker.state() == breaker_state::closed);
    CHECK(counted(breaker, "failure") == static_cast<std::uint64_t>(failed));
    CHECK(counted(breaker, "success") == kThreads * kCalls - static_cast<std::uint64_t>(failed));
  }
}

TEST_CASE("of many threads only as many probes get through as there are places") {
  darn::fake_clock clock(darn::fake_clock::mode::stand);
  const auto breaker = touchy(3);
  const auto p = darn::pipeline(breaker);
  CHECK_FALSE(p.run({.clock = &clock}, [] { return broken_call(); }));
  clock.advance(30s);
  std::atomic<int> inside{0};
  std::atomic<int> refused{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 16; ++t) {
    threads.emplace_back([&] {
      const auto result = p.run({.clock = &clock}, [&] {
        ++inside;
        while (inside + refused < 16) {  // until all have asked
          std::this_thread::yield();
        }
        return 1;
      });
      refused += result ? 0 : 1;
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  CHECK(inside == 3);
  CHECK(breaker.state(clock.now()) == breaker_state::closed);
}

TEST_CASE("a breaker for each key; the one not used for longest is forgotten") {
  darn::fake_clock clock;
  const darn::keyed_circuit_breaker breakers({.minimum_calls = 1}, 2);
  const auto run = [&](std::string_view host, bool good) {
    return darn::pipeline(breakers.at(host))
        .run({.clock = &clock}, [&] { return good ? outcome<int>(1) : broken_call(); })
        .has_value();
  };
  CHECK_FALSE(run("a", false));
  CHECK_FALSE(run("a", true));
  CHECK(run("b", true));
  CHECK_FALSE(run("a", true));
  CHECK(run("c", true));
  CHECK(breakers.size() == 2);
  CHECK_FALSE(run("a", true));  // b was forgotten
}
