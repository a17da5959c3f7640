// retry_budget: retries stay a fraction of the calls, whatever fails. Shared by all callers of one
// destination; a handle, copies share the tokens. Thread-safe; lock-free but for reserve() with a
// share.
//
// A token bucket, as in gRPC (retryThrottling) and the AWS SDKs: a retry takes its cost, a success
// gives `per_success` back, never above `capacity`. When the tokens are used up nothing is retried,
// and a dead server sees its normal load plus the bucket, not times max_attempts. A retry reserves
// before it sleeps, so that a thousand sleepers cannot all count on the last token.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "darn/call.hpp"
#include "darn/metrics.hpp"

namespace darn {

struct retry_budget_options {
  double capacity = 10;      // tokens at the start and at most; gRPC's example: 10
  double per_success = 0.1;  // gRPC's example: one retry for ten successes
  // Besides tokens: retries may be at most this share of the calls of the last `window`; 0: no such
  // limit. Finagle's default is 0.2 over 10 s.
  double share = 0;
  duration window = std::chrono::seconds{10};
  double at_least = 10;  // retries in a window that the share never forbids
  std::string name{};
};

class retry_budget {
 public:
  explicit retry_budget(retry_budget_options options = {});

  // Takes `cost` tokens, to a thousandth, or none and returns false. `now` counts for the share
  // alone.
  bool reserve(double cost, time_point now) const;
  // What was reserved then was not made.
  void refund(double cost, time_point reserved) const;
  void succeeded() const;            // a call ended well
  void called(const call& c) const;  // a call began; counts for the share alone
  double tokens() const;
  const retry_budget_options& options() const;
  void collect(metrics& into) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace darn
