#include "darn/retry_budget.hpp"

#include <barrier>
#include <deque>
#include <thread>
#include <vector>

#include "darn/detail/recent.hpp"
#include "darn/testing.hpp"
#include "support/property.hpp"

using namespace std::chrono_literals;
using darn::retry_budget;
using darn::time_point;
using darn::test::property;

namespace {

constexpr time_point kStart{100h};

}  // namespace

TEST_CASE("budget race with 1,000 threads") {
  constexpr int kThreads = 1000;
  constexpr int kTokens = 137;
  for (const bool by_share : {false, true}) {
    // The share alone would allow 137, too: at_least.
    const retry_budget budget(
        {.capacity = by_share ? 1e6 : kTokens, .share = by_share ? 0.001 : 0, .at_least = kTokens});
    std::barrier all(kThreads);
    std::atomic<int> allowed{0};
    std::vector<std::thread> threads;
    threads.reserve(kThreads);
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&] {
        all.arrive_and_wait();
        allowed += budget.reserve(1, kStart) ? 1 : 0;
      });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
    // Of the share, a race may refuse one that would have been allowed, never the other way round.
    CHECK(allowed <= kTokens);
    CHECK((by_share || allowed == kTokens));
    CHECK((by_share || budget.tokens() == 0));
    CHECK(allowed > 0);
  }
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
          budget.refund(cost);
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
  const darn::call_options options{.clock = &clock};
  darn::detail::stop_scope scope(options.stop);
  darn::call c(options, scope, false);
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

TEST_CASE("what was there within the last while") {
  property("as a list of times does, to a tenth", [] {
    darn::detail::recent recent(10s);
    std::deque<time_point> model;
    time_point now = kStart;
    for (const int step : *rc::gen::container<std::vector<int>>(100, rc::gen::inRange(0, 4000))) {
      now += std::chrono::milliseconds{step};
      recent.add(now);
      model.push_back(now);
      const auto within = [&](darn::duration d) {
        return static_cast<std::uint64_t>(
            std::count_if(model.begin(), model.end(), [&](time_point t) { return now - t < d; }));
      };
      RC_ASSERT(recent.count(now) >= within(9s));
      RC_ASSERT(recent.count(now) <= within(10s));
    }
  });
  SUBCASE("from many threads") {
    darn::detail::recent recent(10s);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 10'000; ++i) {
          recent.add(kStart + std::chrono::microseconds{i * 100});
        }
      });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
    CHECK(recent.count(kStart + 1s) == 40'000);
  }
}
