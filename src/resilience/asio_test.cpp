// Pipelines around coroutines: what each policy does there.
#include <atomic>
#include <memory>
#include <string>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <doctest/doctest.h>

#include "resilience/asio_fixture.hpp"

using namespace std::chrono_literals;
using namespace darn::test;
using asio::ip::tcp;
using darn::category;
using darn::error;
using darn::outcome;

namespace {

const darn::backoff kSoon = darn::backoff::constant(1ms, darn::jitter::none());

outcome<int> failed(error e = flaky()) { return darn::unexpected<error>(std::move(e)); }

}  // namespace

TEST_CASE("coroutines: what a callee may take and give") {
  const auto p = darn::pipeline();
  CHECK(*run(darn::async_run(p, []() -> awaitable<int> { co_return 3; })) == 3);
  CHECK(run(darn::async_run(p, []() -> awaitable<void> { co_return; })));
  CHECK(*run(darn::async_run(p, []() -> awaitable<outcome<int>> { co_return 4; })) == 4);
  CHECK(*run(darn::async_run(
            p, [](darn::call& c, int n) -> awaitable<int> { co_return c.attempt() + n; }, 1)) == 2);
  CHECK(*run(darn::async_run(
      p, [](std::stop_token stop) -> awaitable<bool> { co_return stop.stop_possible(); })));
  const auto text = run(darn::async_run(p, []() -> awaitable<darn::expected<int, std::string>> {
    co_return darn::unexpected<std::string>("connection refused");
  }));
  CHECK(text.error().category == category::network);
  const auto moved = run(darn::async_run(
      p, []() -> awaitable<std::unique_ptr<int>> { co_return std::make_unique<int>(5); }));
  CHECK(**moved == 5);
  const auto traced = run(darn::async_run(
      p, {.traceparent = std::string("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")},
      [](darn::call& c) -> awaitable<std::string> { co_return c.trace_id(); }));
  CHECK(*traced == "0af7651916cd43dd8448eb211c80319c");
}

TEST_CASE("coroutines: nothing is thrown, and errors of Asio are known") {
  const auto p = darn::pipeline();
  const auto of = [&](asio::error::basic_errors code) {
    return run(darn::async_run(p,
                               [code]() -> awaitable<int> {
                                 throw boost::system::system_error(code);
                                 co_return 0;
                               }))
        .error();
  };
  CHECK(of(asio::error::connection_refused).category == category::network);
  CHECK(of(asio::error::connection_refused).code == "ECONNREFUSED");
  CHECK(of(asio::error::operation_aborted).category != category::permanent);
  CHECK(darn::classify_error(boost::system::error_code(asio::error::eof)).ambiguous);
  // Thrown before there is a coroutine.
  const auto early =
      run(darn::async_run(p, []() -> awaitable<int> { throw std::out_of_range("x"); }));
  REQUIRE_FALSE(early);
  CHECK_THROWS_AS(std::rethrow_exception(early.error().exception), std::out_of_range);
}

TEST_CASE("moved-from arguments") {
  const auto p = darn::pipeline(darn::retry({.max_attempts = 3, .backoff = kSoon}));
  std::string first(100, 'x');
  int calls = 0;
  auto work = darn::async_run(
      p,
      [&](std::string& text, std::unique_ptr<int>& number) -> awaitable<outcome<int>> {
        ++calls;
        CHECK(text.size() == 100);
        REQUIRE(number);
        co_return calls < 3 ? failed() : outcome<int>(*number);
      },
      first, std::make_unique<int>(7));
  first = "gone before it is awaited";
  CHECK(*run(std::move(work)) == 7);
  CHECK(calls == 3);
  int outside = 0;  // by reference when that is what is wanted
  CHECK(run(darn::async_run(
      p,
      [](int& n) -> awaitable<void> {
        ++n;
        co_return;
      },
      std::ref(outside))));
  CHECK(outside == 1);
}

