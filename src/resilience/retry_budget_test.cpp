#include "darn/retry_budget.hpp"

#include <atomic>
#include <barrier>
#include <cmath>
#include <limits>
#include <optional>
#include <thread>
#include <vector>

#include "darn/pipeline.hpp"
#include "darn/retry.hpp"
#include "darn/testing.hpp"
#include "support/lone_call.hpp"
#include "support/property.hpp"

using namespace std::chrono_literals;
using darn::retry_budget;
using darn::time_point;
using darn::test::lone_call;
using darn::test::property;

namespace {

constexpr time_point kStart{100h};

}  // namespace

namespace {

// All at the same moment.
template <class F>
void in_threads(int n, F&& f) {
  std::barrier all(n);
  std::vector<std::thread> threads;
  threads.reserve(static_cast<std::size_t>(n));
  for (int t = 0; t < n; ++t) {
    threads.emplace_back([&, t] {
      all.arrive_and_wait();
      f(t);
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

}  // namespace

TEST_CASE("budget race with 1,000 threads") {
  constexpr int kThreads = 1000;
  constexpr int kTokens = 137;
  std::atomic<int> allowed{0};
  SUBCASE("exactly the tokens are given") {
    const retry_budget budget({.capacity = kTokens});
    in_threads(kThreads, [&](int) { allowed += budget.reserve(1, kStart) ? 1 : 0; });
    CHECK(allowed == kTokens);
    CHECK(budget.tokens() == 0);
  }
  SUBCASE("exactly the share is given, and a refusal by it costs no tokens") {
    const retry_budget budget({.capacity = kThreads, .share = 0.137, .at_least = 0});
    darn::fake_clock clock;
    in_threads(kThreads, [&](int) { budget.called(lone_call({.clock = &clock})); });
    in_threads(kThreads, [&](int) { allowed += budget.reserve(1, clock.now()) ? 1 : 0; });
    CHECK(allowed == kTokens);
    CHECK(budget.tokens() == kThreads - kTokens);
  }
  SUBCASE("what is given back is neither lost nor doubled") {
    const retry_budget budget({.capacity = kTokens, .share = 1, .at_least = kTokens});
    std::atomic<int> kept{0};
    in_threads(kThreads, [&](int t) {
      if (!budget.reserve(1, kStart)) {
        return;
      }
      if (t % 2 == 0) {
        budget.refund(1, kStart);
      } else {
        ++kept;
      }
    });
    CHECK(budget.tokens() == kTokens - kept);
    while (budget.reserve(1, kStart)) {
      ++kept;
    }
    CHECK(kept == kTokens);
  }
}

// A thousand threads on few cores hardly meet, as each is done before the next has begun: here a
// few of them are at it for long enough.
TEST_CASE("budget race, a few threads at it all the time") {
  constexpr int kThreads = 4;
  constexpr int kTimes = 500'000;
  SUBCASE("tokens are neither lost nor doubled") {
    const retry_budget budget({.capacity = 1000});
    REQUIRE(budget.reserve(500, kStart));  // so that too many would show, too
    in_threads(kThreads, [&](int) {
      for (int i = 0; i < kTimes; ++i) {
        if (budget.reserve(1, kStart)) {
          budget.refund(1, kStart);
        }
      }
    });
    CHECK(budget.tokens() == 500);
  }
  SUBCASE("never more than the share at a time") {
    constexpr int kShare = 1;
    const retry_budget budget({.capacity = 1000, .share = 1, .at_least = kShare});
    std::atomic<int> held{0};
    std::atomic<bool> too_many{false};
    in_threads(kThreads, [&](int) {
      for (int i = 0; i < kTimes; ++i) {
        if (budget.reserve(1, kStart)) {
          if (++held > kShare) {
            too_many = true;
          }
          if (i % 16 == 0) {
            std::this_thread::yield();  // long enough for another one to be seen
          }
          --held;
          budget.refund(1, kStart);
        }
      }
    });
    CHECK_FALSE(too_many);
    CHECK(budget.tokens() == 1000);
  }
}

TEST_CASE("a retry that is stopped while it sleeps gives its tokens back") {
  darn::fake_clock clock(darn::fake_clock::mode::stand);
  const retry_budget budget({.capacity = 10, .share = 0.01, .at_least = 1});
  darn::retry_options options{.backoff = darn::backoff::constant(1h), .budget = budget};
  options.of(darn::category::network).budget_cost = 3;
  const auto p = darn::pipeline(darn::retry(options));
  std::stop_source stop;
  std::optional<darn::outcome<int>> result;
  std::thread waits([&] {
    result = p.run({.stop = stop.get_token(), .clock = &clock}, []() -> darn::outcome<int> {
      return darn::unexpected<darn::error>(darn::error{.category = darn::category::network});
    });
  });
  while (clock.sleepers() == 0) {
    std::this_thread::yield();
  }
  CHECK(budget.tokens() == 7);
  CHECK_FALSE(budget.reserve(1, clock.now()));  // the share: one retry, which is the sleeper's
  stop.request_stop();
  waits.join();
  CHECK(result->error().attempts == 1);
  CHECK(budget.tokens() == 10);
  CHECK(budget.reserve(1, clock.now()));  // it counts no more towards the share
}

TEST_CASE("a retry that is dropped while it sleeps gives its tokens back, too") {
  const retry_budget budget({.capacity = 10});
  const darn::retry retry({.budget = budget});
  lone_call c({});
  darn::error e{.category = darn::category::network};
  {
    darn::detail::retry_session session(retry.state(), c, c->now());
    CHECK(session.next(e));
    CHECK(budget.tokens() == 9);
  }
  CHECK(budget.tokens() == 10);
}

TEST_CASE("tokens are neither lost nor made") {
  property("reserve, refund and success as a plain number does it", [] {
    const double capacity = *rc::gen::inRange(0, 20);
    const double per_success = *rc::gen::inRange(0, 10) / 10.0;
    const retry_budget budget({.capacity = capacity, .per_success = per_success});
    double model = capacity;
    for (const int step : *rc::gen::container<std::vector<int>>(60, rc::gen::inRange(0, 4))) {
      const double cost = *rc::gen::inRange(0, 5);
      if (step == 0) {
        budget.succeeded();
        model = std::min(capacity, model + per_success);
      } else {
        const bool fits = model >= cost - 1e-9;
        RC_ASSERT(budget.reserve(cost, kStart) == fits);
        model -= fits ? cost : 0;
        if (fits && step == 1) {
          budget.refund(cost, kStart);
          model = std::min(capacity, model + cost);
        }
      }
      RC_ASSERT(std::abs(budget.tokens() - model) < 1e-6);
    }
  });
}

TEST_CASE("a share of the calls of the last while") {
  darn::fake_clock clock;
  const retry_budget budget({.capacity = 1000, .share = 0.2, .window = 10s, .at_least = 2});
  lone_call c({.clock = &clock});
  const auto allowed = [&] {
    int n = 0;
    while (budget.reserve(1, clock.now())) {
      ++n;
    }
    return n;
  };
  CHECK(allowed() == 2);
  for (int i = 0; i < 100; ++i) {
    budget.called(c);
  }
  CHECK(allowed() == 18);  // 20 in all
  clock.advance(11s);
  CHECK(allowed() == 2);
}

TEST_CASE("a share is not one short because of a rounding") {
  darn::fake_clock clock;
  lone_call c({.clock = &clock});
  for (int percent = 1; percent <= 100; ++percent) {
    const retry_budget budget({.capacity = 1000, .share = percent / 100.0, .at_least = 0});
    for (int i = 0; i < 100; ++i) {
      budget.called(c);
    }
    int allowed = 0;
    while (budget.reserve(1, clock.now())) {
      ++allowed;
    }
    CHECK(allowed == percent);
  }
}

TEST_CASE("settings out of range neither overflow nor give tokens away") {
  constexpr double kHuge = std::numeric_limits<double>::infinity();
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  const retry_budget endless({.capacity = kHuge, .per_success = kHuge});
  endless.succeeded();
  CHECK(endless.reserve(1e6, kStart));
  for (const double capacity : {kNone, -1.0, 0.0}) {
    const retry_budget none({.capacity = capacity, .per_success = capacity});
    none.succeeded();
    CHECK_FALSE(none.reserve(1, kStart));
  }
}
