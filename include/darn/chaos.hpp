// chaos: plays a callee that fails, dawdles or answers nonsense, at a rate, to see in a test or in
// production what the policies outside make of it. A handle: copies share the switch. Thread-safe.
//
//   darn::chaos monkey({.delay_rate = 0.05, .delay = 2s, .error_rate = 0.1});
//   auto p = darn::pipeline(darn::timeout(1s), darn::retry(), monkey);
//   monkey.enable(false);   // at any time
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>

#include "darn/call.hpp"
#include "darn/classify.hpp"
#include "darn/metrics.hpp"
#include "darn/order.hpp"
#include "darn/outcome.hpp"

namespace darn {

struct chaos_options {
  double delay_rate = 0;  // of the calls, 0 .. 1: they wait first
  duration delay = std::chrono::seconds{1};
  double error_rate = 0;  // of the calls: they fail instead of being made
  error fault{.category = category::transient, .code = "chaos", .message = "injected"};
  std::function<std::exception_ptr()> exception{};  // instead of the fault: as if thrown
  double result_rate = 0;  // of the calls: they answer what with_result() gave instead
  bool enabled = true;
};

namespace detail {

struct chaos_state {
  explicit chaos_state(chaos_options o) : options(std::move(o)), enabled(options.enabled) {}
  bool hits(double rate, call& c) const { return rate > 0 && unit_interval(c.random()) < rate; }
  error make_fault();

  chaos_options options;
  std::atomic<bool> enabled;
  counter delays;
  counter faults;
  counter results;
};

}  // namespace detail

// Result: a factory of results, or void.
template <class Result>
class chaos_policy {
 public:
  static constexpr darn::layer layer = darn::layer::chaos;

  template <class Next>
  auto run(call& c, Next&& next) const -> decltype(next(c)) {
    detail::chaos_state& s = *state_;
    if (!s.enabled.load(std::memory_order_relaxed)) {
      return next(c);
    }
    if (s.hits(s.options.delay_rate, c)) {
      s.delays.add();
      (void)c.sleep_until(c.now() + s.options.delay);  // stopped or not: the callee decides then
    }
    return instead<decltype(next(c))>(c, next);
  }

  // After the delay: a fault, a result, or the call.
  template <class Outcome, class Next>
  Outcome instead(call& c, Next& next) const {
    detail::chaos_state& s = *state_;
    if (s.hits(s.options.error_rate, c)) {
      return unexpected<error>(s.make_fault());
    }
    if constexpr (!std::is_void_v<Result>) {
      if (s.hits(s.options.result_rate, c)) {
        s.results.add();
        return Outcome((*result_)());
      }
    }
    return next(c);
  }

  void enable(bool on) const { state_->enabled.store(on, std::memory_order_relaxed); }
  bool enabled() const { return state_->enabled.load(std::memory_order_relaxed); }

  // The same, that also answers what make() gives, at result_rate.
  template <class Make>
  chaos_policy<std::decay_t<Make>> with_result(Make&& make) const {
    return {state_, std::make_shared<std::decay_t<Make>>(std::forward<Make>(make))};
  }

  void collect(metrics& into) const {
    const auto add = [&](std::string_view what, const counter& c) {
      into.add("darn_chaos_injected_total", "What was injected", metric_label("what", what), c);
    };
    add("delay", state_->delays);
    add("fault", state_->faults);
    add("result", state_->results);
  }
  std::string text() const { return "chaos"; }
  detail::chaos_state& state() const { return *state_; }

 protected:
  template <class>
  friend class chaos_policy;
  chaos_policy(std::shared_ptr<detail::chaos_state> state, std::shared_ptr<Result> result)
      : state_(std::move(state)), result_(std::move(result)) {}

  std::shared_ptr<detail::chaos_state> state_;
  std::shared_ptr<Result> result_;
};

class chaos : public chaos_policy<void> {
 public:
  explicit chaos(chaos_options options = {})
      : chaos_policy<void>(std::make_shared<detail::chaos_state>(std::move(options)), nullptr) {}
};

}  // namespace darn
