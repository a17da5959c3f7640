// adaptive_throttle: a client that is being turned away sends less, before anybody else has to
// refuse it. A call is refused here with probability max(0, (requests - k * accepts) / (requests +
// 1)) over the last two minutes. From "Site Reliability Engineering" (Google, 2016), chapter 21. A
// handle: copies share the counts. Lock-free, thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "darn/detail/gate.hpp"
#include "darn/metrics.hpp"
#include "darn/order.hpp"

namespace darn {

struct adaptive_throttle_options {
  double k = 2;  // how many requests are sent for one that is accepted; above 1
  duration window = std::chrono::minutes{2};
  // Which errors mean "not accepted"; none: all but permanent ones, which are answers.
  std::function<bool(const error&)> overload;
  std::string name;
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
  static bool admit(State& s, call& c, error& why);
  static void end(State& s, call& c, const error* e);
  std::shared_ptr<State> state_;
};

class adaptive_throttle::ticket {
 public:
  void leave(call& c, const error* e) { end(*state_, c, e); }

 private:
  friend class adaptive_throttle;
  explicit ticket(State* state) : state_(state) {}
  State* state_;
};

inline outcome<adaptive_throttle::ticket> adaptive_throttle::enter(call& c) const {
  error why;
  if (!admit(*state_, c, why)) {
    return unexpected<error>(std::move(why));
  }
  return ticket(state_.get());
}

}  // namespace darn
