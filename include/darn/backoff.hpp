// How long to wait before a retry: a schedule of delays, growth beyond its end, jitter that stays
// below the plan, and a server's Retry-After as a floor. Plain values and pure functions: no clock,
// no global, thread-safe; the same seed gives the same delay. Needs the standard library only.
//
//   const auto backoff = darn::Backoff::exponential(100ms, 2.0, 30s);
//   std::this_thread::sleep_for(darn::backoff_delay(backoff, retry, seed));  // retry = 1, 2, …
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace darn {

struct Backoff {
  using Millis = std::chrono::milliseconds;

  std::vector<Millis> delays;  // before retry 1, 2, …; none: no delay
  double factor = 1.0;         // beyond the last one: 1 repeats it, 2 doubles it each time
  Millis cap = std::chrono::hours{24};
  // A delay d becomes d*(1-jitter) .. d. Full jitter is 1; the default, half ("equal jitter"),
  // still spreads a herd but never retries at once (Brooker, "Exponential Backoff And Jitter",
  // 2015).
  double jitter = 0.5;

  static Backoff schedule(std::vector<Millis> delays, double jitter = 0.5) {
    return {.delays = std::move(delays), .jitter = jitter};
  }
  static Backoff exponential(Millis first, double factor, Millis cap, double jitter = 0.5) {
    return {.delays = {first}, .factor = factor, .cap = cap, .jitter = jitter};
  }
};

// The delay before retry number `retry` (from 1) as planned, without jitter: 0 .. cap. Saturates:
// no retry number overflows.
inline Backoff::Millis planned_delay(const Backoff& backoff, std::int64_t retry) {
  using Millis = Backoff::Millis;
  const Millis cap = std::max(backoff.cap, Millis{0});
  if (backoff.delays.empty()) {
    return Millis{0};
  }
  const auto count = static_cast<std::int64_t>(backoff.delays.size());
  const auto index = static_cast<std::size_t>(std::clamp<std::int64_t>(retry, 1, count) - 1);
  const Millis base = std::clamp(backoff.delays[index], Millis{0}, cap);
  if (retry <= count || backoff.factor == 1.0) {
    return base;
  }
  const double grown = static_cast<double>(base.count()) *
                       std::pow(std::max(backoff.factor, 0.0), static_cast<double>(retry - count));
  // Written so that an infinity or a NaN ends at the cap.
  return grown < static_cast<double>(cap.count()) ? Millis{static_cast<std::int64_t>(grown)} : cap;
}

// The delay to keep: planned_delay less the jitter, which is a function of seed and retry.
inline Backoff::Millis backoff_delay(const Backoff& backoff, std::int64_t retry,
                                     std::uint64_t seed) {
  const auto planned = planned_delay(backoff, retry);
  // splitmix64 (Steele, Lea, Flood 2014) of seed and retry, then the upper 53 bits as [0, 1).
  std::uint64_t x = seed + 0x9e3779b97f4a7c15ULL * (static_cast<std::uint64_t>(retry) + 1);
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebULL;
  const double unit = static_cast<double>((x ^ (x >> 31U)) >> 11U) * 0x1.0p-53;
  const double share = std::clamp(backoff.jitter, 0.0, 1.0) * unit;
  // Rounded down: what is taken off never exceeds jitter * planned.
  return planned -
         Backoff::Millis{static_cast<std::int64_t>(static_cast<double>(planned.count()) * share)};
}

// The same with what a server asked for: never earlier than Retry-After, which is itself held
// between 0 and `max_retry_after`, so that a broken header cannot park anybody for a year.
inline Backoff::Millis backoff_delay(const Backoff& backoff, std::int64_t retry, std::uint64_t seed,
                                     std::optional<Backoff::Millis> retry_after,
                                     Backoff::Millis max_retry_after) {
  const auto delay = backoff_delay(backoff, retry, seed);
  if (!retry_after) {
    return delay;
  }
  const auto most = std::max(max_retry_after, Backoff::Millis{0});
  return std::max(delay, std::clamp(*retry_after, Backoff::Millis{0}, most));
}

}  // namespace darn