TEST_CASE("coroutines: a retry waits, by any clock") {
  darn::fake_clock clock;
  std::vector<darn::time_point> at;
  const darn::retry policy(
      {.max_attempts = 4,
       .backoff = darn::backoff::schedule({5s, 15s, 45s}, darn::jitter::none())});
  const auto begin = clock.now();
  const auto result =
      run_with(clock,
               darn::async_run(darn::pipeline(policy), {.clock = &clock},
                               [&](darn::call& c) -> awaitable<outcome<int>> {
                                 at.push_back(c.now());
                                 co_return c.attempt() < 4 ? failed() : outcome<int>(c.attempt());
                               }),
               1s);
  CHECK(*result == 4);
  REQUIRE(at.size() == 4);
  CHECK(at[1] - begin == 5s);
  CHECK(at[3] - begin == 65s);
  CHECK(policy.state().healed.value() == 1);
  CHECK(clock.timers() == 0);
}

TEST_CASE("coroutines: with_retry_async") {
  int calls = 0;
  const auto f = [&](int n) -> awaitable<int> {
    if (++calls < 3) {
      throw boost::system::system_error(asio::error::connection_reset);
    }
    co_return n;
  };
  CHECK(*run(darn::with_retry_async({.max_retries = 3, .base_delay = 1ms}, f, 8)) == 8);
  calls = -100;
  const auto bad = run(darn::with_retry_async({.max_retries = 2, .base_delay = 1ms}, f, 8));
  CHECK(bad.error().attempts == 3);
  CHECK(bad.error().decided_by == "retry");
}

TEST_CASE("amplification across nested retries") {
  int calls = 0;
  const auto inner = darn::pipeline(darn::retry({.max_attempts = 3, .backoff = kSoon}));
  const auto call_inner = [&]() -> awaitable<outcome<int>> {
    auto result = co_await darn::async_run(inner, [&]() -> awaitable<outcome<int>> {
      ++calls;
      co_return failed();
    });
    co_return result;
  };
  CHECK_FALSE(run(darn::async_run(inner, call_inner)));
  CHECK(calls == 3);  // not 9
  const auto throw_inner = [&]() -> awaitable<int> {
    auto result = co_await call_inner();
    if (!result) {
      throw darn::failure(result.error());
    }
    co_return *result;
  };
  CHECK_FALSE(run(darn::async_run(inner, throw_inner)));
  CHECK(calls == 6);
}

TEST_CASE("coroutines: a timeout cancels what hangs, and an attempt's only that attempt") {
  int inside = 0;
  const darn::timeout policy(10ms);
  const auto late = run(
      darn::async_run(darn::pipeline(policy), [&]() -> awaitable<int> { return hang(inside); }));
  CHECK(late.error().code == "timeout");
  CHECK(late.error().ambiguous);
  CHECK(inside == 0);  // waited for
  const auto p =
      darn::pipeline(darn::retry({.max_attempts = 3, .backoff = kSoon, .attempt_timeout = 10ms}));
  const auto healed = run(darn::async_run(p, [&](darn::call& c) -> awaitable<int> {
    if (c.attempt() < 3) {
      co_await hang(inside);
    }
    co_return c.attempt();
  }));
  CHECK(*healed == 3);
  // One that does not listen to Asio hears it from the token; a fake clock counts, too.
  darn::fake_clock clock;
  const auto polled =
      run_with(clock, darn::async_run(darn::pipeline(darn::timeout(1min)), {.clock = &clock},
                                      [](darn::call& c) -> awaitable<int> {
                                        while (!c.stop_requested()) {
                                          co_await asio::post(asio::use_awaitable);
                                          c.clock().sleep_until(c.now() + 1s, {});
                                        }
                                        co_return 1;
                                      }));
  CHECK(polled.error().code == "timeout");
}

