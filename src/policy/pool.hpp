// A pool's limits as pure functions over PoolState: additive increase, multiplicative decrease on
// limits of somebody else (RFC 5681's rule, applied to concurrency), a spacing for rates, and
// keys that rest while others go on.
#pragma once

#include <string>
#include <vector>

#include "model/run.hpp"

namespace darn {

PoolState initial_pool(const PoolDef& def, int jobs);

// A rate limit or quota was hit. Halves the limit (not below 1; not again while it rests for that,
// so that a burst of failures of one moment counts once) and parks the pool, or only the key that
// was used when there are others, until `until`. When all keys rest, the pool waits for the first.
void on_limited(PoolState& pool, const PoolDef& def, int jobs, const std::string& key,
                const std::vector<std::string>& keys, Time now, Time until);

// A success: the limit grows by 1/limit up to the definition's; not while the pool rests.
void on_success(PoolState& pool, const PoolDef& def, int jobs, Time now);

// How many more may start now with `running` in it; and when to ask again when none may.
int room(const PoolState& pool, int running, Time now);

// The next key to use, in turn over those that do not rest; nullptr when all rest.
const std::string* next_key(const PoolState& pool, const std::vector<std::string>& keys,
                            std::uint64_t turn, Time now);

// Starts evenly spaced at PoolDef::rate (a token bucket of one): in no stretch of rate_per are
// there more than `rate` starts. Lives with the engine, not stored: a restart may start one at
// once.
class StartRate {
 public:
  explicit StartRate(const PoolDef& def);
  bool take(Time now);        // false: not yet
  Time next(Time now) const;  // when take() will succeed; now when at once

 private:
  double interval_ms_ = 0;  // 0: no rate
  double next_ms_ = 0;
};

}  // namespace darn
