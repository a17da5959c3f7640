// timeout: nobody waits longer than this for an answer. Handle, thread-safe.
//
// A thread cannot be interrupted from outside: a callee that takes a std::stop_token or a
// darn::call& is told to stop at the deadline, and what it returns after it counts as a timeout;
// one that takes neither runs to its end, and only the result is refused. Outside retry it bounds
// all attempts together, inside it each one.
#pragma once

#include <algorithm>
#include <memory>

#include "darn/backoff.hpp"
#include "darn/call.hpp"
#include "darn/metrics.hpp"
#include "darn/order.hpp"
#include "darn/outcome.hpp"

namespace darn {
namespace detail {

error timeout_error(duration after, std::string_view who);

template <class Next>
auto run_with_timeout(call& c, duration after, std::string_view who, Next& next)
    -> decltype(next(c)) {
  const duration tick = c.coarse_tick();
  const bool coarse = after >= kCoarseTicks * tick;
  const time_point began = coarse ? c.coarse_now() + tick : c.now();
  const time_point latest = after < time_point::max() - began ? began + after : time_point::max();
  const time_point deadline = std::min(c.deadline(), latest);
  const auto late = [&] {
    return deadline != time_point::max() && (coarse ? c.coarse_now() : c.now()) >= deadline;
  };
  auto run = [&](stop_scope& scope) {
    const auto outside = c.enter({&scope, deadline});
    auto result = next(c);
    c.enter(outside);
    return result;
  };
  auto result = [&] {
    if (!c.wants_stop()) {
      return run(c.scope());
    }
    stop_scope scope(c.scope(), c.clock(), deadline);
    return run(scope);
  }();
  // Whatever came too late is a timeout; but a refusal stays, because nothing was asked.
  if (late() && (result || !result.error().rejected)) {
    result = unexpected<error>(timeout_error(after, who));
  }
  return result;
}

}  // namespace detail

class timeout {
 public:
  static constexpr darn::layer layer = darn::layer::timeout;

  explicit timeout(duration after, std::string_view name = {});

  template <class Next>
  auto run(call& c, Next&& next) const -> decltype(next(c)) {
    auto result = detail::run_with_timeout(c, state_->after, state_->who, next);
    if (!result && result.error().decided_by.data() == state_->who.data()) {
      state_->timeouts.add();
    }
    return result;
  }

  duration after() const { return state_->after; }
  void collect(metrics& into) const;
  std::string text() const;  // "timeout(2s)"

 private:
  struct State {
    duration after;
    std::string_view who;
    counter timeouts;
  };
  std::shared_ptr<State> state_;
};

}  // namespace darn
