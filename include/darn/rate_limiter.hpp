// rate_limiter: at most so many calls per period, smoothly, with a burst when it was quiet before.
// A handle: copies share the rate. Lock-free, thread-safe.
//
// The generic cell rate algorithm (ITU-T I.371): one number, the time at which the next call would
// be on schedule, is all there is; a waiting call has its place in it, so nobody overtakes.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "darn/detail/gate.hpp"
#include "darn/metrics.hpp"
#include "darn/order.hpp"

namespace darn {

struct rate_limiter_options {
  double rate = 10;                        // calls …
  duration per = std::chrono::seconds{1};  // … in such a time; both above 0
  int burst = 1;                           // calls at once after a quiet time; 1 or more
  duration max_wait{};                     // 0: what cannot begin now is turned away
  std::string name{};
};

class rate_limiter {
 public:
  static constexpr darn::layer layer = darn::layer::rate_limiter;

  struct ticket {
    void leave(call&, const error*) {}
  };
  // A place in the schedule: the call may begin at `at`.
  struct reservation {
    time_point at;
    std::int64_t next;  // the schedule after it
  };

  explicit rate_limiter(rate_limiter_options options = {});

  template <class Next>
  auto run(call& c, Next&& next) const -> decltype(next(c)) {
    return detail::run_gated(*this, c, next);
  }
  outcome<ticket> enter(call& c) const {
    error why;
    if (!wait_turn(c, why)) {
      return unexpected<error>(std::move(why));
    }
    return ticket{};
  }

  // Without waiting: when the call may begin; nothing, and why, when that is too late for it.
  std::optional<reservation> reserve(call& c, error& why) const;
  // It will not be made after all. The time is free again if nobody has reserved after it.
  void give_back(const reservation& r) const;
  error stopped() const;

  const rate_limiter_options& options() const;
  void collect(metrics& into) const;
  std::string text() const;  // "rate_limiter(10 per 1s, burst 1)"

 private:
  bool wait_turn(call& c, error& why) const;
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace darn