TEST_CASE("hedge loser left running") {
  int inside = 0;
  const darn::hedge policy({.delay = 1ms, .max_hedges = 2});
  const auto p = darn::pipeline(policy);
  for (const int winner : {0, 1, 2}) {
    const auto result = run(darn::async_run(p, [&](darn::call& c) -> awaitable<int> {
      const int me = c.hedge();
      if (me != winner) {
        co_await hang(inside);
      }
      while (winner == 0 && inside < 2) {
        co_await pause(1ms);
      }
      co_return me;
    }));
    CHECK(*result == winner);
    CHECK(inside == 0);
  }
  CHECK(policy.state().won.value() == 2);
  // A copy that fails does not win; when all fail, the first one's error counts.
  const auto worst = run(darn::async_run(p, [&](darn::call& c) -> awaitable<outcome<int>> {
    const int me = c.hedge();
    co_await pause(me == 0 ? 20ms : 1ms);
    co_return failed(flaky(std::to_string(me)));
  }));
  CHECK(worst.error().code == "0");
  // A second one that fails at once does not stop the first.
  CHECK(*run(darn::async_run(p, [&](darn::call& c) -> awaitable<outcome<int>> {
    if (c.hedge() != 0) {
      co_return failed();
    }
    co_await pause(20ms);
    co_return 5;
  })) == 5);
}

TEST_CASE("coroutines: a substitute may be a coroutine") {
  const auto fails = []() -> awaitable<outcome<int>> { co_return failed(); };
  const auto slow = [](const error& why) -> awaitable<int> {
    co_await pause(1ms);
    co_return std::stoi(why.code);
  };
  CHECK(*run(darn::async_run(darn::pipeline(darn::fallback(slow)), fails)) == 503);
  const auto throws = []() -> awaitable<int> {
    throw std::runtime_error("no cache");
    co_return 0;
  };
  CHECK(*run(darn::async_run(darn::pipeline(darn::fallback(throws, [] { return 6; })), fails)) ==
        6);
  CHECK(*run(darn::async_run(darn::pipeline(darn::fallback(throws, 7)), fails)) == 7);
  CHECK(run(darn::async_run(darn::pipeline(darn::fallback(throws)), fails)).error().code == "503");
}

TEST_CASE("coroutines: limits let in, queue and turn away") {
  const auto two_at_once = [](const auto& p, auto& threads) {
    return run(
        [](auto& pipeline) -> awaitable<int> {
          const auto ex = co_await asio::this_coro::executor;
          std::atomic<int> ended{0};
          std::atomic<int> good{0};
          std::atomic<int> inside{0};
          for (int i = 0; i < 8; ++i) {
            asio::co_spawn(
                ex,
                [&]() -> awaitable<void> {
                  const auto result = co_await darn::async_run(pipeline, [&]() -> awaitable<void> {
                    CHECK(++inside <= 2);
                    co_await pause(1ms);
                    --inside;
                  });
                  good += result ? 1 : 0;
                  ++ended;
                },
                asio::detached);
          }
          while (ended < 8) {
            co_await pause(1ms);
          }
          co_return good.load();
        }(p),
        threads);
  };
  for (const int threads : {1, 3}) {
    const darn::bulkhead room({.max_concurrent = 2, .max_queue = 6});
    CHECK(two_at_once(darn::pipeline(room), threads) == 8);
    CHECK(room.in_use() == 0);
    CHECK(room.queued() == 0);
    const darn::bulkhead small({.max_concurrent = 2, .max_queue = 1});
    CHECK(two_at_once(darn::pipeline(small), threads) >= 3);
    CHECK(small.in_use() == 0);
  }
  darn::fake_clock clock;
  const darn::rate_limiter limiter({.rate = 1, .max_wait = 1min});
  const auto begin = clock.now();
  for (int i = 0; i < 3; ++i) {
    CHECK(run_with(clock, darn::async_run(darn::pipeline(limiter), {.clock = &clock},
                                          []() -> awaitable<void> { co_return; })));
  }
  CHECK(clock.now() - begin >= 2s);
  CHECK(clock.now() - begin < 3s);
}

