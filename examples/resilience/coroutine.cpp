// Coroutines of Boost.Asio through the same policies: a server hangs at first, its answers are
// waited for without a thread, and what takes too long is cancelled.
#include <cstdio>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <darn/asio.hpp>

using namespace std::chrono_literals;
using boost::asio::awaitable;
using boost::asio::use_awaitable;
using boost::asio::ip::tcp;

// Says nothing to the first who comes, "hi" to the second.
awaitable<void> serve(tcp::acceptor& port) {
  const tcp::socket hung = co_await port.async_accept(use_awaitable);
  tcp::socket answered = co_await port.async_accept(use_awaitable);
  co_await boost::asio::async_write(answered, boost::asio::buffer("hi", 2), use_awaitable);
}

awaitable<std::string> ask(darn::call& call, tcp::endpoint where) {
  std::printf("attempt %d\n", call.attempt());
  tcp::socket socket(co_await boost::asio::this_coro::executor);
  co_await socket.async_connect(where, use_awaitable);
  std::string answer(2, ' ');
  co_await boost::asio::async_read(socket, boost::asio::buffer(answer), use_awaitable);
  co_return answer;
}

awaitable<void> talk(tcp::endpoint where) {
  const auto policy = darn::pipeline(
      darn::timeout(2s),
      darn::retry(
          {.max_attempts = 3, .backoff = darn::backoff::constant(10ms), .attempt_timeout = 100ms}));
  const darn::outcome<std::string> answer = co_await darn::async_run(policy, ask, where);
  std::printf("%s\n", answer ? answer->c_str() : answer.error().text().c_str());
}

int main() {
  boost::asio::io_context io;
  tcp::acceptor port(io, {boost::asio::ip::address_v4::loopback(), 0});
  const auto rethrow = [](const std::exception_ptr& e) {
    if (e) {
      std::rethrow_exception(e);
    }
  };
  boost::asio::co_spawn(io, serve(port), rethrow);
  boost::asio::co_spawn(io, talk(port.local_endpoint()), rethrow);
  io.run();
}
