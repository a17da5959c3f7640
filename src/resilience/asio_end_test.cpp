// Pipelines around coroutines that end early: cancelled, stopped, or destroyed with their
// io_context.
#include <atomic>
#include <memory>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <doctest/doctest.h>

#include "resilience/asio_fixture.hpp"

using namespace std::chrono_literals;
using namespace darn::test;
using asio::cancellation_type;
using darn::error;
using darn::outcome;

namespace {

struct Ended {
  outcome<int> result{-1};
  darn::duration took{};
};

// Runs it until `ready`, then cancels it in the way of Asio.
template <class Pipeline, class F, class Ready>
Ended cancelled(const Pipeline& p, F f, Ready ready,
                cancellation_type type = cancellation_type::terminal) {
  asio::io_context io;
  asio::cancellation_signal signal;
  Ended ended;
  bool done = false;
  const auto work = [&]() -> awaitable<void> {
    co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
    ended.result = co_await darn::async_run(p, f);
    done = true;
  };
  const auto begin = darn::detail::steady_now();
  asio::co_spawn(io, work, asio::bind_cancellation_slot(signal.slot(), asio::detached));
  const auto watch = [&]() -> awaitable<void> {
    while (!done && !ready()) {
      co_await pause(1ms);
    }
    signal.emit(type);
  };
  asio::co_spawn(io, watch, asio::detached);
  io.run();
  CHECK(done);
  ended.took = darn::detail::steady_now() - begin;
  return ended;
}

awaitable<outcome<int>> fails() { co_return darn::unexpected<error>(flaky()); }

darn::retry patient(darn::retry_options o = {}) {
  o.backoff = darn::backoff::constant(1h, darn::jitter::none());
  return darn::retry(std::move(o));
}

// A breaker that is half-open and lets one probe in.
darn::circuit_breaker half_open() {
  darn::circuit_breaker b = darn::circuit_breaker({.window_calls = 1,
                                                   .minimum_calls = 1,
                                                   .open_for = 1ns,
                                                   .probes = 1,
                                                   .probe_wait = 1h,
                                                   .ramp = 0s});
  CHECK_FALSE(run(darn::async_run(darn::pipeline(b), fails)));
  std::this_thread::sleep_for(2 * darn::detail::kCoarseTick);  // it goes by the coarse clock
  CHECK(b.state() == darn::breaker_state::half_open);
  return b;
}

}  // namespace

TEST_CASE("a sleep that ignores cancellation") {
  for (const auto type :
       {cancellation_type::terminal, cancellation_type::partial, cancellation_type::total}) {
    const darn::retry_budget budget({.capacity = 5});
    const auto policy = patient({.budget = budget});
    const auto ended = cancelled(
        darn::pipeline(policy), fails, [&] { return budget.tokens() < 5; }, type);
    CHECK(ended.took < 1min);
    REQUIRE_FALSE(ended.result);
    CHECK(ended.result.error().code == "503");  // the last error
    CHECK(ended.result.error().decided_by == "retry");
    CHECK(policy.state().stopped.value() == 1);
    CHECK(budget.tokens() == 5);  // refunded
  }
}

TEST_CASE("a cancellation reaches the callee's operation, and nothing begins after it") {
  int inside = 0;
  int calls = 0;
  bool substituted = false;
  const auto substitute = [&] {
    substituted = true;
    return 1;
  };
  const auto p = darn::pipeline(darn::fallback(substitute), darn::timeout(1h), patient(),
                                darn::hedge({.delay = 1ms, .max_hedges = 2}),
                                darn::circuit_breaker(), darn::bulkhead());
  for (const auto type : {cancellation_type::terminal, cancellation_type::total}) {
    calls = 0;
    const auto ended = cancelled(
        p,
        [&]() -> awaitable<int> {
          ++calls;
          const int n = co_await hang(inside);
          co_return n;
        },
        [&] { return inside == 3; }, type);
    REQUIRE_FALSE(ended.result);
    CHECK(ended.result.error().code == "ECANCELED");
    CHECK(ended.result.error().decided_by == "retry");
    CHECK(inside == 0);
    CHECK(calls == 3);
    CHECK_FALSE(substituted);
  }
}

