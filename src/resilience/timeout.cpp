#include "darn/timeout.hpp"

namespace darn {
namespace detail {

error timeout_error(duration after, std::string_view who) {
  return {.category = category::timeout,
          .severity = severity::medium,
          .code = "timeout",
          .message = "no answer within " + to_string(after),
          .decided_by = who,
          .ambiguous = true};
}

}  // namespace detail

timeout::timeout(duration after, std::string_view name) : state_(std::make_shared<State>()) {
  state_->after = std::max(after, duration{0});
  state_->who = intern(name.empty() ? "timeout" : "timeout " + std::string(name));
}

void timeout::collect(metrics& into) const {
  into.add("darn_timeouts_total", "Calls that were given up because no answer came in time",
           metric_label("policy", state_->who), state_->timeouts);
}

std::string timeout::text() const { return "timeout(" + to_string(state_->after) + ")"; }

}  // namespace darn
