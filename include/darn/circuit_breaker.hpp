// circuit_breaker: stops calling what fails, so that it can recover and its callers fail fast. What
// it does when is in breaker_core.hpp. A handle: copies share the state; thread-safe. While it is
// closed a call takes no lock and one atomic addition.
//
// A refused call has error::rejected and when to come back in error::retry_after; a retry outside
// does not wait for that (error::exhausted), because failing fast is the point.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <string_view>

#include "darn/breaker_core.hpp"
#include "darn/detail/gate.hpp"
#include "darn/metrics.hpp"
#include "darn/order.hpp"

namespace darn {

// All of breaker_settings, and what only the breaker for threads has.
struct circuit_breaker_options {
  int window_calls = 100;  // the last calls that count; as in resilience4j
  // Instead: the calls of the last such time, to a tenth of it.
  std::optional<duration> window_time{};
  int minimum_calls = 20;               // fewer in the window say nothing yet; 1 or more
  double failure_rate = 0.5;            // opens at this share of failures; as in resilience4j
  std::optional<duration> slow_call{};  // a call that takes this long is slow; none: no call is
  double slow_rate = 1;                 // opens at this share of slow calls
  duration open_for = std::chrono::seconds{30};
  int probes = 5;                                  // calls let in while half-open; 1 or more
  duration probe_wait = std::chrono::seconds{30};  // a probe not back by then counts as lost
  duration ramp = std::chrono::seconds{10};        // from closing to full load; 0: at once
  double ramp_from = 0.1;                          // the share let in right after closing
  // Whether an error counts as a failure; none: all but permanent ones, which are answers. Calls
  // that were abandoned or turned away further in say nothing either way.
  std::function<bool(const error&)> counts{};
  std::function<void(breaker_state from, breaker_state to)> on_change{};  // called outside its lock
  std::string name{};

  breaker_settings settings() const {
    return {.window_calls = window_calls,
            .window_time = window_time,
            .minimum_calls = minimum_calls,
            .failure_rate = failure_rate,
            .slow_call = slow_call,
            .slow_rate = slow_rate,
            .open_for = open_for,
            .probes = probes,
            .probe_wait = probe_wait,
            .ramp = ramp,
            .ramp_from = ramp_from};
  }
};

class circuit_breaker {
 public:
  static constexpr darn::layer layer = darn::layer::circuit_breaker;
  class ticket;

  explicit circuit_breaker(circuit_breaker_options options = {});
  circuit_breaker(std::string_view name, circuit_breaker_options options);

  template <class Next>
  auto run(call& c, Next&& next) const -> decltype(next(c)) {
    if (const duration wait = refusing(c); wait > duration{0}) [[unlikely]] {
      return refused<decltype(next(c))>(wait);
    }
    return detail::run_gated(*this, c, next);
  }
  outcome<ticket> enter(call& c) const;

  breaker_state state(time_point now = detail::steady_now()) const;
  void isolate() const;  // open until reset()
  void reset() const;
  const circuit_breaker_options& options() const;
  void collect(metrics& into) const;
  std::string text() const;  // "circuit_breaker(payments: opens at 50% of 100 calls, for 30s)"

 private:
  // Successes while closed. They only move the window on, so they are added up, in a cache line for
  // each few threads, and told to the core before the next failure: in order, and exactly.
  struct alignas(64) Stripe {
    std::atomic<std::uint64_t> successes{0};
  };
  struct Shared;
  struct State {
    // Odd: ask the core (open, half-open, ramping). Even: closed. Above that the generation.
    std::atomic<std::uint64_t> fast{2};
    // Open: refused without asking until then, in ns of the clock; a coarse reading is enough.
    std::atomic<std::int64_t> refuse_until{std::numeric_limits<std::int64_t>::min()};
    std::atomic<std::int64_t> slice_ends{0};  // time window: when the successes are to be told
    std::string_view who;
    error is_open;  // the error of a refused call, but for the time
    counter rejections;
    bool reads_clock = false;  // there are slow calls or a time window
    bool coarse = true;        // and a tick more or less does not matter
    duration slow_call = duration::max();
    duration longest_open{};
    std::array<Stripe, 8> stripes;
  };

