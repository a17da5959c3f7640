#include "darn/rate_limiter.hpp"

#include <algorithm>
#include <atomic>
#include <limits>
#include <thread>
#include <vector>

#include "darn/pipeline.hpp"
#include "darn/testing.hpp"
#include "support/lone_call.hpp"
#include "support/property.hpp"

using namespace std::chrono_literals;
using darn::category;
using darn::duration;
using darn::error;
using darn::time_point;
using darn::test::lone_call;
using darn::test::property;

namespace {

// As many as the burst at once, the others on schedule.
bool within_rate(std::vector<time_point> starts, int burst, double per_second) {
  std::sort(starts.begin(), starts.end());
  for (std::size_t i = 0; i < starts.size(); ++i) {
    for (std::size_t j = i; j < starts.size(); ++j) {
      const double seconds = std::chrono::duration<double>(starts[j] - starts[i]).count();
      if (static_cast<double>(j - i + 1) > burst + seconds * per_second + 1e-6) {
        return false;
      }
    }
  }
  return true;
}

}  // namespace

TEST_CASE("a rate is kept, with its burst") {
  darn::fake_clock clock;
  const auto p = darn::pipeline(darn::rate_limiter({.rate = 10, .per = 1s, .burst = 3}));
  const auto admitted = [&](int calls) {
    int n = 0;
    for (int i = 0; i < calls; ++i) {
      n += p.run({.clock = &clock}, [] {}) ? 1 : 0;
    }
    return n;
  };
  CHECK(admitted(10) == 3);
  const auto refused = p.run({.clock = &clock}, [] {});
  CHECK(refused.error().category == category::rate_limit);
  CHECK(refused.error().code == "rate_limited");
  CHECK(refused.error().retry_after == 100ms);
  CHECK(refused.error().rejected);
  clock.advance(250ms);
  CHECK(admitted(10) == 2);
  clock.advance(1h);
  CHECK(admitted(10) == 3);
}

TEST_CASE("whoever may wait gets its turn, and no later than its deadline") {
  darn::fake_clock clock;
  const auto p = darn::pipeline(darn::rate_limiter({.rate = 1, .per = 1s, .max_wait = 5s}));
  for (int i = 0; i < 4; ++i) {
    CHECK(p.run({.clock = &clock}, [] {}));
  }
  CHECK(clock.sleeps() == std::vector<duration>{1s, 1s, 1s});
  CHECK_FALSE(p.run({.deadline = clock.now() + 500ms, .clock = &clock}, [] {}));
  std::stop_source stop;
  stop.request_stop();
  const auto stopped = p.run({.stop = stop.get_token(), .clock = &clock}, [] {});
  CHECK(stopped.error().code == "stopped");
  CHECK(p.run({.clock = &clock}, [] {}));  // its place was given back
  CHECK(clock.sleeps().back() == 1s);
}

TEST_CASE("never more than the burst and the rate in any stretch of time") {
  property("of calls at any times", [] {
    darn::fake_clock clock;
    const int rate = *rc::gen::inRange(1, 50);
    const int burst = *rc::gen::inRange(1, 10);
    const auto max_wait = std::chrono::milliseconds{*rc::gen::inRange(0, 2000)};
    const darn::rate_limiter limiter(
        {.rate = static_cast<double>(rate), .burst = burst, .max_wait = max_wait});
    const darn::call_options options{.clock = &clock};
    darn::detail::stop_scope scope(options.stop);
    darn::call c(options, scope, false);
    std::vector<time_point> starts;
    for (int i = 0; i < 100; ++i) {
      clock.advance(std::chrono::milliseconds{*rc::gen::inRange(0, 100)});
      error why;
      if (const auto place = limiter.reserve(c, why)) {
        RC_ASSERT(place->at >= clock.now() && place->at <= clock.now() + max_wait);
        starts.push_back(place->at);
      }
    }
    RC_ASSERT(std::is_sorted(starts.begin(), starts.end()));
    for (std::size_t i = 0; i < starts.size(); ++i) {
      for (std::size_t j = i; j < starts.size(); ++j) {
        const double seconds = std::chrono::duration<double>(starts[j] - starts[i]).count();
        RC_ASSERT(static_cast<double>(j - i + 1) <= burst + seconds * rate + 1e-6);
      }
    }
  });
}

