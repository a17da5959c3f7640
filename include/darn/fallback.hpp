// fallback(f1, f2, …): what to answer when the call has failed: other sources in turn, or a value.
// The first that succeeds counts; when none does, the error is that of the call itself, never that
// of a substitute. Not when the caller wanted out. A handle, as thread-safe as its callables.
//
//   darn::pipeline(darn::fallback(read_cache, Page{"please come back later"}), darn::retry())
//
// An alternative takes nothing or const darn::error&, and returns what the callee returns, or an
// outcome of it; what cannot be called is the value itself.
#pragma once

#include <functional>
#include <memory>
#include <tuple>
#include <utility>

#include "darn/call.hpp"
#include "darn/detail/no_throw.hpp"
#include "darn/metrics.hpp"
#include "darn/order.hpp"
#include "darn/outcome.hpp"

namespace darn {
namespace detail {

// outcome<T> of one alternative; what it throws is its error.
template <class Outcome, class F>
Outcome try_alternative(F& f, const error& why) {
  const auto as_outcome = [](auto&& invoke) -> Outcome {
    if constexpr (std::is_void_v<decltype(invoke())>) {
      invoke();
      return Outcome();
    } else {
      return Outcome(invoke());
    }
  };
  return no_throw<Outcome>([&]() -> Outcome {
    if constexpr (std::is_invocable_v<F&, const error&>) {
      return as_outcome([&]() -> decltype(auto) { return f(why); });
    } else if constexpr (std::is_invocable_v<F&>) {
      return as_outcome([&]() -> decltype(auto) { return f(); });
    } else {
      return Outcome(f);
    }
  });
}

struct fallback_state {
  std::function<bool(const error&)> when;
  counter used;
  counter failed;
};

}  // namespace detail

template <class... Alternatives>
class fallback_policy {
 public:
  static constexpr darn::layer layer = darn::layer::fallback;

  explicit fallback_policy(Alternatives... alternatives)
      : alternatives_(std::make_shared<std::tuple<Alternatives...>>(std::move(alternatives)...)) {}

  // Only for errors of which pred(error) says so.
  fallback_policy when(std::function<bool(const error&)> pred) const {
    fallback_policy copy = *this;
    copy.state_ = std::make_shared<detail::fallback_state>();
    copy.state_->when = std::move(pred);
    return copy;
  }

  template <class Next>
  auto run(call& c, Next&& next) const -> decltype(next(c)) {
    auto result = next(c);
    if (result || !wanted(c, result.error())) [[likely]] {
      return result;
    }
    const error why = result.error();
    const auto try_one = [&](auto& alternative) {
      auto other = detail::try_alternative<decltype(result)>(alternative, why);
      if (other) {
        result = std::move(other);
      }
      return result.has_value();
    };
    const bool found =
        std::apply([&](auto&... each) { return (try_one(each) || ...); }, *alternatives_);
    (found ? state_->used : state_->failed).add();
    return result;
  }

  bool wanted(const call& c, const error& e) const {
    return !c.abandoned() && (!state_->when || state_->when(e));
  }
  std::tuple<Alternatives...>& alternatives() const { return *alternatives_; }
  detail::fallback_state& state() const { return *state_; }

  void collect(metrics& into) const {
    into.add("darn_fallbacks_total", "Calls answered by a substitute",
             metric_label("result", "used"), state_->used);
    into.add("darn_fallbacks_total", "Calls answered by a substitute",
             metric_label("result", "failed"), state_->failed);
  }
  std::string text() const {  // "fallback(2 alternatives)"
    constexpr auto n = sizeof...(Alternatives);
    return "fallback(" + std::to_string(n) + (n == 1 ? " alternative)" : " alternatives)");
  }

 private:
  std::shared_ptr<std::tuple<Alternatives...>> alternatives_;
  std::shared_ptr<detail::fallback_state> state_ = std::make_shared<detail::fallback_state>();
};

template <class... Alternatives>
fallback_policy<std::decay_t<Alternatives>...> fallback(Alternatives&&... alternatives) {
  return fallback_policy<std::decay_t<Alternatives>...>(
      std::forward<Alternatives>(alternatives)...);
}

}  // namespace darn
