// The short forms that people know from other languages, thin over the pipeline.
//
//   darn::RetryConfig config{.max_retries = 5, .base_delay = 200ms};
//   auto page = darn::with_retry(config, [&] { return fetch(url); });
//   auto safe = darn::with_fallback(fetch_fresh, read_cache);
//   auto get = darn::retry_on_error(3, darn::backoff::constant(1s))(fetch);
#pragma once

#include <algorithm>
#include <limits>
#include <type_traits>
#include <utility>

#include "darn/fallback.hpp"
#include "darn/pipeline.hpp"
#include "darn/retry.hpp"

namespace darn {

struct RetryConfig {
  int max_retries = 3;  // after the first attempt
  duration base_delay = std::chrono::seconds{1};
  duration max_delay = std::chrono::seconds{60};
  double exponential_base = 2;
  bool jitter = true;  // 0.5 to 1.5 of the delay, below max_delay

  darn::backoff backoff() const {
    return darn::backoff::exponential(base_delay, max_delay, exponential_base,
                                      jitter ? darn::jitter::proportional() : darn::jitter::none());
  }
  retry_options options() const {
    constexpr int kMost = std::numeric_limits<int>::max() - 1;
    return {.max_attempts = std::clamp(max_retries, 0, kMost) + 1, .backoff = backoff()};
  }
};

// Before the retry that follows failed attempt number `attempt`, counted from 0.
inline duration calculate_delay(int attempt, const RetryConfig& config,
                                random_source& random = real_random()) {
  return config.backoff().delay(std::int64_t{attempt} + 1, random.next());
}

// Whether trying again can help, by the error alone.
inline bool should_retry(const error& e) {
  const auto strategies = retry_options::default_strategies();
  return !e.exhausted && strategies[static_cast<std::size_t>(e.category)].retry;
}
// And after failed attempt number `attempt`, counted from 0, whether one is left.
inline bool should_retry(const error& e, int attempt, const RetryConfig& config) {
  return attempt < config.max_retries && should_retry(e);
}
inline bool should_retry(const std::exception& e) { return should_retry(classify_error(e)); }

// Calls f(args...) until it succeeds, its error cannot be helped, or the retries are used up.
template <class F, class... Args>
auto with_retry(const RetryConfig& config, F&& f, Args&&... args) {
  return pipeline(retry(config.options())).run(std::forward<F>(f), std::forward<Args>(args)...);
}
template <class F>
  requires std::is_invocable_v<F&>
auto with_retry(F&& f) {
  return with_retry(RetryConfig{}, std::forward<F>(f));
}

// primary(), and when that fails alternative() or alternative(const error&). When both fail, the
// error is the primary's.
template <class Primary, class Alternative>
auto with_fallback(Primary&& primary, Alternative&& alternative) {
  return pipeline(fallback(std::forward<Alternative>(alternative)))
      .run(std::forward<Primary>(primary));
}

// A function that retries the one it is given: the decorator of other languages.
inline auto retry_on_error(int max_attempts, backoff delays = RetryConfig{}.backoff()) {
  return [policy = pipeline(retry({.max_attempts = max_attempts, .backoff = std::move(delays)}))](
             auto f) {
    return [policy, f = std::move(f)](auto&&... args) mutable {
      return policy.run(f, std::forward<decltype(args)>(args)...);
    };
  };
}

}  // namespace darn