TEST_CASE("many threads get exactly the burst") {
  darn::fake_clock clock;
  const auto p = darn::pipeline(darn::rate_limiter({.rate = 1, .per = 1h, .burst = 100}));
  std::atomic<int> admitted{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 100; ++i) {
        admitted += p.run({.clock = &clock}, [] {}) ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  CHECK(admitted == 100);
}

TEST_CASE("what is given back is used again only when nobody has come after") {
  property("the rate holds, whoever gives back", [] {
    darn::fake_clock clock;
    const int rate = *rc::gen::inRange(1, 50);
    const int burst = *rc::gen::inRange(1, 10);
    const darn::rate_limiter limiter(
        {.rate = static_cast<double>(rate), .burst = burst, .max_wait = 5s});
    lone_call c({.clock = &clock});
    std::vector<darn::rate_limiter::reservation> kept;
    for (const int step : *rc::gen::container<std::vector<int>>(100, rc::gen::inRange(0, 100))) {
      clock.advance(std::chrono::milliseconds{step});
      error why;
      if (const auto place = limiter.reserve(c, why)) {
        kept.push_back(*place);
      }
      // Only those that have not begun can be given back; any of them may be.
      if (step % 3 == 0 && !kept.empty()) {
        const std::size_t back = kept.size() - 1 - static_cast<std::size_t>(step) % kept.size();
        if (kept[back].at > clock.now()) {
          limiter.give_back(kept[back]);
          kept.erase(kept.begin() + static_cast<std::ptrdiff_t>(back));
        }
      }
    }
    std::vector<time_point> starts;
    for (const auto& place : kept) {
      starts.push_back(place.at);
    }
    RC_ASSERT(within_rate(starts, burst, rate));
  });
  SUBCASE("the last one") {
    darn::fake_clock clock;
    const darn::rate_limiter limiter({.rate = 1, .max_wait = 1h});
    lone_call c({.clock = &clock});
    error why;
    (void)limiter.reserve(c, why);
    const auto second = limiter.reserve(c, why);
    const auto third = limiter.reserve(c, why);
    limiter.give_back(*second);
    CHECK(limiter.reserve(c, why)->at == clock.now() + 3s);
    (void)third;
  }
}

TEST_CASE("a stop ends the wait at once, not at its turn") {
  darn::fake_clock clock(darn::fake_clock::mode::stand);
  const darn::rate_limiter limiter({.rate = 1, .per = 1h, .max_wait = 24h});
  const auto p = darn::pipeline(limiter);
  CHECK(p.run({.clock = &clock}, [] {}));
  std::stop_source stop;
  bool called = false;
  std::optional<darn::outcome<void>> result;
  std::thread waits(
      [&] { result = p.run({.stop = stop.get_token(), .clock = &clock}, [&] { called = true; }); });
  while (clock.sleepers() == 0) {
    std::this_thread::yield();
  }
  stop.request_stop();
  waits.join();  // no time has passed
  CHECK(result->error().code == "stopped");
  CHECK(result->error().rejected);
  CHECK_FALSE(called);
  error why;
  lone_call c({.clock = &clock});
  CHECK(limiter.reserve(c, why)->at == clock.now() + 1h);  // that place, not the one after it
}

TEST_CASE("nobody sleeps towards a deadline that comes first") {
  darn::fake_clock clock;
  const auto p = darn::pipeline(darn::rate_limiter({.rate = 1, .max_wait = 1h}));
  CHECK(p.run({.clock = &clock}, [] {}));
  const auto refused = p.run({.deadline = clock.now() + 1s, .clock = &clock}, [] {});
  CHECK(refused.error().code == "rate_limited");
  CHECK(refused.error().retry_after == 1s);
  CHECK(refused.error().attempts == 0);
  CHECK(clock.sleeps().empty());
  CHECK(p.run({.deadline = clock.now() + 1001ms, .clock = &clock}, [] {}));
}

TEST_CASE("many threads get one place each, none twice") {
  darn::fake_clock clock;
  constexpr int kBurst = 5;
  const darn::rate_limiter limiter({.rate = 1000, .burst = kBurst, .max_wait = 1h});
  std::vector<std::vector<time_point>> places(8);
  std::vector<std::thread> threads;
  for (auto& mine : places) {
    threads.emplace_back([&] {
      lone_call c({.clock = &clock});
      error why;
      for (int i = 0; i < 500; ++i) {
        mine.push_back(limiter.reserve(c, why)->at);
      }
    });
  }
  std::vector<time_point> all;
  for (std::size_t t = 0; t < threads.size(); ++t) {
    threads[t].join();
    CHECK(std::is_sorted(places[t].begin(), places[t].end()));
    all.insert(all.end(), places[t].begin(), places[t].end());
  }
  std::sort(all.begin(), all.end());
  for (int i = 0; i < static_cast<int>(all.size()); ++i) {
    const duration expected = std::max(i - kBurst + 1, 0) * 1ms;
    REQUIRE(all[static_cast<std::size_t>(i)] == clock.now() + expected);
  }
}

TEST_CASE("a rate that makes no sense does not open the gate") {
  darn::fake_clock clock;
  for (const double rate : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN()}) {
    const auto p = darn::pipeline(darn::rate_limiter({.rate = rate}));
    CHECK(p.run({.clock = &clock}, [] {}));
    clock.advance(24h);
    CHECK_FALSE(p.run({.clock = &clock}, [] {}));
  }
}
