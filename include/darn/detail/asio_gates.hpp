// What the policies that let calls in do in a coroutine: they decide as in run_gated(), and wait
// without a thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <utility>

#include "darn/adaptive_throttle.hpp"
#include "darn/bulkhead.hpp"
#include "darn/circuit_breaker.hpp"
#include "darn/concurrency_limit.hpp"
#include "darn/detail/asio_wait.hpp"
#include "darn/rate_limiter.hpp"

namespace darn {
namespace detail {

// Gates that never wait.
template <class Gate>
net::awaitable<outcome<typename Gate::ticket>> async_enter(const Gate& gate, call& c) {
  co_return gate.enter(c);
}

inline net::awaitable<outcome<rate_limiter::ticket>> async_enter(const rate_limiter& gate,
                                                                 call& c) {
  struct Turn {
    ~Turn() {
      if (!come) {
        limiter.give_back(place);
      }
    }
    const rate_limiter& limiter;
    rate_limiter::reservation place;
    bool come;
  };
  error why;
  const auto place = gate.reserve(c, why);
  if (!place) {
    co_return outcome<rate_limiter::ticket>(unexpect, std::move(why));
  }
  Turn turn{gate, *place, place->at <= c.now()};
  if (!turn.come) {
    turn.come = co_await async_sleep_until(c, place->at);
  }
  if (!turn.come) {
    co_return outcome<rate_limiter::ticket>(unexpect, gate.stopped());
  }
  co_return outcome<rate_limiter::ticket>(rate_limiter::ticket{});
}

// A place in a bulkhead's queue; leaves it, and gives back what it got, unless that is taken.
class queue_place {
 public:
  queue_place(const bulkhead& b, const rendezvous::wake& wake) : bulkhead_(b) {
    me_.admitted = [this, wake] {
      admitted_.store(true, std::memory_order_release);
      wake();
    };
    entered_ = b.enter_or_queue(me_);
    waits_ = entered_ == bulkhead::entry::queued;
  }
  ~queue_place() {
    if (waits_ && leave()) {
      (void)bulkhead_.take_place();
    }
  }
  queue_place(const queue_place&) = delete;
  queue_place& operator=(const queue_place&) = delete;

  bulkhead::entry entered() const { return entered_; }
  bool admitted() const { return admitted_.load(std::memory_order_acquire); }
  bool leave() {  // whether there is a place to be taken
    waits_ = false;
    return bulkhead_.leave_queue(me_);
  }

 private:
  const bulkhead& bulkhead_;
  bulkhead::waiter me_;
  std::atomic<bool> admitted_{false};
  bulkhead::entry entered_{};
  bool waits_ = false;
};

inline net::awaitable<outcome<bulkhead::ticket>> async_enter(const bulkhead& gate, call& c) {
  using Entered = outcome<bulkhead::ticket>;
  const net::any_io_executor strand = co_await net::this_coro::executor;
  auto at = std::make_shared<rendezvous>(strand);
  queue_place place(gate, rendezvous::wake(at));
  if (place.entered() == bulkhead::entry::full) {
    co_return Entered(unexpect, gate.full());
  }
  if (place.entered() == bulkhead::entry::queued) {
    const time_point now = c.now();
    const time_point until = now + std::min(gate.options().max_wait, c.deadline() - now);
    const std::stop_token stop = c.stop_token();
    while (!place.admitted() && !stop.stop_requested() && c.now() < until) {
      at = co_await async_wait(std::move(at), c, until, stop);
    }
    // It may have been admitted while it gave up: then it has the place, and takes it.
    if (!place.leave()) {
      co_return Entered(unexpect, gate.waited(stop.stop_requested()));
    }
  }
  co_return Entered(gate.take_place());
}

// Not a part of the coroutine: what is thread_local has to be looked up anew after a suspension,
// and compilers have kept its address over one.
template <class Ticket, class Outcome>
[[gnu::noinline]] void leave_gate(Ticket& ticket, call& c, const Outcome& result) {
  ticket.leave(c, result ? nullptr : &result.error());
}

template <class Gate, class Next>
net::awaitable<typename Next::outcome_type> async_gated(const Gate& gate, call& c, Next next) {
  using Outcome = typename Next::outcome_type;
  auto ticket = co_await async_enter(gate, c);
  if (!ticket) {
    co_return Outcome(unexpect, std::move(ticket).error());
  }
  Outcome result = co_await next(c);
  leave_gate(*ticket, c, result);
  co_return std::move(result);
}

}  // namespace detail

// Everything that has tickets (gate.hpp).
template <class Gate, class Next>
  requires requires { typename Gate::ticket; }
auto async_step(const Gate& policy, call& c, Next next) {
  return detail::async_gated(policy, c, next);
}

}  // namespace darn