TEST_CASE("coroutines: the others, in one pipeline") {
  const auto breaker = darn::circuit_breaker({.window_calls = 4, .minimum_calls = 4});
  const darn::concurrency_limit limit;
  const auto p = darn::pipeline(
      breaker, darn::adaptive_throttle({.overload = [](const error&) { return false; }}), limit,
      darn::fail_when([](int n) { return n < 0; }));
  for (int i = 0; i < 4; ++i) {
    CHECK(run(darn::async_run(p, []() -> awaitable<int> { co_return -1; })).error().code !=
          "circuit_open");
  }
  CHECK(run(darn::async_run(p, []() -> awaitable<int> { co_return 1; })).error().code ==
        "circuit_open");
  CHECK(limit.in_flight() == 0);
  const auto fine = []() -> awaitable<int> { co_return 1; };
  const darn::chaos monkey({.delay_rate = 1, .delay = 1h, .error_rate = 1});
  darn::fake_clock clock;
  const auto begin = clock.now();
  const auto bitten =
      run_with(clock, darn::async_run(darn::pipeline(monkey), {.clock = &clock}, fine), 1min);
  CHECK(bitten.error().code == "chaos");
  CHECK(clock.now() - begin == 1h);
  const auto other = darn::chaos({.result_rate = 1}).with_result([] { return 9; });
  CHECK(*run(darn::async_run(darn::pipeline(other), fine)) == 9);
  other.enable(false);
  CHECK(*run(darn::async_run(darn::pipeline(other), fine)) == 1);
}

TEST_CASE("coroutines: a server that refuses, then answers; one that hangs") {
  asio::io_context names;
  tcp::acceptor port(names, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  const tcp::endpoint where = port.local_endpoint();
  port.close();  // refused from now on
  const auto client = [where]() -> awaitable<std::string> {
    tcp::socket socket(co_await asio::this_coro::executor);
    co_await socket.async_connect(where, asio::use_awaitable);
    std::string answer(2, ' ');
    co_await asio::async_read(socket, asio::buffer(answer), asio::use_awaitable);
    co_return answer;
  };
  int refused = 0;
  const auto p =
      darn::pipeline(darn::timeout(5s), darn::retry({.max_attempts = 50,
                                                     .backoff = darn::backoff::constant(5ms),
                                                     .attempt_timeout = 50ms,
                                                     .on_retry = [&](const auto& event) {
                                                       refused += event.why->code == "ECONNREFUSED";
                                                     }}));
  const auto serve_late = [&]() -> awaitable<outcome<std::string>> {
    const auto ex = co_await asio::this_coro::executor;
    asio::co_spawn(
        ex,
        [&]() -> awaitable<void> {
          while (refused < 2) {
            co_await pause(1ms);
          }
          tcp::acceptor late(co_await asio::this_coro::executor, where);
          tcp::socket hangs = co_await late.async_accept(asio::use_awaitable);
          tcp::socket answers = co_await late.async_accept(asio::use_awaitable);
          co_await asio::async_write(answers, asio::buffer("ok", 2), asio::use_awaitable);
        },
        asio::detached);
    auto result = co_await darn::async_run(p, client);
    co_return result;
  };
  const auto answer = run(serve_late());
  REQUIRE_MESSAGE(answer, answer.error().text());
  CHECK(*answer == "ok");
  CHECK(refused >= 2);
}

TEST_CASE("coroutines: policies that were read from a text") {
  darn::fake_clock clock;
  const auto configured = darn::any_pipeline::parse(
      "timeout(1m) > retry(4, backoff=constant(2s, jitter=none), attempt_timeout=5s) > "
      "bulkhead(1)");
  REQUIRE(configured);
  int calls = 0;
  int inside = 0;
  const auto began = clock.now();
  const auto answer =
      run_with(clock,
               darn::async_run(darn::pipeline(darn::fallback(-2), *configured), {.clock = &clock},
                               [&]() -> awaitable<int> {
                                 if (++calls == 1) {  // cut off after 5 s
                                   const int never = co_await hang(inside);
                                   co_return never;
                                 }
                                 if (calls == 2) {
                                   throw darn::failure(flaky());
                                 }
                                 co_return 7;
                               }),
               100ms);
  CHECK(answer == 7);
  CHECK(calls == 3);
  CHECK(inside == 0);
  CHECK(clock.now() - began >= 9s);  // 5 s, 2 s, 2 s
  CHECK(clock.now() - began < 10s);
}
