// concurrency_limit: finds out by itself how many calls at a time a destination takes, and turns
// the rest away. For a bulkhead whose right size nobody knows, or that changes. A handle: copies
// share the limit. Thread-safe.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "darn/detail/gate.hpp"
#include "darn/metrics.hpp"
#include "darn/order.hpp"

namespace darn {

struct concurrency_limit_options {
  enum class algorithm : std::uint8_t {
    // Additive increase while the limit is used, multiplicative decrease on overload (RFC 5681).
    aimd,
    // By the latency of now against that without a queue: grows while they are alike, shrinks when
    // calls begin to queue, once per round trip. It settles between the capacity and about twice
    // that.
    // Slope, headroom and smoothing as in Gradient2 of Netflix's concurrency-limits, whose long
    // average gets used to an overload that lasts; here the limit is narrowed for a moment, as BBR
    // does (Cardwell et al. 2016), to see the latency without a queue.
    gradient,
  };
  algorithm how = algorithm::gradient;
  double initial = 20;
  double least = 1;
  double most = 200;
  double decrease = 0.9;              // times this on overload, once per round trip
  duration target = duration::max();  // aimd: slower than this counts as overload
  double tolerance = 1.5;             // gradient: latency may grow by this factor unpunished
  double smoothing = 0.2;             // gradient: how much a new limit counts
  // gradient: how old the latency without a queue may get; BBR's 10 s.
  duration refresh = std::chrono::seconds{10};
  std::string name{};
};

class concurrency_limit {
 public:
  static constexpr darn::layer layer = darn::layer::concurrency_limit;
  class ticket;

  explicit concurrency_limit(concurrency_limit_options options = {});

  template <class Next>
  auto run(call& c, Next&& next) const -> decltype(next(c)) {
    return detail::run_gated(*this, c, next);
  }
  outcome<ticket> enter(call& c) const;

  int limit() const;
  int in_flight() const;
  void collect(metrics& into) const;
  std::string text() const;  // "concurrency_limit(gradient, 1 .. 200)"

 private:
  struct State;
  static bool admit(State& s, error& why);
  static void end(State& s, call* c, const error* e, time_point began);
  std::shared_ptr<State> state_;
};

class concurrency_limit::ticket {
 public:
  ticket(ticket&& other) noexcept
      : state_(std::exchange(other.state_, nullptr)), began_(other.began_) {}
  ticket& operator=(ticket&&) = delete;
  ~ticket() {
    if (state_ != nullptr) {
      end(*state_, nullptr, nullptr, began_);
    }
  }
  void leave(call& c, const error* e) { end(*std::exchange(state_, nullptr), &c, e, began_); }

 private:
  friend class concurrency_limit;
  ticket(State* state, time_point began) : state_(state), began_(began) {}
  State* state_;
  time_point began_;
};

inline outcome<concurrency_limit::ticket> concurrency_limit::enter(call& c) const {
  error why;
  if (!admit(*state_, why)) {
    return unexpected<error>(std::move(why));
  }
  return ticket(state_.get(), c.now());
}

}  // namespace darn
