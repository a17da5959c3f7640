#include "darn/adaptive_throttle.hpp"

#include <algorithm>

#include "darn/backoff.hpp"
#include "darn/detail/gate_error.hpp"
#include "darn/detail/recent.hpp"
#include "resilience/number_text.hpp"

namespace darn {

struct adaptive_throttle::State {
  explicit State(adaptive_throttle_options o)
      : options(std::move(o)),
        who(intern(options.name.empty() ? "adaptive_throttle"
                                        : "adaptive_throttle " + options.name)),
        requests(options.window),
        accepts(options.window) {}

  double probability(time_point now) const {
    const auto asked = static_cast<double>(requests.count(now));
    const auto accepted = static_cast<double>(accepts.count(now));
    return std::max(0.0, (asked - options.k * accepted) / (asked + 1));
  }

  adaptive_throttle_options options;
  std::string_view who;
  detail::recent requests;  // those refused here count, too
  detail::recent accepts;
  counter admitted;
  counter refused;
};

adaptive_throttle::adaptive_throttle(adaptive_throttle_options options)
    : state_(std::make_shared<State>(std::move(options))) {}

bool adaptive_throttle::admit(State& s, call& c, time_point now, error& why) {
  const double p = s.probability(now);
  s.requests.add(now);
  if (p > 0 && detail::unit_interval(c.random()) < p) {
    s.refused.add();
    why = detail::refusal("throttled", s.who);
    return false;
  }
  s.admitted.add();
  return true;
}

void adaptive_throttle::end(State& s, call& c, const error* e, time_point began) {
  if (e != nullptr && (e->rejected || c.abandoned())) {
    forget(s, began);  // the other side was not asked, or not waited for
    return;
  }
  const bool overload = e != nullptr && (s.options.overload ? s.options.overload(*e)
                                                            : e->category != category::permanent);
  if (!overload) {
    s.accepts.add(c.coarse_now());
  }
}

void adaptive_throttle::forget(State& s, time_point began) { s.requests.take_back(began); }

double adaptive_throttle::rejection_probability(time_point now) const {
  return state_->probability(now);
}

void adaptive_throttle::collect(metrics& into) const {
  const std::string label = metric_label("policy", state_->who);
  into.add("darn_adaptive_throttle_admitted_total", "Calls let through", label, state_->admitted);
  into.add("darn_adaptive_throttle_refused_total", "Calls refused here", label, state_->refused);
}

std::string adaptive_throttle::text() const {
  const adaptive_throttle_options& o = state_->options;
  return "adaptive_throttle(" + (o.name.empty() ? "" : o.name + ": ") + "k " + short_number(o.k) +
         ", over " + to_string(o.window) + ")";
}

}  // namespace darn
