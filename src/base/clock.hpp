// Time as darn uses it: milliseconds, wall clock for records, and the seam that lets the simulator
// make a night pass in microseconds. Implementations of Clock are thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace darn {

using Duration = std::chrono::milliseconds;
using Time = std::chrono::sys_time<Duration>;  // wall clock; Time{} means "not set"

inline std::int64_t to_ms(Time t) { return t.time_since_epoch().count(); }
inline Time time_from_ms(std::int64_t ms) { return Time{Duration{ms}}; }

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time now() const = 0;
};

class SystemClock final : public Clock {
 public:
  Time now() const override;
};

// Stands still until told otherwise.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(Time start = time_from_ms(1'700'000'000'000)) : now_(start) {}
  Time now() const override { return now_; }
  void advance(Duration d) { now_ += d; }
  void set(Time t) { now_ = t; }

 private:
  Time now_;
};

std::string format_utc(Time t);          // 2026-11-22T17:30:05.123Z
std::string format_stamp(Time t);        // 20261122-173005, local time; names batches and runs
std::string format_local_clock(Time t);  // 17:30:05, local time; for people

}  // namespace darn
