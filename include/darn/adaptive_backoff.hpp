// adaptive_backoff: learns per key (a host, an endpoint) from recent outcomes how patient to be. A
// key that mostly answers keeps the planned delay; one that mostly fails waits up to `most` times
// as long, and comes back as it recovers. A handle, copies share what was learned; thread-safe.
#pragma once

#include <memory>
#include <string_view>

#include "darn/error.hpp"

namespace darn {

struct adaptive_backoff_options {
  double most = 8;          // the largest factor; 1 or more
  double memory = 20;       // outcomes: each counts 1/memory of the running failure rate
  std::size_t keys = 1024;  // remembered at most; the one not used for longest is forgotten
};

class adaptive_backoff {
 public:
  explicit adaptive_backoff(adaptive_backoff_options options = {});

  void record(std::string_view key, bool success) const;
  double failure_rate(std::string_view key) const;  // 0 .. 1; 0 for a key never seen
  double factor(std::string_view key) const;        // 1 .. most

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace darn
