#include "darn/concurrency_limit.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <map>
#include <thread>
#include <vector>

#include "darn/pipeline.hpp"
#include "darn/testing.hpp"
#include "support/lone_call.hpp"
#include "support/property.hpp"

using namespace std::chrono_literals;
using algorithm = darn::concurrency_limit_options::algorithm;
using darn::category;
using darn::duration;
using darn::error;
using darn::outcome;
using darn::time_point;
using darn::test::lone_call;

namespace {

outcome<int> overloaded(category c) { return darn::unexpected<error>(error{.category = c}); }

// A server that works on `capacity` calls at a time, first come first served, asked by as many
// callers as are let in.
class Server {
 public:
  Server(const darn::concurrency_limit& limit, bool even) : limit_(limit), even_(even) {}

  void slow_down(int factor) { slowness_ = factor; }

  // The average limit over the second half of so many calls.
  double serve(std::size_t capacity, int calls, int callers = 1'000'000) {
    workers_.assign(capacity, clock_.now());
    double sum = 0;
    for (int done = 0; done < calls; ++done) {
      while (static_cast<int>(inside_.size()) < callers) {
        auto ticket = limit_.enter(call_);
        if (!ticket) {
          break;
        }
        time_point& worker = *std::min_element(workers_.begin(), workers_.end());
        worker = std::max(worker, clock_.now()) + work();
        inside_.emplace(worker, std::move(*ticket));
      }
      const auto first = inside_.begin();
      clock_.advance(std::max(first->first - clock_.now(), duration{0}));
      first->second.leave(call_, nullptr);
      inside_.erase(first);
      sum += done >= calls / 2 ? limit_.limit() : 0;
    }
    return sum / (calls - calls / 2);
  }

 private:
  duration work() {
    const double unit = darn::detail::unit_interval(random_.next());
    const auto spread = even_ ? 2'000 * unit : -10'000 * std::log(1 - unit);
    return slowness_ * ((even_ ? 9ms : 1ms) + std::chrono::microseconds{std::lround(spread)});
  }

  const darn::concurrency_limit& limit_;
  bool even_;
  int slowness_ = 1;
  darn::fake_clock clock_;
  darn::seeded_random random_{5};
  lone_call call_{{.clock = &clock_}};
  std::vector<time_point> workers_;
  std::multimap<time_point, darn::concurrency_limit::ticket> inside_;
};

}  // namespace

TEST_CASE("the limit finds a server's capacity, and finds it again when it changes") {
  constexpr int kCalls = 40'000;
  SUBCASE("aimd, by a target for the latency") {
    const darn::concurrency_limit limit({.how = algorithm::aimd, .most = 1000, .target = 15ms});
    Server server(limit, true);
    for (const std::size_t capacity : {40U, 10U, 150U}) {
      const double found = server.serve(capacity, kCalls);
      CHECK(found > 0.9 * static_cast<double>(capacity));
      CHECK(found < 1.5 * static_cast<double>(capacity));
    }
  }
  const auto by_gradient = [](bool even) {
    const darn::concurrency_limit limit({.how = algorithm::gradient, .most = 1000});
    Server server(limit, even);
    for (const std::size_t capacity : {40U, 10U, 150U}) {
      const double found = server.serve(capacity, kCalls);
      CHECK(found > 0.9 * static_cast<double>(capacity));
      CHECK(found < 2.5 * static_cast<double>(capacity));
    }
  };
  SUBCASE("gradient, by how the latency grows") { by_gradient(true); }
  SUBCASE("gradient, the latency being all over the place") { by_gradient(false); }
}

TEST_CASE("an overload that lasts does not become the new normal") {
  const darn::concurrency_limit limit({.how = algorithm::gradient, .most = 1000});
  Server server(limit, true);
  CHECK(server.serve(20, 400'000) < 50);
}

TEST_CASE("a server that has become slower for good gets its limit back") {
  const darn::concurrency_limit limit({.how = algorithm::gradient, .most = 1000});
  Server server(limit, true);
  server.serve(40, 20'000);
  server.slow_down(4);
  CHECK(server.serve(40, 40'000) > 36);
}

TEST_CASE("the limit does not swing between least and most") {
  const darn::concurrency_limit limit({.how = algorithm::gradient, .most = 1000});
  Server server(limit, true);
  server.serve(40, 20'000);
  for (int i = 0; i < 50; ++i) {
    const double found = server.serve(40, 400);
    CHECK(found > 15);  // a look at the latency without a queue narrows it for a moment
    CHECK(found < 100);
  }
}

TEST_CASE("a limit that nobody uses does not grow") {
  for (const algorithm how : {algorithm::aimd, algorithm::gradient}) {
    const darn::concurrency_limit limit({.how = how, .initial = 20, .most = 1000});
    Server server(limit, true);
    server.serve(100, 5'000, 5);
    CHECK(limit.limit() == 20);
  }
}

TEST_CASE("one overload that many calls tell of shrinks the limit once") {
  darn::fake_clock clock;
  for (const algorithm how : {algorithm::aimd, algorithm::gradient}) {
    const darn::concurrency_limit limit({.how = how, .initial = 100, .decrease = 0.5});
    lone_call c({.clock = &clock});
    std::vector<darn::concurrency_limit::ticket> inside;
    while (auto ticket = limit.enter(c)) {
      inside.push_back(std::move(*ticket));
    }
    CHECK(inside.size() == 100);
    const error late{.category = category::timeout};
    for (auto& ticket : inside) {
      clock.advance(1ms);
      ticket.leave(c, &late);
    }
    CHECK(limit.limit() == 50);
    CHECK(limit.in_flight() == 0);
  }
}

TEST_CASE("answers, refusals and cancelled calls do not shrink the limit") {
  const darn::concurrency_limit limit({.initial = 10});
  const auto p = darn::pipeline(limit);
  for (int i = 0; i < 100; ++i) {
    CHECK_FALSE(p.run([] { return overloaded(category::permanent); }));
    CHECK_FALSE(p.run([] { return overloaded(category::network); }));
    CHECK_FALSE(p.run([]() -> outcome<int> {
      return darn::unexpected<error>(error{.category = category::rate_limit, .rejected = true});
    }));
    lone_call c({});
    (void)limit.enter(c);
    std::stop_source stop;
    CHECK_FALSE(p.run({.stop = stop.get_token()}, [&] {
      stop.request_stop();
      return overloaded(category::timeout);
    }));
  }
  CHECK(limit.limit() == 10);
  CHECK(limit.in_flight() == 0);
  CHECK_FALSE(p.run([] { return overloaded(category::rate_limit); }));
  CHECK(limit.limit() < 10);
}

TEST_CASE("never more at a time than the limit, and none is lost among many threads") {
  const darn::concurrency_limit limit({.initial = 3, .least = 3, .most = 3});
  const auto p = darn::pipeline(limit);
  std::atomic<int> inside{0};
  std::atomic<bool> too_many{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        (void)p.run([&] {
          too_many = too_many || ++inside > 3;
          std::this_thread::yield();
          --inside;
          if (i % 7 == 0) {
            throw std::runtime_error("x");
          }
        });
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  CHECK_FALSE(too_many);
  CHECK(limit.in_flight() == 0);
}
