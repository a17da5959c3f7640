// The circuit breaker as a state machine without clock, lock or randomness: time comes in with
// every question, so that it can be tested by the million and kept in a file between processes. Not
// thread-safe; circuit_breaker.hpp is the one for threads.
//
// closed: calls pass and are counted. When enough of the last calls failed or were slow it opens.
// open: calls are refused, for `open_for`. Then half-open: a few probes pass, one result each. When
// they went well it closes, and lets a growing share of the calls in while it ramps up; else it
// opens again. isolated: opened by hand, until reset() by hand.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "darn/clock.hpp"

namespace darn {

enum class breaker_state : std::uint8_t { closed, open, half_open, isolated };
std::string_view to_string(breaker_state s);

struct breaker_settings {
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

  friend bool operator==(const breaker_settings&, const breaker_settings&) = default;
};

class breaker_core {
 public:
  struct permit {
    bool admitted = false;
    std::uint64_t generation = 0;  // of the state it was given in
    std::uint64_t probe = 0;       // which probe it is; 0: none
    duration wait{};               // refused: when it may be worth asking again
  };
  enum class result : std::uint8_t { success, failure, cancelled };

  explicit breaker_core(breaker_settings settings = {});

  // May a call begin? `chance`: any of [0, 1), for the ramp.
  permit enter(time_point now, double chance = 0);
  // How it ended. A permit of an older generation and a probe that was given up are ignored; a
  // cancelled call gives its place back and says nothing.
  void leave(const permit& p, result how, bool slow, time_point now);
  // The same for n successes at once that were let in while closed.
  void add_successes(std::uint64_t n, time_point now);

  breaker_state state(time_point now) const;  // an open one whose time is over is half_open
  bool ramping(time_point now) const;
  // Every call before that is refused; min(): there may be some that are not.
  time_point refuses_until() const;
  std::uint64_t generation() const { return generation_; }
  // Of the window, 0 .. 1; 0 while there are no calls.
  double failure_rate(time_point now) const;
  double slow_rate(time_point now) const;
  std::uint64_t calls(time_point now) const;

  void isolate();
  void reset();  // closed and forgotten, at full load at once

  const breaker_settings& settings() const { return settings_; }

  // State and window as one line of text, and back. Times are relative to `now`, so that they may
  // be kept over a restart and a wall clock that jumps; load() gives nothing for a text that save()
  // did not write or that is of another window's size: begin anew then.
  std::string save(time_point now) const;
  static std::optional<breaker_core> load(breaker_settings settings, std::string_view text,
                                          time_point now);

 private:
  struct Counts {
    std::uint64_t calls = 0;
    std::uint64_t failures = 0;
    std::uint64_t slow = 0;
  };
  struct Slice {
    std::int64_t number = 0;  // since the epoch of the clock, in tenths of the window
    Counts counts;
  };
  struct Probe {
    std::uint64_t id;
    time_point began;
  };
  static constexpr std::int64_t kSlices = 10;

  void enter_state(breaker_state next, time_point now);
  void drop_lost_probes(time_point now);
  permit enter_half_open(time_point now);
  void judge_probes(time_point now);
  void count(bool failed, bool slow, std::uint64_t n, time_point now);
  bool trips(const Counts& c) const;
  Counts window(time_point now) const;
  std::int64_t slice_number(time_point now) const;
  void clear_window();

  breaker_settings settings_;
  breaker_state state_ = breaker_state::closed;
  std::uint64_t generation_ = 1;
  time_point until_{};  // open: until then; closed: the ramp's end
  std::uint64_t last_probe_ = 0;
  std::vector<Probe> probing_;
  Counts probed_;
  std::vector<std::uint8_t> ring_;  // count window: bit 0 failed, bit 1 slow
  std::size_t next_ = 0;
  Counts in_ring_;
  std::array<Slice, kSlices> slices_{};  // time window
};

}  // namespace darn
