#include "policy/pool.hpp"

#include <algorithm>
#include <cmath>

namespace darn {
namespace {

double top(const PoolDef& def, int jobs) { return std::max(1, def.limit > 0 ? def.limit : jobs); }

bool rests(const PoolState& pool, const std::string& key, Time now) {
  const auto it = pool.keys_resting.find(key);
  return it != pool.keys_resting.end() && it->second > now;
}

void rest_key(PoolState& pool, const std::string& key, const std::vector<std::string>& keys,
              Time now, Time until) {
  std::erase_if(pool.keys_resting, [&](const auto& entry) { return entry.second <= now; });
  auto& key_until = pool.keys_resting[key];
  key_until = std::max(key_until, until);
  if (!std::all_of(keys.begin(), keys.end(), [&](const auto& k) { return rests(pool, k, now); })) {
    return;
  }
  // None is left: the pool waits for the first to come back.
  Time first = Time::max();
  for (const auto& k : keys) {
    first = std::min(first, pool.keys_resting[k]);
  }
  pool.parked_until = std::max(pool.parked_until, first);
}

}  // namespace

PoolState initial_pool(const PoolDef& def, int jobs) {
  return {.name = def.name, .limit = top(def, jobs)};
}

void on_limited(PoolState& pool, const PoolDef& def, int jobs, const std::string& key,
                const std::vector<std::string>& keys, Time now, Time until) {
  const bool one_of_several =
      keys.size() > 1 && std::find(keys.begin(), keys.end(), key) != keys.end();
  const bool same_burst = one_of_several ? rests(pool, key, now) : pool.parked_until > now;
  if (!same_burst) {
    pool.limit = std::max(1.0, std::min(pool.limit, top(def, jobs)) / 2);
    pool.last_change = now;
    ++pool.limited_in_a_row;
  }
  if (one_of_several) {
    rest_key(pool, key, keys, now, until);
  } else {
    pool.parked_until = std::max(pool.parked_until, until);
  }
}

void on_success(PoolState& pool, const PoolDef& def, int jobs, Time now) {
  // What was started before the limit was hit may still succeed while the pool rests: no growth.
  if (pool.parked_until > now) {
    return;
  }
  pool.limited_in_a_row = 0;
  const double most = top(def, jobs);
  if (pool.limit < most) {
    pool.limit = std::min(most, pool.limit + 1 / std::max(1.0, pool.limit));
    pool.last_change = now;
  }
}

int room(const PoolState& pool, int running, Time now) {
  if (pool.parked_until > now) {
    return 0;
  }
  // Sums of 1/limit that reach a whole number on paper may stop a hair below it.
  return std::max(0, static_cast<int>(std::floor(pool.limit + 1e-9)) - running);
}

const std::string* next_key(const PoolState& pool, const std::vector<std::string>& keys,
                            std::uint64_t turn, Time now) {
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const auto& key = keys[(turn % keys.size() + i) % keys.size()];
    if (!rests(pool, key, now)) {
      return &key;
    }
  }
  return nullptr;
}

StartRate::StartRate(const PoolDef& def)
    : interval_ms_(def.rate > 0 ? static_cast<double>(def.rate_per.count()) / def.rate : 0) {}

bool StartRate::take(Time now) {
  if (now < next(now)) {
    return false;
  }
  next_ms_ = std::max(next_ms_, static_cast<double>(to_ms(now))) + interval_ms_;
  return true;
}

Time StartRate::next(Time now) const {
  return std::max(now, time_from_ms(static_cast<std::int64_t>(std::ceil(next_ms_))));
}

}  // namespace darn
