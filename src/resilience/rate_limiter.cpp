#include "darn/rate_limiter.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "darn/backoff.hpp"
#include "darn/detail/gate_error.hpp"
#include "resilience/number_text.hpp"

namespace darn {

struct rate_limiter::State {
  rate_limiter_options options;
  std::string_view who;
  std::int64_t interval = 1;   // ns between calls on schedule
  std::int64_t tolerance = 0;  // ns that a call may come ahead of it
  std::atomic<std::int64_t> next{std::numeric_limits<std::int64_t>::min()};
  counter admitted;
  counter waited;
  counter refused;
};

rate_limiter::rate_limiter(rate_limiter_options options) : state_(std::make_shared<State>()) {
  State& s = *state_;
  s.options = std::move(options);
  s.who = intern(s.options.name.empty() ? "rate_limiter" : "rate_limiter " + s.options.name);
  constexpr double kLongest = 1e17;  // three years between calls
  // A rate that makes no sense lets nearly nothing through, rather than everything.
  const bool sound = s.options.rate > 0 && s.options.per > duration{0};
  const double interval =
      sound ? static_cast<double>(s.options.per.count()) / s.options.rate : kLongest;
  s.interval =
      interval > 1 ? static_cast<std::int64_t>(std::ceil(std::min(interval, kLongest))) : 1;
  const double ahead = static_cast<double>(s.interval) * std::max(s.options.burst - 1, 0);
  s.tolerance = static_cast<std::int64_t>(std::min(ahead, kLongest));
}

std::optional<rate_limiter::reservation> rate_limiter::reserve(call& c, error& why) const {
  State& s = *state_;
  const time_point now = c.now();
  const std::int64_t at = now.time_since_epoch().count();
  std::int64_t next = s.next.load(std::memory_order_relaxed);
  for (;;) {
    const std::int64_t on_schedule = std::max(next, at);
    const std::int64_t start = std::max(at, on_schedule - s.tolerance);
    const duration wait{start - at};
    if (wait > s.options.max_wait || (wait > duration{0} && now + wait >= c.deadline())) {
      s.refused.add();
      why = detail::refusal("rate_limited", s.who, wait);
      return std::nullopt;
    }
    if (s.next.compare_exchange_weak(next, on_schedule + s.interval, std::memory_order_relaxed)) {
      s.admitted.add();
      if (wait > duration{0}) {
        s.waited.add();
      }
      return reservation{now + wait, on_schedule + s.interval};
    }
  }
}

void rate_limiter::give_back(const reservation& r) const {
  std::int64_t mine = r.next;
  state_->next.compare_exchange_strong(mine, r.next - state_->interval, std::memory_order_relaxed);
}

error rate_limiter::stopped() const { return detail::gave_up_waiting(state_->who, true); }

bool rate_limiter::wait_turn(call& c, error& why) const {
  const auto place = reserve(c, why);
  if (!place) {
    return false;
  }
  if (place->at > c.now() && !c.sleep_until(place->at)) {
    give_back(*place);
    why = stopped();
    return false;
  }
  return true;
}

const rate_limiter_options& rate_limiter::options() const { return state_->options; }

void rate_limiter::collect(metrics& into) const {
  const std::string label = metric_label("policy", state_->who);
  into.add("darn_rate_limiter_admitted_total", "Calls that got a place", label, state_->admitted);
  into.add("darn_rate_limiter_waited_total", "Of these, calls that had to wait", label,
           state_->waited);
  into.add("darn_rate_limiter_refused_total", "Calls turned away", label, state_->refused);
}

std::string rate_limiter::text() const {
  const rate_limiter_options& o = state_->options;
  return "rate_limiter(" + (o.name.empty() ? "" : o.name + ": ") + short_number(o.rate) + " per " +
         to_string(o.per) + ", burst " + std::to_string(o.burst) + ")";
}

}  // namespace darn