  static std::size_t stripe_of_thread();
  // For how long it refuses every call from now on, as far as it knows; 0: ask enter().
  duration refusing(call& c) const {
    const std::int64_t until = state_->refuse_until.load(std::memory_order_relaxed);
    if (until == std::numeric_limits<std::int64_t>::min()) [[likely]] {
      return duration{0};
    }
    // No longer than it is ever open by itself: what was isolated by hand may be reset at any time.
    return std::min(duration{until - c.coarse_now().time_since_epoch().count()},
                    state_->longest_open);
  }
  // Copied to where it goes: one that is made anew and moved there costs three times as much.
  template <class Outcome>
  Outcome refused(duration wait) const {
    state_->rejections.add();
    Outcome result(unexpect, state_->is_open);
    result.error().retry_after = wait;
    return result;
  }
  static error refusal(const char* code, std::string_view who, duration wait) {
    return {.category = category::transient,
            .code = code,
            .retry_after = wait,
            .attempts = 0,
            .decided_by = who,
            .rejected = true,
            .exhausted = true};
  }
  std::shared_ptr<Shared> shared_;
  State* state_;  // the first part of *shared_
};

class circuit_breaker::ticket {
 public:
  ticket(ticket&& other) noexcept : ticket(other) { other.shared_ = nullptr; }
  ticket& operator=(ticket&&) = delete;
  ~ticket() {
    if (shared_ != nullptr && probe_ != 0) {
      give_back();
    }
  }

  void leave(call& c, const error* e) {
    if (e == nullptr && probe_ == 0 && !state().reads_clock &&
        state().fast.load(std::memory_order_relaxed) == generation_ << 1U) [[likely]] {
      state().stripes[stripe_of_thread()].successes.fetch_add(1, std::memory_order_relaxed);
    } else {
      settle(c, e);
    }
    shared_ = nullptr;
  }

 private:
  friend class circuit_breaker;
  explicit ticket(Shared* shared, std::uint64_t generation)
      : shared_(shared), generation_(generation) {}
  ticket(const ticket&) = default;
  State& state() const;
  void settle(call& c, const error* e);
  void give_back();

  Shared* shared_;
  std::uint64_t generation_;
  std::uint64_t probe_ = 0;
  time_point began_{};
};

struct circuit_breaker::Shared : State {
  explicit Shared(circuit_breaker_options o);
  ~Shared();
  struct Slow;  // what only the way through the lock needs
  std::unique_ptr<Slow> slow;
  void ask(call& c, ticket& t, error& why);
};

inline circuit_breaker::State& circuit_breaker::ticket::state() const { return *shared_; }

inline std::size_t circuit_breaker::stripe_of_thread() {
  static std::atomic<unsigned> threads{0};
  thread_local unsigned mine = 0;
  if (mine == 0) {
    mine = threads.fetch_add(1, std::memory_order_relaxed) + 1;
  }
  return mine % 8;
}

inline outcome<circuit_breaker::ticket> circuit_breaker::enter(call& c) const {
  const std::uint64_t fast = state_->fast.load(std::memory_order_acquire);
  ticket t(shared_.get(), fast >> 1U);
  if ((fast & 1U) != 0) [[unlikely]] {
    if (const duration wait = refusing(c); wait > duration{0}) {
      return refused<outcome<ticket>>(wait);
    }
    error why;
    shared_->ask(c, t, why);
    if (t.shared_ == nullptr) {
      return unexpected<error>(std::move(why));
    }
  }
  if (state_->reads_clock) {
    t.began_ = state_->coarse ? c.coarse_now() : c.now();
  }
  return outcome<ticket>(std::move(t));
}

// A breaker for each key (a host, a tenant), made when it is first asked for; the ones not used for
// longest are forgotten. Thread-safe.
class keyed_circuit_breaker {
 public:
  explicit keyed_circuit_breaker(circuit_breaker_options options, std::size_t keys = 1024);
  // Its name is the family's name: a key never becomes a metric's label or part of an error.
  circuit_breaker at(std::string_view key) const;
  std::size_t size() const;
  void collect(metrics& into) const;  // how many are in which state

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace darn