TEST_CASE("what awaits a cancelled operation is itself cancelled as Asio does it") {
  asio::io_context io;
  asio::cancellation_signal signal;
  int inside = 0;
  bool thrown = false;
  const auto work = [&]() -> awaitable<void> {
    const auto result = co_await darn::async_run(darn::pipeline(), [&] { return hang(inside); });
    CHECK_FALSE(result);
    CHECK(co_await asio::this_coro::throw_if_cancelled());
    // Begun when it is cancelled already: not made, and not thrown either when that is wanted.
    co_await asio::this_coro::throw_if_cancelled(false);
    const auto again = co_await darn::async_run(darn::pipeline(), [&] { return hang(inside); });
    CHECK(again.error().rejected);
    CHECK(again.error().decided_by == "async_run");
    co_await asio::this_coro::throw_if_cancelled(true);
    try {
      co_await pause(1ms);
    } catch (const boost::system::system_error&) {
      thrown = true;
    }
  };
  asio::co_spawn(io, work, asio::bind_cancellation_slot(signal.slot(), asio::detached));
  while (inside == 0) {
    io.poll();
  }
  signal.emit(cancellation_type::terminal);
  io.run();
  CHECK(thrown);
}

TEST_CASE("coroutines: the caller's stop token, from another thread") {
  for (const int threads : {1, 3}) {
    std::stop_source stop;
    std::atomic<int> begun{0};
    int inside = 0;
    std::thread stopper([&] {
      while (begun < 1) {
        std::this_thread::yield();
      }
      stop.request_stop();
    });
    const auto p = darn::pipeline(darn::timeout(1h), patient());
    const auto hung = run(darn::async_run(p, {.stop = stop.get_token()},
                                          [&](darn::call&) -> awaitable<int> {
                                            ++begun;
                                            const int n = co_await hang(inside);
                                            co_return n;
                                          }),
                          threads);
    stopper.join();
    REQUIRE_FALSE(hung);
    CHECK(hung.error().code == "ECANCELED");
    // Requested before: nothing is called.
    const auto not_made = run(darn::async_run(p, {.stop = stop.get_token()}, fails), threads);
    CHECK(not_made.error().attempts == 0);
    CHECK(begun == 1);
  }
}

TEST_CASE("cancelled probe closes the breaker") {
  const auto breaker = half_open();
  const auto p = darn::pipeline(breaker);
  int inside = 0;
  const auto ended = cancelled(
      p, [&] { return hang(inside); }, [&] { return inside == 1; });
  CHECK_FALSE(ended.result);
  CHECK(breaker.state() == darn::breaker_state::half_open);
  // Nor is it wedged: the next one is the probe.
  CHECK(run(darn::async_run(p, []() -> awaitable<int> { co_return 1; })));
  CHECK(breaker.state() == darn::breaker_state::closed);
}

TEST_CASE("a cancelled waiter leaves the queue, and its turn is free again") {
  const darn::bulkhead room({.max_concurrent = 1, .max_queue = 1, .max_wait = 1h});
  darn::call_options none;
  darn::detail::stop_scope scope(none.stop);
  darn::call outside(none, scope, false);
  auto held = room.enter(outside);
  const auto ended = cancelled(darn::pipeline(room), fails, [&] { return room.queued() == 1; });
  CHECK(ended.result.error().code == "stopped");
  CHECK(room.queued() == 0);
  held->leave(outside, nullptr);
  CHECK(room.in_use() == 0);

  const darn::rate_limiter limiter({.rate = 1, .per = 1h, .max_wait = 10h});
  const auto p = darn::pipeline(limiter);
  CHECK(run(darn::async_run(p, []() -> awaitable<int> { co_return 1; })));
  int asked = 0;
  CHECK(cancelled(p, fails, [&] { return ++asked > 3; }).result.error().code == "stopped");
  error why;
  const auto next = limiter.reserve(outside, why);
  REQUIRE(next);
  CHECK(next->at - outside.now() <= 1h);
}

