#include "darn/hedge.hpp"

#include <algorithm>
#include <system_error>

#include "darn/backoff.hpp"

namespace darn {
namespace detail {

void latency_window::add(duration latency) {
  const std::scoped_lock lock(mutex_);
  if (samples_.size() < kSamples) {
    samples_.push_back(latency);
  } else {
    samples_[next_] = latency;
    next_ = (next_ + 1) % kSamples;
  }
  // Sorting for each call would cost more than it tells.
  constexpr std::size_t kEvery = 16;
  if (samples_.size() >= kEnough && (since_++ % kEvery == 0 || samples_.size() < 2 * kEnough)) {
    std::vector<duration> sorted = samples_;
    const auto rank = static_cast<std::size_t>(std::clamp(quantile_, 0.0, 1.0) *
                                               static_cast<double>(sorted.size() - 1));
    std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(rank),
                     sorted.end());
    value_.store(sorted[rank].count(), std::memory_order_relaxed);
  }
}

std::optional<duration> latency_window::value() const {
  const auto value = value_.load(std::memory_order_relaxed);
  return value < 0 ? std::nullopt : std::optional(duration{value});
}

hedge_state::hedge_state(hedge_options o)
    : options(std::move(o)),
      who(intern(options.name.empty() ? "hedge" : "hedge " + options.name)),
      budget({.capacity = 10, .per_success = options.share, .name = std::string(who)}) {
  if (options.quantile) {
    latencies.emplace(*options.quantile);
  }
}

duration hedge_state::delay() const {
  const auto learned = latencies ? latencies->value() : std::nullopt;
  return std::max(learned.value_or(options.delay), options.at_least);
}

bool hedge_state::may_send(time_point now) {
  if (!budget.reserve(1, now)) {
    over_budget.add();
    return false;
  }
  return true;
}

hedge_race::hedge_race(hedge_state& state, call& c, start run)
    : state_(state), clock_(c.clock()), run_(std::move(run)), delay_(state.delay()) {
  // Made and armed here, in the caller's thread: copies only ask for their own token.
  for (int copy = 0; copy <= std::max(state.options.max_hedges, 0); ++copy) {
    scopes_.emplace_back(c.scope(), c.clock(), time_point::max()).token();
  }
  const std::scoped_lock lock(mutex_);
  arm();
}

hedge_race::~hedge_race() { finish(); }

void hedge_race::arm() {
  if (threads_.size() + 1 < scopes_.size()) {
    timer_ = clock_.call_at(clock_.now() + delay_, [this] { launch(); });
  }
}

void hedge_race::launch() {
  const std::scoped_lock lock(mutex_);
  if (closed_) {
    return;
  }
  if (!state_.may_send(clock_.now())) {
    return;
  }
  const int copy = static_cast<int>(threads_.size()) + 1;
  stop_scope& scope = scopes_[static_cast<std::size_t>(copy)];
  try {
    threads_.emplace_back([this, copy, &scope] { run_(*this, copy, scope); });
  } catch (const std::system_error&) {
    return;  // no thread to be had: the first copy goes on alone
  }
  state_.hedged.add();
  arm();
}

bool hedge_race::claim(int copy) {
  const std::scoped_lock lock(mutex_);
  if (won_) {
    return false;
  }
  won_ = true;
  closed_ = true;
  if (copy != 0) {
    state_.won.add();
  }
  for (std::size_t i = 0; i < scopes_.size(); ++i) {
    if (i != static_cast<std::size_t>(copy)) {
      scopes_[i].abandon();
    }
  }
  return true;
}

void hedge_race::finish() {
  std::unique_lock lock(mutex_);
  closed_ = true;
  const clock::timer timer = timer_;
  lock.unlock();
  clock_.cancel(timer);                   // waits for one that is running, which takes the lock
  for (std::thread& thread : threads_) {  // closed: nobody adds to them any more
    thread.join();
  }
  threads_.clear();
}

}  // namespace detail

void hedge::collect(metrics& into) const {
  const detail::hedge_state& s = *state_;
  const std::string label = metric_label("policy", s.who);
  into.add("darn_hedge_calls_total", "Calls through a hedge", label, s.calls);
  into.add("darn_hedge_copies_total", "Copies sent beside the first call", label, s.hedged);
  into.add("darn_hedge_won_total", "Calls that a copy answered first", label, s.won);
  into.add("darn_hedge_over_budget_total", "Copies that the share did not allow", label,
           s.over_budget);
}

std::string hedge::text() const {
  const hedge_options& o = state_->options;
  std::string out = "hedge(after " + to_string(o.delay);
  if (o.quantile) {
    out += " or the " + std::to_string(static_cast<int>(*o.quantile * 100)) + "th percentile";
  }
  return out + ", " + std::to_string(o.max_hedges) + " more)";
}

}  // namespace darn
