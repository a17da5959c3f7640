// fail_when(pred): makes an error of a result that only looks like a success, so that the policies
// outside retry it and count it. pred takes const T& and returns bool, or std::optional<error> to
// say more: how bad it is, what a server's Retry-After was. A handle, as thread-safe as pred.
//
//   darn::pipeline(darn::retry(), darn::fail_when([](const Page& p) { return p.status >= 500; }))
#pragma once

#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "darn/call.hpp"
#include "darn/metrics.hpp"
#include "darn/order.hpp"
#include "darn/outcome.hpp"

namespace darn {

template <class Predicate>
class fail_when_policy {
 public:
  static constexpr darn::layer layer = darn::layer::fail_when;

  explicit fail_when_policy(Predicate predicate)
      : state_(std::make_shared<State>(std::move(predicate))) {}

  template <class Next>
  auto run(call& c, Next&& next) const -> decltype(next(c)) {
    auto result = next(c);
    judge(result);
    return result;
  }

  template <class Outcome>
  void judge(Outcome& result) const {
    if (!result) {
      return;
    }
    const auto verdict = state_->predicate(std::as_const(*result));
    if constexpr (std::is_same_v<decltype(verdict), const bool>) {
      if (verdict) {
        state_->failed.add();
        result = unexpected<error>(
            error{.category = category::transient, .code = "bad_result", .ambiguous = true});
      }
    } else if (verdict) {
      state_->failed.add();
      result = unexpected<error>(*verdict);
    }
  }

  void collect(metrics& into) const {
    into.add("darn_bad_results_total", "Results that were taken for failures", "", state_->failed);
  }
  std::string text() const { return "fail_when"; }

 private:
  struct State {
    explicit State(Predicate p) : predicate(std::move(p)) {}
    Predicate predicate;
    counter failed;
  };
  std::shared_ptr<State> state_;
};

template <class Predicate>
fail_when_policy<std::decay_t<Predicate>> fail_when(Predicate&& predicate) {
  return fail_when_policy<std::decay_t<Predicate>>(std::forward<Predicate>(predicate));
}

}  // namespace darn
