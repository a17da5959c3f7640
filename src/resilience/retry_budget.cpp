#include "darn/retry_budget.hpp"

#include <algorithm>
#include <cmath>
#include <mutex>

#include "darn/detail/recent.hpp"

namespace darn {
namespace {

// Tokens are counted in thousandths, so that they fit an integer that is changed at one stroke.
constexpr double kUnit = 1000;
constexpr double kMost = 1e12;  // tokens: no sum of two overflows
std::int64_t units(double tokens) {
  return tokens > 0 ? std::llround(std::min(tokens, kMost) * kUnit) : 0;
}

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
  bool take_within_share(std::int64_t amount, time_point now) {
    constexpr double kRounding = 1e-9;  // 0.29 of 100 are 29
    const std::scoped_lock lock(mutex);
    const auto made = static_cast<double>(retries.count(now));
    const double allowed =
        std::max(options.share * static_cast<double>(calls.count(now)), options.at_least);
    if (made + 1 > allowed + kRounding || !take(amount)) {
      return false;
    }
    retries.add(now);
    return true;
  }

  retry_budget_options options;
  std::int64_t capacity;
  std::int64_t per_success;
  std::atomic<std::int64_t> tokens;
  detail::recent calls;
  detail::recent retries;
  std::mutex mutex;  // so that the share is exact: looked at and counted in one step
  counter reserved;
  counter refused;
};

retry_budget::retry_budget(retry_budget_options options)
    : state_(std::make_shared<State>(std::move(options))) {}

bool retry_budget::reserve(double cost, time_point now) const {
  State& s = *state_;
  const bool taken =
      s.options.share > 0 ? s.take_within_share(units(cost), now) : s.take(units(cost));
  (taken ? s.reserved : s.refused).add();
  return taken;
}

void retry_budget::refund(double cost, time_point reserved) const {
  if (state_->options.share > 0) {
    state_->retries.take_back(reserved);
  }
  state_->give(units(cost));
}

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
