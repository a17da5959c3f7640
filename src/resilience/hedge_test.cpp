#include "darn/hedge.hpp"

#include <atomic>

#include "darn/pipeline.hpp"
#include "darn/testing.hpp"
#include "support/property.hpp"

using namespace std::chrono_literals;
using darn::error;
using darn::outcome;

namespace {

// Waits until it is told to stop.
outcome<int> hang(darn::call& c) {
  return c.sleep_until(c.now() + 1h)
             ? outcome<int>(-1)
             : outcome<int>(darn::unexpected<error>(error{.message = "stopped"}));
}

}  // namespace

TEST_CASE("an answer in time needs no copy") {
  const darn::hedge policy({.delay = 1h});
  const auto result = darn::pipeline(policy).run([](darn::call& c) { return c.hedge(); });
  CHECK(*result == 0);
  CHECK(policy.state().hedged.value() == 0);
}

TEST_CASE("hedge loser left running") {
  std::atomic<int> running{0};
  std::atomic<int> stopped{0};
  // Each call pays for one copy: a busy machine sends more than are needed, and the one that is to
  // win must not be refused for that.
  const auto p = darn::pipeline(darn::hedge({.delay = 1ms, .max_hedges = 3, .share = 1}));
  for (const int winner : {0, 1, 2, 3}) {
    std::atomic<int> begun{0};
    const auto result = p.run([&](darn::call& c) -> outcome<int> {
      ++running;
      ++begun;
      const int me = c.hedge();
      while (me == winner && begun < std::max(winner, 1) + 1) {
        std::this_thread::yield();  // so that there are losers
      }
      const auto mine = me == winner ? outcome<int>(me) : hang(c);
      stopped += mine ? 0 : 1;
      --running;
      return mine;
    });
    CHECK(*result == winner);
    CHECK(running == 0);  // all are told to stop and waited for
  }
  CHECK(stopped >= 4);
}

TEST_CASE("a copy that fails does not win, and a call that fails at once is not hedged") {
  const darn::hedge policy({.delay = 1ms});
  const auto p = darn::pipeline(policy);
  std::atomic<bool> failed{false};
  const auto result = p.run([&](darn::call& c) -> outcome<int> {
    if (c.hedge() == 1) {
      failed = true;
      return darn::unexpected<error>(error{.message = "copy"});
    }
    while (!failed) {
      std::this_thread::yield();
    }
    return 5;
  });
  CHECK(*result == 5);
  const auto before = policy.state().hedged.value();
  CHECK(p.run([]() -> int { throw std::runtime_error("first"); }).error().message == "first");
  CHECK(policy.state().hedged.value() == before);
}

TEST_CASE("when the first fails, a copy that is out may still succeed") {
  std::atomic<bool> out{false};
  const auto result =
      darn::pipeline(darn::hedge({.delay = 1ms})).run([&](darn::call& c) -> outcome<int> {
        if (c.hedge() == 1) {
          out = true;
          return 1;
        }
        while (!out) {
          std::this_thread::yield();
        }
        return darn::unexpected<error>(error{.message = "first"});
      });
  CHECK(result);
}

TEST_CASE("the caller's stop reaches every copy") {
  std::stop_source stop;
  std::atomic<int> begun{0};
  const auto result = darn::pipeline(darn::hedge({.delay = 1ms}))
                          .run({.stop = stop.get_token()}, [&](darn::call& c) {
                            if (++begun == 2) {
                              stop.request_stop();
                            }
                            return hang(c);
                          });
  CHECK_FALSE(result);
  CHECK(begun == 2);
}

TEST_CASE("copies are a share of the calls") {
  const darn::hedge policy({.delay = 0ms, .at_least = 0ms, .share = 0.1});
  const auto p = darn::pipeline(policy);
  constexpr int kCalls = 200;
  for (int i = 0; i < kCalls; ++i) {
    (void)p.run([&](darn::call& c) {  // slower than the delay, as often as there is a copy
      while (c.hedge() == 0 && policy.state().over_budget.value() == 0 && !c.stop_requested()) {
        std::this_thread::yield();
      }
      return 1;
    });
  }
  CHECK(policy.state().hedged.value() <= 10 + kCalls / 10);
  CHECK(policy.state().over_budget.value() > 0);
}

TEST_CASE("the delay is learned from the quantile of recent answers") {
  darn::fake_clock clock;
  const darn::hedge policy({.delay = 1h, .quantile = 0.95});
  const auto p = darn::pipeline(policy);
  CHECK(policy.state().delay() == 1h);
  for (int i = 1; i <= 100; ++i) {
    CHECK(p.run({.clock = &clock}, [&] {
      clock.advance(std::chrono::milliseconds{i % 20 == 0 ? 1000 : 10});
      return i;
    }));
  }
  CHECK(policy.state().delay() >= 10ms);
  CHECK(policy.state().delay() <= 1s);
  CHECK(clock.timers() == 0);
}
