// What the tests of darn/asio.hpp share: an io_context that runs a coroutine to its end, by the
// machine's clock or by a fake one, and callees that hang.
#pragma once

#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "darn/asio.hpp"
#include "darn/testing.hpp"

namespace darn::test {

namespace asio = boost::asio;
using asio::awaitable;

// The result of a coroutine, run by some threads.
template <class T>
T run(awaitable<T> work, int threads = 1) {
  asio::io_context io;
  std::optional<T> result;
  const auto keep = [&]() -> awaitable<void> {
    T mine = co_await std::move(work);
    result.emplace(std::move(mine));
  };
  asio::co_spawn(io, keep, [](const std::exception_ptr& e) {
    if (e) {
      std::rethrow_exception(e);
    }
  });
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) {
    others.emplace_back([&] { io.run(); });
  }
  io.run();
  for (std::thread& other : others) {
    other.join();
  }
  return std::move(*result);
}

// The same by a fake clock, that goes on by `step` whenever there is nothing else to do.
template <class T>
T run_with(fake_clock& clock, awaitable<T> work, duration step = std::chrono::milliseconds{1}) {
  asio::io_context io;
  std::optional<T> result;
  const auto keep = [&]() -> awaitable<void> {
    T mine = co_await std::move(work);
    result.emplace(std::move(mine));
  };
  asio::co_spawn(io, keep, asio::detached);
  for (int i = 0; i < 1'000'000 && !result; ++i) {
    if (io.poll() == 0) {
      clock.advance(step);
    }
    io.restart();
  }
  return std::move(*result);
}

// Until it is cancelled; counts who is in here.
inline awaitable<int> hang(int& inside) {
  struct Inside {
    explicit Inside(int& n) : count(n) { ++count; }
    ~Inside() { --count; }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;
    int& count;
  };
  const Inside here(inside);
  asio::steady_timer never(co_await asio::this_coro::executor, std::chrono::hours{1});
  co_await never.async_wait(asio::use_awaitable);
  co_return -1;
}

inline awaitable<void> pause(duration d) {
  asio::steady_timer timer(co_await asio::this_coro::executor, d);
  co_await timer.async_wait(asio::use_awaitable);
}

inline error flaky(std::string code = "503") {
  return {.category = category::transient, .code = std::move(code)};
}

}  // namespace darn::test
