// For tests of code that uses darn: a clock that makes a day of backoff pass in microseconds.
//
//   darn::fake_clock clock;
//   auto result = pipeline.run({.clock = &clock}, callee);   // sleeps take no time
//   CHECK(clock.sleeps() == std::vector<darn::duration>{5s, 15s});
//
// Thread-safe. Timers that come due run in the thread that moves the time.
#pragma once

#include <atomic>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "darn/clock.hpp"

namespace darn {

class fake_clock final : public clock {
 public:
  // Whose sleep moves the time: each sleeper its own, at once; or only the test, by advance().
  enum class mode : std::uint8_t { jump, stand };

  explicit fake_clock(mode how = mode::jump) : mode_(how) {}

  time_point now() override;
  wall_time wall_now() override;
  bool sleep_until(time_point until, const std::stop_token& stop) override;
  bool wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable_any& changed,
                  time_point until, const std::stop_token& stop,
                  const std::function<bool()>& ready) override;
  timer call_at(time_point at, std::function<void()> action) override;
  void cancel(timer which) override;

  void advance(duration d);              // the steady clock and the wall clock
  void jump_wall_clock(duration d);      // the wall clock alone, either way
  std::vector<duration> sleeps() const;  // how long each sleep was asked to be
  std::size_t sleepers() const;          // threads that wait now (mode::stand)
  std::size_t timers() const;            // not yet due and not cancelled

 private:
  struct Waiter {
    std::mutex* mutex;
    std::condition_variable_any* changed;
  };
  void advance_to(time_point target, const std::stop_token* stop);
  bool wait_standing(std::unique_lock<std::mutex>& lock, std::condition_variable_any& changed,
                     time_point until, const std::stop_token& stop,
                     const std::function<bool()>& ready);

  const mode mode_;
  mutable std::mutex mutex_;
  std::condition_variable_any ran_;
  std::atomic<time_point> now_{time_point{std::chrono::hours{1}}};  // changed under the lock
  duration wall_ahead_ = std::chrono::seconds{1'700'000'000};
  std::map<std::pair<time_point, timer>, std::function<void()>> due_;
  timer last_timer_ = 0;
  std::set<timer> running_;
  std::map<std::uint64_t, Waiter> waiters_;
  std::uint64_t last_waiter_ = 0;
  std::vector<duration> sleeps_;
};

}  // namespace darn
