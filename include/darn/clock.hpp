// Time and chance as the policies see them: the seams that let a test make a day of backoff pass in
// microseconds. Deadlines and windows are of the steady clock alone, so that no wall clock's jump
// moves them; the wall clock is read for nothing but an HTTP-date. Implementations are thread-safe.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <stop_token>

#if defined(__linux__)
#include <time.h>
#endif

#include "darn/detail/mix.hpp"
#include "darn/error.hpp"

namespace darn {

using time_point = std::chrono::time_point<std::chrono::steady_clock, duration>;
using wall_time = std::chrono::system_clock::time_point;

class clock {
 public:
  using timer = std::uint64_t;  // 0: none

  virtual ~clock() = default;
  virtual time_point now() = 0;
  virtual wall_time wall_now() = 0;
  // False when `stop` was requested before `until`: at once, not at the end of the sleep.
  virtual bool sleep_until(time_point until, const std::stop_token& stop) = 0;
  // Waits on `changed` until ready(), `until` or stop; ready() at the end.
  virtual bool wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable_any& changed,
                          time_point until, const std::stop_token& stop,
                          const std::function<bool()>& ready) = 0;
  // Calls `action` once at `at`, from a thread of the clock's: it must be short and not throw.
  virtual timer call_at(time_point at, std::function<void()> action) = 0;
  // After this the action is not running and will not run, unless it is the action itself that
  // asks.
  virtual void cancel(timer which) = 0;
};

// The machine's: steady_clock, system_clock, condition variables, one thread for timers that starts
// with the first of them.
clock& real_clock();

class random_source {
 public:
  virtual ~random_source() = default;
  virtual std::uint64_t next() = 0;  // any of 2^64, equally likely
};

// Seeded from std::random_device, one stream for each thread.
random_source& real_random();

// The same numbers for the same seed (splitmix64; Steele, Lea, Flood 2014). Lock-free.
class seeded_random final : public random_source {
 public:
  explicit seeded_random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() override;

 private:
  std::atomic<std::uint64_t> state_;
};

namespace detail {

inline time_point steady_now() {
  return std::chrono::time_point_cast<duration>(std::chrono::steady_clock::now());
}

// The time of the last kernel tick, a fifth of the price of now(): between now() - coarse_tick()
// and now(). Where there is no such clock it is now() and the tick is 0.
inline time_point coarse_now() {
#if defined(__linux__) && defined(CLOCK_MONOTONIC_COARSE)
  timespec t{};
  if (clock_gettime(CLOCK_MONOTONIC_COARSE, &t) == 0) {
    return time_point{std::chrono::seconds{t.tv_sec} + std::chrono::nanoseconds{t.tv_nsec}};
  }
#endif
  return steady_now();
}
extern const duration kCoarseTick;
// What takes at least so many ticks is measured with it: to be one tick late is then 1 %.
inline constexpr int kCoarseTicks = 100;

}  // namespace detail
}  // namespace darn
