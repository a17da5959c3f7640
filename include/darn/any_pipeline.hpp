// any_pipeline: policies that are read from configuration while the program runs, or put together
// by it. The same handles as in pipeline(), found by a switch instead of at compile time; nothing
// is allocated for a call. A handle: copies share the policies; thread-safe.
//
//   const auto read = darn::any_pipeline::parse(
//       "timeout(2s) > retry(5, backoff=exponential(100ms, cap=30s)) >
//       circuit_breaker(name=bank)");
//   if (!read) complain(read.error().message);  // column 15: retry takes …
//   outcome<Page> page = read->run([&] { return fetch(url); });
//
// The text is in docs/resilience/any_pipeline.md. A wrong order is an error, with the sentence that
// pipeline() has for it. Policies that depend on the type of the result (fallback, fail_when) and
// those of your own stand outside: it is a policy, too.
//
//   darn::pipeline(darn::fallback(cached), *read).run(…)
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "darn/adaptive_throttle.hpp"
#include "darn/bulkhead.hpp"
#include "darn/chaos.hpp"
#include "darn/circuit_breaker.hpp"
#include "darn/concurrency_limit.hpp"
#include "darn/hedge.hpp"
#include "darn/pipeline.hpp"
#include "darn/rate_limiter.hpp"
#include "darn/retry.hpp"
#include "darn/timeout.hpp"

namespace darn {
namespace detail {
struct shared_policies;
}

using any_policy = std::variant<timeout, retry, hedge, circuit_breaker, adaptive_throttle,
                                rate_limiter, bulkhead, concurrency_limit, chaos>;

// What pipelines of one configuration share: the breakers, limits and budgets that have a name. The
// first text to name one says its settings; others need only the name. Not thread-safe.
class named_policies {
 public:
  named_policies();
  ~named_policies();

 private:
  friend class any_pipeline;
  std::unique_ptr<detail::shared_policies> state_;
};

class any_pipeline {
 public:
  static constexpr darn::layer layer = darn::layer::any_pipeline;

  any_pipeline() = default;  // calls directly

  // Outermost first. Fails with error::permanent, code "order".
  static outcome<any_pipeline> make(std::vector<any_policy> policies) {
    if (const auto problem = order_problem(policies); !problem.empty()) {
      return unexpected<error>(
          {.category = category::permanent, .code = "order", .message = std::string(problem)});
    }
    return any_pipeline(std::move(policies));
  }
  // Fails with error::permanent, code "syntax" or "order"; the message begins with the place.
  static outcome<any_pipeline> parse(std::string_view text) {
    named_policies alone;
    return parse(text, alone);
  }
  // A text that is refused leaves `shared` as it was.
  static outcome<any_pipeline> parse(std::string_view text, named_policies& shared) {
    std::vector<any_policy> policies;
    error why;
    if (!read(text, *shared.state_, policies, why)) {
      return unexpected<error>(std::move(why));
    }
    return any_pipeline(std::move(policies));
  }

  // As of pipeline(): run(f, args…), run(call_options, f, args…), run_or_throw(…).
  template <class F, class... Args>
    requires(!std::is_same_v<std::remove_cvref_t<F>, call> &&
             !std::is_same_v<std::remove_cvref_t<F>, call_options>)
  auto run(F&& f, Args&&... args) const {
    return pipeline(*this).run(f, args...);
  }
  template <class F, class... Args>
  auto run(const call_options& options, F&& f, Args&&... args) const {
    return pipeline(*this).run(options, f, args...);
  }
  template <class... Args>
  auto run_or_throw(Args&&... args) const {
    return pipeline(*this).run_or_throw(std::forward<Args>(args)...);
  }

  // As a policy of another pipeline.
  template <class Next>
  auto run(call& c, Next&& next) const -> decltype(next(c)) {
    return step(0, c, next);
  }

  std::size_t size() const { return policies_ == nullptr ? 0 : policies_->size(); }
  const any_policy& operator[](std::size_t i) const { return (*policies_)[i]; }
  void collect(metrics& into) const;
  std::string text() const;  // as of pipeline(): "timeout(2s) > retry(5 attempts, …)"

 private:
  explicit any_pipeline(std::vector<any_policy> policies)
      : policies_(std::make_shared<const std::vector<any_policy>>(std::move(policies))) {}
  static std::string_view order_problem(const std::vector<any_policy>& policies);
  static bool read(std::string_view text, detail::shared_policies& shared,
                   std::vector<any_policy>& policies, error& why);

  template <class Next>
  auto step(std::size_t i, call& c, Next& next) const -> decltype(next(c)) {
    using result_type = decltype(next(c));
    if (i == size()) {
      return next(c);
    }
    return detail::no_throw<result_type>([&] {
      return std::visit(
          [&](const auto& policy) -> result_type {
            return policy.run(c,
                              [&](call& inner) -> result_type { return step(i + 1, inner, next); });
          },
          (*policies_)[i]);
    });
  }

  std::shared_ptr<const std::vector<any_policy>> policies_;
};

}  // namespace darn
