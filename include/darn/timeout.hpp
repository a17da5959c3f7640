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

// What a timeout decides about one call: until when it may take, and whether it was late. How it is
// told to stop (a thread, a coroutine) stands outside.
class time_limit {
 public:
  time_limit(const call& c, duration after)
      : after_(after), coarse_(after >= kCoarseTicks * c.coarse_tick()) {
    const time_point began = coarse_ ? c.coarse_now() + c.coarse_tick() : c.now();
    const time_point latest = after < time_point::max() - began ? began + after : time_point::max();
    deadline_ = std::min(c.deadline(), latest);
  }

  time_point deadline() const { return deadline_; }
  bool late(const call& c) const {
    return deadline_ != time_point::max() && (coarse_ ? c.coarse_now() : c.now()) >= deadline_;
  }
  // Whatever came too late is a timeout; but a refusal stays, because nothing was asked.
  template <class Outcome>
  void judge(Outcome& result, bool late, std::string_view who) const {
    if (late && (result || !result.error().rejected)) {
      result = unexpected<error>(timeout_error(after_, who));
    }
  }

 private:
  duration after_;
  bool coarse_;
  time_point deadline_;
};

template <class Next>
auto run_with_timeout(call& c, duration after, std::string_view who, Next& next)
    -> decltype(next(c)) {
  const time_limit limit(c, after);
  auto run = [&](stop_scope& scope) {
    const auto outside = c.enter({&scope, limit.deadline()});
    auto result = next(c);
    c.enter(outside);
    return result;
  };
  auto result = [&] {
    if (!c.wants_stop()) {
      return run(c.scope());
    }
    stop_scope scope(c.scope(), c.clock(), limit.deadline());
    return run(scope);
  }();
  limit.judge(result, limit.late(c), who);
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
    count(result);
    return result;
  }

  // Counts a result that is this timeout's.
  template <class Outcome>
  void count(const Outcome& result) const {
    if (!result && result.error().decided_by.data() == state_->who.data()) {
      state_->timeouts.add();
    }
  }

  duration after() const { return state_->after; }
  std::string_view who() const { return state_->who; }
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