TEST_CASE("permit lost when a coroutine is destroyed") {
  const auto witness = std::make_shared<int>(0);
  const auto breaker = half_open();
  const darn::bulkhead room({.max_concurrent = 2, .max_queue = 5, .max_wait = 1h});
  const darn::concurrency_limit limit;
  const darn::rate_limiter limiter({.rate = 1, .per = 1h, .burst = 3, .max_wait = 100h});
  const darn::retry_budget budget({.capacity = 5});
  darn::fake_clock clock(darn::fake_clock::mode::stand);
  int inside = 0;
  const auto hangs = [&inside, witness] { return hang(inside); };
  for (const bool fake : {false, true}) {
    asio::io_context io;
    darn::call_options options;
    options.clock = fake ? &clock : nullptr;
    const auto start = [&](auto pipeline, auto f) {
      asio::co_spawn(io, darn::async_run(pipeline, options, f), asio::detached);
    };
    start(darn::pipeline(darn::timeout(3h), patient({.budget = budget})), fails);
    start(darn::pipeline(darn::timeout(1h), breaker, limit), hangs);
    start(darn::pipeline(darn::hedge({.delay = 1ns, .at_least = 1ns, .max_hedges = 2}),
                         darn::timeout(1h), limit),
          hangs);
    for (int i = 0; i < 4; ++i) {
      start(darn::pipeline(patient({.attempt_timeout = 1h}), room), hangs);
    }
    for (int i = 0; i < 2; ++i) {
      start(darn::pipeline(limiter), hangs);
    }
    for (int i = 0; i < 20; ++i) {
      clock.advance(1ms);
      io.run_for(1ms);
      io.restart();
    }
    CHECK(room.in_use() == 2);
    CHECK(room.queued() == 2);
    CHECK(limit.in_flight() == 4);
    CHECK(inside >= 6);
    CHECK(budget.tokens() == 4);
  }
  CHECK(inside == 0);
  CHECK(room.in_use() == 0);
  CHECK(room.queued() == 0);
  CHECK(limit.in_flight() == 0);
  CHECK(budget.tokens() == 5);
  CHECK(clock.timers() == 0);
  CHECK(breaker.state() == darn::breaker_state::half_open);
  CHECK(run(darn::async_run(darn::pipeline(breaker), []() -> awaitable<int> { co_return 1; })));
  CHECK(witness.use_count() == 2);  // this one and that of `hangs`
}

TEST_CASE("coroutines: many at once on many threads, stopped at any time") {
  const darn::retry_budget budget({.capacity = 1000});
  const darn::bulkhead room({.max_concurrent = 5, .max_queue = 1000});
  const darn::concurrency_limit limit({.initial = 1000, .most = 1000});
  const auto breaker = darn::circuit_breaker({.minimum_calls = 1'000'000});
  const auto p = darn::pipeline(darn::timeout(20ms),
                                darn::retry({.max_attempts = 3,
                                             .backoff = darn::backoff::constant(1ms),
                                             .attempt_timeout = 5ms,
                                             .budget = budget}),
                                darn::hedge({.delay = 1ms, .share = 1}), breaker, limit, room);
  constexpr int kCalls = 300;
  std::atomic<int> ended{0};
  std::atomic<int> inside{0};
  std::vector<std::stop_source> stops(kCalls);
  asio::io_context io;
  for (int i = 0; i < kCalls; ++i) {
    auto work = darn::async_run(
        p, {.stop = stops[static_cast<std::size_t>(i)].get_token()},
        [&inside](darn::call& c, int n) -> awaitable<outcome<int>> {
          struct Count {
            explicit Count(std::atomic<int>& of) : count(of) { ++count; }
            ~Count() { --count; }
            std::atomic<int>& count;
          };
          const Count here(inside);
          co_await pause(std::chrono::microseconds{100 * (n % 70)});
          co_return c.attempt() == 1 && n % 3 == 0 ? outcome<int>(darn::unexpect, flaky())
                                                   : outcome<int>(n);
        },
        i);
    asio::co_spawn(io, std::move(work), [&](const std::exception_ptr& e, const outcome<int>&) {
      CHECK_FALSE(e);
      ++ended;
    });
  }
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] { io.run(); });
  }
  for (std::size_t i = 0; i < kCalls; i += 4) {
    stops[i].request_stop();
    std::this_thread::sleep_for(100us);
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  CHECK(ended == kCalls);
  CHECK(inside == 0);
  CHECK(room.in_use() == 0);
  CHECK(room.queued() == 0);
  CHECK(limit.in_flight() == 0);
}
