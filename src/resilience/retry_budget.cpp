#include "darn/retry_budget.hpp"

#include <algorithm>
#include <cmath>

#include "darn/detail/recent.hpp"

namespace darn {
namespace {

// Tokens are counted in thousandths, so that they fit an integer that is changed at one stroke.
constexpr double kUnit = 1000;
std::int64_t units(double tokens) { return std::llround(std::max(tokens, 0.0) * kUnit); }

}  // namespace

struct retry_budget::State {
  explicit State(retry_budget_options o)
      : options(std::move(o)),
        capacity(units(options.capacity)),
        per_success(units(options.per_success)),
        tokens(capacity),
        calls(options.window),
        retries(options.window) {}

  void give(std::int64_t amount) {
    std::int64_t now = tokens.load(std::memory_order_relaxed);
    while (now < capacity && !tokens.compare_exchange_weak(now, std::min(now + amount, capacity),
                                                           std::memory_order_relaxed)) {
    }
  }
  bool take(std::int64_t amount) {
    std::int64_t now = tokens.load(std::memory_order_relaxed);
    while (now >= amount) {
      if (tokens.compare_exchange_weak(now, now - amount, std::memory_order_relaxed)) {
        return true;
      }
    }
    return false;
  }

  retry_budget_options options;
  std::int64_t capacity;
  std::int64_t per_success;
  std::atomic<std::int64_t> tokens;
  detail::recent calls;
  detail::recent retries;
  counter reserved;
  counter refused;
};

retry_budget::retry_budget(retry_budget_options options)
    : state_(std::make_shared<State>(std::move(options))) {}

bool retry_budget::reserve(double cost, time_point now) const {
  State& s = *state_;
  if (!s.take(units(cost))) {
    s.refused.add();
    return false;
  }
  if (s.options.share > 0) {
    // Counted first, then looked at: of many at once, none slips through between the two.
    const auto made = static_cast<double>(s.retries.add(now));
    const double allowed =
        std::max(s.options.share * static_cast<double>(s.calls.count(now)), s.options.at_least);
    if (made > allowed) {
      s.retries.take_back(now);
      s.give(units(cost));
      s.refused.add();
      return false;
    }
  }
  s.reserved.add();
  return true;
}

void retry_budget::refund(double cost) const { state_->give(units(cost)); }

void retry_budget::succeeded() const { state_->give(state_->per_success); }

void retry_budget::called(const call& c) const {
  if (state_->options.share > 0) {
    state_->calls.add(c.coarse_now());
  }
}

double retry_budget::tokens() const {
  return static_cast<double>(state_->tokens.load(std::memory_order_relaxed)) / kUnit;
}

const retry_budget_options& retry_budget::options() const { return state_->options; }

void retry_budget::collect(metrics& into) const {
  const std::string label = metric_label("budget", state_->options.name);
  into.add("darn_retry_budget_tokens", "Tokens left for retries", metrics::type::gauge, label,
           tokens());
  into.add("darn_retry_budget_reserved_total", "Retries that were allowed", label,
           state_->reserved);
  into.add("darn_retry_budget_refused_total", "Retries that were not allowed", label,
           state_->refused);
}

}  // namespace darn
