// retry: calls again what failed, when that can help, after a delay that grows; never beyond its
// deadline or its budget. A handle: copies share their counters. Thread-safe.
//
//   const auto call = darn::pipeline(darn::retry({.max_attempts = 5}));
//   darn::outcome<Page> page = call.run([&] { return fetch(url); });
//
// After the last attempt the error is that of the callee, with who decided and how often it was
// tried; a policy's refusal below (an open breaker) does not hide why the callee had failed.
// Retries below another retry do not multiply: an error whose retries are used up is not retried
// again above (error::exhausted).
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>

#include "darn/adaptive_backoff.hpp"
#include "darn/backoff.hpp"
#include "darn/call.hpp"
#include "darn/metrics.hpp"
#include "darn/order.hpp"
#include "darn/outcome.hpp"
#include "darn/retry_budget.hpp"
#include "darn/timeout.hpp"

namespace darn {

// What is done about errors of one category.
struct category_strategy {
  bool retry = true;
  std::optional<darn::backoff> backoff{};  // its own; none: that of the retry
  std::optional<duration> max_delay{};     // its own cap on a delay
  int max_attempts = 0;                    // of the call, when it fails like this; 0: as for all
  double budget_cost = 1;                  // in tokens of the budget
};

// What hooks are told. Valid during the hook.
struct retry_event {
  darn::call& call;  // attempt(): the one that just ended
  const error* why;  // null: it succeeded
  duration delay{};  // before the next one
};
using retry_hook = std::function<void(const retry_event&)>;

struct retry_options {
  int max_attempts = 3;  // the first included; as in AWS SDKs' standard mode
  // Brooker 2015; the numbers are those of google-api-core: 1 s doubled up to 60 s.
  darn::backoff backoff =
      darn::backoff::exponential(std::chrono::seconds{1}, std::chrono::seconds{60});
  // For all attempts and delays, from the first one on. No sleep is begun that would pass it.
  std::optional<duration> deadline{};
  // For one attempt: its stop token stops then, and what comes later counts as a timeout.
  std::optional<duration> attempt_timeout{};
  // False: what may have happened (error::ambiguous) is not done twice.
  bool idempotent = true;
  // Indexed by category. Permanent errors are not retried.
  std::array<category_strategy, kCategories> by_category = default_strategies();
  // The last word on whether an error is retried; none: the category decides.
  std::function<bool(const error&)> should_retry{};
  duration max_retry_after = std::chrono::minutes{5};  // how long a server may ask us to wait
  bool retry_exhausted = false;                        // also what has been retried in vain below
  std::optional<retry_budget> budget{};  // shared: retries stay a fraction of the calls
  std::optional<adaptive_backoff> adaptive{};
  std::string adaptive_key{};  // what the outcomes are learned for: a host, an endpoint
  retry_hook on_retry{};       // before the delay
  retry_hook on_give_up{};
  retry_hook on_healed{};  // it succeeded, but not at the first attempt
  std::string name{};      // for decided_by and metrics

  category_strategy& of(category c) { return by_category[static_cast<std::size_t>(c)]; }
  const category_strategy& of(category c) const { return by_category[static_cast<std::size_t>(c)]; }
  static std::array<category_strategy, kCategories> default_strategies();
};

namespace detail {

struct retry_state {
  explicit retry_state(retry_options o);
  void succeeded_at_once() const {
    if (options.budget) {
      options.budget->succeeded();
    }
    if (options.adaptive) {
      options.adaptive->record(options.adaptive_key, true);
    }
  }
  retry_options options;
  std::string_view who;  // "retry payments"
  counter calls;
  counter retries;
  counter healed;
  counter gave_up;
  counter over_budget;
  counter stopped;
  std::array<counter, kCategories> failures;  // of attempts
};

// What is decided in one call after each failed attempt; the ways of waiting (a thread, a
// coroutine) stand outside.
class retry_session {
 public:
  retry_session(retry_state& state, call& c, time_point began)
      : state_(state), call_(c), began_(began) {}
  ~retry_session();  // a coroutine that is destroyed while it sleeps gives its tokens back, too
  retry_session(const retry_session&) = delete;
  retry_session& operator=(const retry_session&) = delete;

  // After a failure: how long to sleep before the next attempt, or nothing: `e` is the final error.
  std::optional<duration> next(error& e);
  // The sleep did not end by itself: `e` is the final error.
  void stopped(error& e);
  void begin_attempt();
  void succeeded();

 private:
  bool may_retry(const error& e) const;
  void give_up(error& e);
  void refund();

  retry_state& state_;
  call& call_;
  time_point began_;
  int attempt_ = 1;
  int tried_ = 0;  // those that reached the callee
  duration last_delay_{};
  double reserved_ = 0;  // tokens for the retry that is waited for
  time_point reserved_at_{};
  std::optional<error> cause_;  // the callee's last own error, while policies below refuse
};

// Tells a retry above that one below has thrown what it has retried in vain.
class retry_frame {
 public:
  retry_frame() : above_(current()) { current() = this; }
  ~retry_frame() { current() = above_; }
  retry_frame(const retry_frame&) = delete;
  retry_frame& operator=(const retry_frame&) = delete;

  static void note_thrown(const error& e);
  void mark(error& e) const;  // sets e.exhausted when it is that one

 private:
  static retry_frame*& current() {
    thread_local retry_frame* innermost = nullptr;
    return innermost;
  }
  retry_frame* above_;
  std::exception_ptr exhausted_;
};

}  // namespace detail

class retry {
 public:
  static constexpr darn::layer layer = darn::layer::retry;

  explicit retry(retry_options options = {})
      : state_(std::make_shared<detail::retry_state>(std::move(options))) {}

  template <class Next>
  auto run(call& c, Next&& next) const -> decltype(next(c)) {
    detail::retry_state& state = *state_;
    const retry_options& o = state.options;
    state.calls.add();
    const detail::retry_frame frame;
    const time_point began = o.deadline ? c.now() : time_point{};
    if (o.budget) {
      o.budget->called(c);
    }
    auto result = attempt(c, next);
    if (result) [[likely]] {
      state.succeeded_at_once();
      return result;
    }
    detail::retry_session session(state, c, began);
    while (!result) {
      frame.mark(result.error());
      const auto delay = session.next(result.error());
      if (!delay) {
        break;
      }
      if (!c.sleep_until(c.now() + *delay)) {
        session.stopped(result.error());
        break;
      }
      session.begin_attempt();
      result = attempt(c, next);
      if (result) {
        session.succeeded();
      }
    }
    return result;
  }

  const retry_options& options() const { return state_->options; }
  detail::retry_state& state() const { return *state_; }
  void collect(metrics& into) const;
  std::string text() const;  // "retry(5 attempts, exponential 100ms x2 .. 30s, full jitter)"

 private:
  template <class Next>
  auto attempt(call& c, Next& next) const -> decltype(next(c)) {
    const auto& timeout = state_->options.attempt_timeout;
    return timeout ? detail::run_with_timeout(c, *timeout, state_->who, next) : next(c);
  }

  std::shared_ptr<detail::retry_state> state_;
};

}  // namespace darn
