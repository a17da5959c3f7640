// The policies that let in only so much: rate_limiter, bulkhead, concurrency_limit,
// adaptive_throttle.
#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "darn/adaptive_throttle.hpp"
#include "darn/bulkhead.hpp"
#include "darn/concurrency_limit.hpp"
#include "darn/pipeline.hpp"
#include "darn/rate_limiter.hpp"
#include "darn/testing.hpp"
#include "support/property.hpp"

using namespace std::chrono_literals;
using darn::category;
using darn::duration;
using darn::error;
using darn::outcome;
using darn::time_point;
using darn::test::property;

namespace {

outcome<int> failing(category c) { return darn::unexpected<error>(error{.category = c}); }

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

TEST_CASE("a bulkhead is full at its size, and throwing leaves it, too") {
  const darn::bulkhead bulkhead({.max_concurrent = 2});
  const auto p = darn::pipeline(bulkhead);
  const auto result = p.run([&] {
    return p.run([&] {
      CHECK(bulkhead.in_use() == 2);
      const auto third = p.run([] { return 3; });
      CHECK(third.error().code == "bulkhead_full");
      CHECK(third.error().rejected);
      return 2;
    });
  });
  CHECK(result);
  CHECK_FALSE(p.run([]() -> int { throw std::runtime_error("x"); }));
  CHECK(bulkhead.in_use() == 0);
}

TEST_CASE("first come, first served") {
  darn::fake_clock clock(darn::fake_clock::mode::stand);
  const darn::bulkhead bulkhead({.max_concurrent = 1, .max_queue = 8, .max_wait = 1h});
  const auto p = darn::pipeline(bulkhead);
  std::vector<int> order;  // guarded by the bulkhead itself
  std::vector<std::thread> threads;
  (void)p.run({.clock = &clock}, [&] {
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back(
          [&, t] { CHECK(p.run({.clock = &clock}, [&] { order.push_back(t); })); });
      while (bulkhead.queued() <= t) {
        std::this_thread::yield();
      }
    }
    CHECK(p.run({.clock = &clock}, [] {}).error().code == "bulkhead_full");
  });
  for (std::thread& thread : threads) {
    thread.join();
  }
  CHECK(order == std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7});
}

TEST_CASE("who gives up waiting leaves the queue and takes no place along") {
  darn::fake_clock clock(darn::fake_clock::mode::stand);
  const darn::bulkhead bulkhead({.max_concurrent = 1, .max_queue = 2, .max_wait = 5s});
  const auto p = darn::pipeline(bulkhead);
  std::stop_source stop;
  std::optional<outcome<int>> late;
  std::optional<outcome<int>> stopped;
  (void)p.run({.clock = &clock}, [&] {
    std::thread first([&] { late = p.run({.clock = &clock}, [] { return 1; }); });
    std::thread second(
        [&] { stopped = p.run({.stop = stop.get_token(), .clock = &clock}, [] { return 2; }); });
    while (bulkhead.queued() < 2 || clock.sleepers() < 2) {
      std::this_thread::yield();
    }
    stop.request_stop();
    second.join();
    clock.advance(5s);
    first.join();
    return 0;
  });
  CHECK(late->error().code == "waited_long");
  CHECK(stopped->error().code == "stopped");
  CHECK(bulkhead.queued() == 0);
  CHECK(bulkhead.in_use() == 0);
}

TEST_CASE("places are neither lost nor made while many come, wait and give up") {
  const darn::bulkhead bulkhead({.max_concurrent = 3, .max_queue = 4, .max_wait = 50us});
  const auto p = darn::pipeline(bulkhead);
  std::atomic<int> inside{0};
  std::atomic<bool> too_many{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 12; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        (void)p.run([&] {
          too_many = too_many || ++inside > 3;
          std::this_thread::yield();
          --inside;
        });
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  CHECK_FALSE(too_many);
  CHECK(bulkhead.in_use() == 0);
  CHECK(bulkhead.queued() == 0);
}

namespace {

// A server that answers in 10 ms as long as no more than `capacity` calls are in it, and queues the
// rest; asked by callers that come in waves of as many as the limit lets through, and some more.
int limit_after_waves(const darn::concurrency_limit& limit, darn::fake_clock& clock, int capacity,
                      int waves) {
  const darn::call_options options{.clock = &clock};
  darn::detail::stop_scope scope(options.stop);
  darn::call c(options, scope, false);
  for (int wave = 0; wave < waves; ++wave) {
    std::vector<darn::concurrency_limit::ticket> inside;
    while (true) {
      auto ticket = limit.enter(c);
      if (!ticket) {
        CHECK(ticket.error().code == "over_limit");
        break;
      }
      inside.push_back(std::move(*ticket));
    }
    int served = 0;
    for (auto& ticket : inside) {
      if (served++ % capacity == 0) {
        clock.advance(10ms);
      }
      ticket.leave(c, nullptr);
    }
  }
  CHECK(limit.in_flight() == 0);
  return limit.limit();
}

}  // namespace

TEST_CASE("the limit finds a server's capacity, and finds it again when it changes") {
  using algorithm = darn::concurrency_limit_options::algorithm;
  darn::fake_clock clock;
  SUBCASE("aimd: by a target for the latency") {
    const darn::concurrency_limit limit(
        {.how = algorithm::aimd, .initial = 5, .most = 1000, .target = 15ms});
    const int found = limit_after_waves(limit, clock, 40, 300);
    CHECK(found >= 30);
    CHECK(found <= 50);
    const int less = limit_after_waves(limit, clock, 10, 300);
    CHECK(less >= 6);
    CHECK(less <= 16);
  }
  SUBCASE("gradient: by how the latency grows") {
    const darn::concurrency_limit limit({.how = algorithm::gradient, .initial = 5, .most = 1000});
    const int found = limit_after_waves(limit, clock, 40, 60);
    CHECK(found >= 30);
    CHECK(found <= 200);
  }
}

TEST_CASE("an overload shrinks the limit, an answer does not, and a dropped ticket says nothing") {
  const darn::concurrency_limit limit({.initial = 10});
  const auto p = darn::pipeline(limit);
  CHECK_FALSE(p.run([] { return failing(category::permanent); }));
  CHECK(limit.limit() >= 10);
  const int before = limit.limit();
  for (int i = 0; i < 5; ++i) {
    CHECK_FALSE(p.run([] { return failing(category::rate_limit); }));
  }
  CHECK(limit.limit() < before);
  CHECK(limit.in_flight() == 0);
}

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
      return accept ? outcome<int>(1) : failing(category::rate_limit);
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
