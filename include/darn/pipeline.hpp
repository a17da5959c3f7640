// pipeline(outermost, …, innermost): policies put around a call at compile time, without an
// allocation or a virtual call on the way of a success. A value; as thread-safe as its policies,
// which are handles: pipelines that are given the same breaker share it.
//
//   const auto http = darn::pipeline(darn::timeout(10s), darn::retry(), breaker);
//   auto page = http.run([&](std::stop_token stop) { return fetch(url, stop); });
//
// The callee may take darn::call& (attempt number, deadline, traceparent, stop token), or a
// std::stop_token, or neither, before the arguments given to run(); these are passed as they are to
// each attempt and never moved from. It may return a value, void, or outcome<T> (any expected<T, E>
// whose E can be classified); what it throws becomes an error. Nothing is thrown inside.
// A wrong order of policies does not compile, and the message says what to do (darn/order.hpp).
#pragma once

#include <functional>
#include <ostream>
#include <tuple>
#include <utility>

#include "darn/call.hpp"
#include "darn/classify.hpp"
#include "darn/detail/no_throw.hpp"
#include "darn/metrics.hpp"
#include "darn/order.hpp"
#include "darn/outcome.hpp"

namespace darn {
namespace detail {

template <class F, class... Args>
inline constexpr bool takes_call = std::is_invocable_v<F&, call&, Args&...>;
template <class F, class... Args>
inline constexpr bool takes_stop =
    !takes_call<F, Args...> && std::is_invocable_v<F&, const std::stop_token&, Args&...>;

template <class F, class... Args>
decltype(auto) invoke_callee(F& f, call& c, Args&... args) {
  if constexpr (takes_call<F, Args...>) {
    return std::invoke(f, c, args...);
  } else if constexpr (takes_stop<F, Args...>) {
    return std::invoke(f, c.stop_token(), args...);
  } else {
    static_assert(std::is_invocable_v<F&, Args&...>,
                  "the callee cannot be called with these arguments; it may take darn::call& or "
                  "std::stop_token first");
    return std::invoke(f, args...);
  }
}

template <class F, class... Args>
using callee_result_t =
    decltype(invoke_callee(std::declval<F&>(), std::declval<call&>(), std::declval<Args&>()...));

// What the callee gave, as an outcome: errors of other types and results that a user's
// classify_result() names become darn::error.
template <class T, class R>
outcome<T> to_outcome(R&& result) {
  if constexpr (std::is_same_v<std::remove_cvref_t<R>, outcome<T>>) {
    return std::forward<R>(result);
  } else if constexpr (expected_traits<std::remove_cvref_t<R>>::is_expected) {
    if (!result) {
      return unexpected<error>(classify(std::forward<R>(result).error()));
    }
    if constexpr (std::is_void_v<T>) {
      return {};
    } else {
      return *std::forward<R>(result);
    }
  } else {
    if constexpr (classifiable_result<T>) {
      if (std::optional<error> problem = classify_result(std::as_const(result))) {
        return unexpected<error>(std::move(*problem));
      }
    }
    return std::forward<R>(result);
  }
}

// The innermost step: calls, and turns what comes out into an outcome.
template <class T, class F, class... Args>
outcome<T> attempt_callee(F& f, call& c, Args&... args) {
  return no_throw<outcome<T>>([&]() -> outcome<T> {
    if constexpr (std::is_void_v<callee_result_t<F, Args...>>) {
      invoke_callee(f, c, args...);
      return {};
    } else {
      return to_outcome<T>(invoke_callee(f, c, args...));
    }
  });
}

}  // namespace detail

template <class... Policies>
class static_pipeline {
  static_assert(detail::check_order<Policies::layer...>());

 public:
  explicit static_pipeline(Policies... policies) : policies_(std::move(policies)...) {}

  // Calls f(args...) through the policies.
  template <class F, class... Args>
    requires(!std::is_same_v<std::remove_cvref_t<F>, call_options>)
  auto run(F&& f, Args&&... args) const {
    return run(call_options{}, f, args...);
  }

  // The same with a stop token, a deadline, a traceparent, a clock.
  template <class F, class... Args>
  auto run(const call_options& options, F&& f, Args&&... args) const {
    using Callee = std::remove_reference_t<F>;
    using result_type = detail::outcome_of_t<detail::callee_result_t<Callee, Args...>>;
    constexpr bool wants_stop =
        detail::takes_call<Callee, Args...> || detail::takes_stop<Callee, Args...>;
    detail::stop_scope scope(options.stop);
    call c(options, scope, wants_stop);
    auto callee = [&](call& inner) {
      return detail::attempt_callee<typename result_type::value_type>(f, inner, args...);
    };
    return step<0>(c, callee);
  }

  // The value itself; the error is thrown: the original exception, or darn::failure.
  template <class... Args>
  auto run_or_throw(Args&&... args) const {
    auto result = run(std::forward<Args>(args)...);
    if (!result) {
      detail::note_thrown(result.error());
      throw_error(result.error());
    }
    if constexpr (!std::is_void_v<typename decltype(result)::value_type>) {
      return std::move(*result);
    }
  }

  const std::tuple<Policies...>& policies() const { return policies_; }

  void collect(metrics& into) const {
    std::apply([&](const auto&... policy) { (policy.collect(into), ...); }, policies_);
  }

  // "timeout(2s) > retry(3 attempts, …) > circuit_breaker(…)"
  std::string text() const {
    std::string out;
    std::apply(
        [&](const auto&... policy) { ((out += (out.empty() ? "" : " > ") + policy.text()), ...); },
        policies_);
    return out.empty() ? "direct" : out;
  }

 private:
  template <std::size_t I, class Callee>
  auto step(call& c, Callee& callee) const -> decltype(callee(c)) {
    if constexpr (I == sizeof...(Policies)) {
      return callee(c);
    } else {
      // A policy calls code of the user's, too: predicates and hooks. What that throws is a failure
      // of the call like any other, for the policies outside.
      return detail::no_throw<decltype(callee(c))>([&] {
        return std::get<I>(policies_).run(c,
                                          [&](call& inner) { return step<I + 1>(inner, callee); });
      });
    }
  }

  std::tuple<Policies...> policies_;
};

template <class... Policies>
static_pipeline<std::decay_t<Policies>...> pipeline(Policies&&... policies) {
  return static_pipeline<std::decay_t<Policies>...>(std::forward<Policies>(policies)...);
}

template <class... Policies>
std::ostream& operator<<(std::ostream& out, const static_pipeline<Policies...>& p) {
  return out << p.text();
}

}  // namespace darn
