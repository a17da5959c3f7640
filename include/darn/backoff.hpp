// How long to wait before a retry: a schedule of delays, growth beyond its end, and jitter that
// stays below the cap. Plain values and pure functions: no clock, no global, thread-safe; the same
// random number gives the same delay. No retry number overflows.
//
//   const auto backoff = darn::backoff::exponential(100ms, 30s);          // full jitter
//   std::this_thread::sleep_for(backoff.delay(retry, random.next()));     // retry = 1, 2, …
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "darn/error.hpp"

namespace darn {

// A planned delay d becomes any of d*(1-below) .. min(d*(1+above), cap), equally likely. It is
// drawn below the cap, not drawn and then cut to it: clients that were all pushed to the cap would
// meet there again. Names and comparison: Brooker, "Exponential Backoff And Jitter" (AWS, 2015).
struct jitter {
  double below = 0;      // 0 .. 1
  double above = 0;      // 0 or more
  bool follows = false;  // decorrelated: the last delay counts, not the plan

  static constexpr jitter none() { return {}; }
  static constexpr jitter full() { return {.below = 1}; }     // 0 .. d: spreads a herd best
  static constexpr jitter equal() { return {.below = 0.5}; }  // d/2 .. d: never at once
  static constexpr jitter proportional() { return {.below = 0.5, .above = 0.5}; }  // 0.5 d .. 1.5 d
  // first .. min(3 * the last delay, cap)
  static constexpr jitter decorrelated() { return {.follows = true}; }

  friend constexpr bool operator==(const jitter&, const jitter&) = default;
};

struct backoff {
  std::vector<duration> delays{};  // before retry 1, 2, …; none: no delay
  double factor = 1;               // beyond the last one: times this each time …
  duration step{};                 // … or plus this each time
  duration cap = std::chrono::hours{24};
  darn::jitter jitter = darn::jitter::full();

  static backoff constant(duration delay, darn::jitter jitter = darn::jitter::equal());
  static backoff linear(duration first, duration step, duration cap,
                        darn::jitter jitter = darn::jitter::full());
  static backoff exponential(duration first, duration cap, double factor = 2,
                             darn::jitter jitter = darn::jitter::full());
  // These delays in turn, then the last one again and again: schedule({5s, 15s, 45s, 135s, 300s}).
  static backoff schedule(std::vector<duration> delays,
                          darn::jitter jitter = darn::jitter::equal());

  // Before retry number `retry` (from 1) without jitter: 0 .. cap.
  duration planned(std::int64_t retry) const;

  // With jitter: 0 .. cap. `random`: 64 random bits, so that the caller decides what is replayed.
  // `previous`: the delay before the last retry, for decorrelated jitter; zero: there was none.
  duration delay(std::int64_t retry, std::uint64_t random, duration previous = {}) const;

  // "exponential 100ms x2 .. 30s, full jitter"
  std::string text() const;

  friend bool operator==(const backoff&, const backoff&) = default;
};

// The delay to keep when the other side asked for one: never earlier than it asked, and spread a
// little (up to a tenth) beyond it, because it told everybody the same. More than `max_retry_after`
// nobody waits for it, so that a broken header cannot park anyone for a year: then the last tenth
// before that is where the delay ends.
duration respect_retry_after(duration delay, std::optional<duration> retry_after,
                             duration max_retry_after, std::uint64_t random);

// 90s, 1m30s, 1.5s, 250ms: how durations are printed and read. Reading takes d, h, m, s, ms, us,
// ns, a fraction, several parts in falling order; a bare number is refused (but 0).
std::string to_string(duration d);
std::optional<duration> to_duration(std::string_view text);

}  // namespace darn
