#include "darn/bulkhead.hpp"

#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "darn/pipeline.hpp"
#include "darn/testing.hpp"
#include "support/lone_call.hpp"
#include "support/property.hpp"

using namespace std::chrono_literals;
using darn::outcome;
using darn::test::lone_call;
using darn::test::property;

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

TEST_CASE("a place that is handed over while its taker gives up is not lost") {
  // Each call is stopped by another thread at about the time when its place comes free; some throw,
  // some drop their ticket.
  const darn::bulkhead bulkhead({.max_concurrent = 2, .max_queue = 64, .max_wait = 1h});
  const auto p = darn::pipeline(bulkhead);
  constexpr int kThreads = 8;
  constexpr int kCalls = 400;
  std::vector<std::vector<std::stop_source>> stops(kThreads);
  for (auto& mine : stops) {
    mine.resize(kCalls);
  }
  std::atomic<int> inside{0};
  std::atomic<bool> too_many{false};
  std::atomic<int> ended{0};
  std::vector<std::atomic<int>> at(kThreads);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < kCalls; ++i) {
        at[t] = static_cast<int>(i);
        const darn::call_options options{.stop = stops[t][i].get_token()};
        if (i % 5 == 0) {
          lone_call c(options);
          (void)bulkhead.enter(c);
          continue;
        }
        (void)p.run(options, [&] {
          too_many = too_many || ++inside > 2;
          std::this_thread::yield();
          --inside;
          if (i % 3 == 0) {
            throw std::runtime_error("x");
          }
        });
      }
      ++ended;
    });
  }
  std::thread stopper([&] {
    while (ended < kThreads) {
      for (std::size_t t = 0; t < kThreads; ++t) {
        stops[t][static_cast<std::size_t>(at[t])].request_stop();
        std::this_thread::yield();
      }
    }
  });
  for (std::thread& thread : threads) {
    thread.join();
  }
  stopper.join();
  CHECK_FALSE(too_many);
  CHECK(bulkhead.in_use() == 0);
  CHECK(bulkhead.queued() == 0);
  CHECK(p.run([] {}));
}

TEST_CASE("waiting without a thread: the queue is that of a plain list") {
  property("come, give up and end in any order", [] {
    const int places = *rc::gen::inRange(1, 4);
    const int queue = *rc::gen::inRange(0, 5);
    const darn::bulkhead bulkhead({.max_concurrent = places, .max_queue = queue});
    struct Caller {
      darn::bulkhead::waiter waiter;
      int woken = 0;
      std::optional<darn::bulkhead::ticket> ticket;
    };
    std::deque<Caller> callers;  // addresses stay
    std::deque<Caller*> inside;
    std::deque<Caller*> waiting;
    const auto first_waiter_enters = [&] {
      if (waiting.empty()) {
        return;
      }
      Caller* next = waiting.front();
      waiting.pop_front();
      RC_ASSERT(next->woken == 1);
      next->ticket.emplace(bulkhead.take_place());
      inside.push_back(next);
    };
    for (const int step : *rc::gen::container<std::vector<int>>(80, rc::gen::inRange(0, 100))) {
      const auto pick = [&](const std::deque<Caller*>& from) {
        return static_cast<std::ptrdiff_t>(static_cast<std::size_t>(step) % from.size());
      };
      if (step < 50) {
        Caller& c = callers.emplace_back();
        c.waiter.admitted = [&c] { ++c.woken; };
        const auto entry = bulkhead.enter_or_queue(c.waiter);
        if (static_cast<int>(inside.size()) < places) {
          RC_ASSERT(entry == darn::bulkhead::entry::admitted);
          c.ticket.emplace(bulkhead.take_place());
          inside.push_back(&c);
        } else if (static_cast<int>(waiting.size()) < queue) {
          RC_ASSERT(entry == darn::bulkhead::entry::queued);
          waiting.push_back(&c);
        } else {
          RC_ASSERT(entry == darn::bulkhead::entry::full);
        }
      } else if (step < 75 && !inside.empty()) {
        const auto at = inside.begin() + pick(inside);
        (*at)->ticket.reset();
        inside.erase(at);
        first_waiter_enters();
      } else if (!waiting.empty()) {
        const auto at = waiting.begin() + pick(waiting);
        RC_ASSERT_FALSE(bulkhead.leave_queue((*at)->waiter));
        waiting.erase(at);
      }
      RC_ASSERT(bulkhead.in_use() == static_cast<int>(inside.size()));
      RC_ASSERT(bulkhead.queued() == static_cast<int>(waiting.size()));
    }
  });
}

TEST_CASE("who was admitted while giving up has the place") {
  const darn::bulkhead bulkhead({.max_concurrent = 1, .max_queue = 1});
  darn::bulkhead::waiter first;
  CHECK(bulkhead.enter_or_queue(first) == darn::bulkhead::entry::admitted);
  auto inside = std::make_unique<darn::bulkhead::ticket>(bulkhead.take_place());
  bool woken = false;
  darn::bulkhead::waiter second{.admitted = [&] { woken = true; }};
  CHECK(bulkhead.enter_or_queue(second) == darn::bulkhead::entry::queued);
  inside.reset();
  CHECK(woken);
  CHECK(bulkhead.leave_queue(second));
  CHECK(bulkhead.in_use() == 1);
  { const auto its = bulkhead.take_place(); }
  CHECK(bulkhead.in_use() == 0);
}

TEST_CASE("nobody waits for a place beyond the call's deadline") {
  darn::fake_clock clock;
  const darn::bulkhead bulkhead({.max_concurrent = 1, .max_queue = 1, .max_wait = 1h});
  const auto p = darn::pipeline(bulkhead);
  (void)p.run({.clock = &clock}, [&] {
    const auto began = clock.now();
    const auto late = p.run({.deadline = began + 3s, .clock = &clock}, [] {});
    CHECK(late.error().code == "waited_long");
    CHECK(late.error().attempts == 0);
    CHECK(clock.now() - began == 3s);
  });
}
