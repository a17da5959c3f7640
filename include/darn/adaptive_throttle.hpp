// adaptive_throttle: a client that is being turned away sends less, before anybody else has to
// refuse it. A call is refused here with probability max(0, (requests - k * accepts) / (requests +
// 1)) over the last two minutes. From "Site Reliability Engineering" (Google, 2016), chapter 21. A
// handle: copies share the counts. Lock-free, thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "darn/detail/gate.hpp"
#include "darn/metrics.hpp"
#include "darn/order.hpp"

namespace darn {

struct adaptive_throttle_options {
  double k = 2;  // how many requests are sent for one that is accepted; above 1
  duration window = std::chrono::minutes{2};
  // Which errors mean "not accepted"; none: all but permanent ones, which are answers. Calls that
  // were stopped or refused further in say nothing and are not counted.
  std::function<bool(const error&)> overload{};
  std::string name{};
};

class adaptive_throttle {
 public:
  static constexpr darn::layer layer = darn::layer::adaptive_throttle;
  class ticket;

  explicit adaptive_throttle(adaptive_throttle_options options = {});

  template <class Next>
  auto run(call& c, Next&& next) const -> decltype(next(c)) {
    return detail::run_gated(*this, c, next);
  }
  outcome<ticket> enter(call& c) const;

  double rejection_probability(time_point now) const;
  void collect(metrics& into) const;
  std::string text() const;  // "adaptive_throttle(k 2, over 2m)"

 private:
  struct State;
  static bool admit(State& s, call& c, time_point now, error& why);
  static void end(State& s, call& c, const error* e, time_point began);
  static void forget(State& s, time_point began);
  std::shared_ptr<State> state_;
};

class adaptive_throttle::ticket {
 public:
  ticket(ticket&& other) noexcept
      : state_(std::exchange(other.state_, nullptr)), began_(other.began_) {}
  ticket& operator=(ticket&&) = delete;
  ~ticket() {
    if (state_ != nullptr) {
      forget(*state_, began_);
    }
  }
  void leave(call& c, const error* e) { end(*std::exchange(state_, nullptr), c, e, began_); }

 private:
  friend class adaptive_throttle;
  ticket(State* state, time_point began) : state_(state), began_(began) {}
  State* state_;
  time_point began_;
};

inline outcome<adaptive_throttle::ticket> adaptive_throttle::enter(call& c) const {
  error why;
  const time_point now = c.coarse_now();
  if (!admit(*state_, c, now, why)) {
    return unexpected<error>(std::move(why));
  }
  return ticket(state_.get(), now);
}

}  // namespace darn
