// How many of something there were within the last stretch of time, to a tenth of it. Lock-free,
// thread-safe: two threads that enter a new tenth together agree by one compare-and-set.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>

#include "darn/clock.hpp"

namespace darn::detail {

class recent {
 public:
  explicit recent(duration window)
      : slice_(std::max<std::int64_t>(window.count() / std::int64_t{kSlices}, 1)) {}

  // Counts one, and returns how many there are then.
  std::uint64_t add(time_point now) {
    const std::int64_t slice = slice_of(now);
    bucket(slice).fetch_add(1, std::memory_order_relaxed);
    return count(now);
  }
  // Takes one back that was counted at about `now`.
  void take_back(time_point now) {
    std::atomic<std::uint64_t>& b = bucket(slice_of(now));
    std::uint64_t value = b.load(std::memory_order_relaxed);
    while ((value & kCountMask) != 0 &&
           !b.compare_exchange_weak(value, value - 1, std::memory_order_relaxed)) {
    }
  }
  std::uint64_t count(time_point now) const {
    const std::int64_t slice = slice_of(now);
    std::uint64_t sum = 0;
    for (const std::atomic<std::uint64_t>& b : buckets_) {
      const std::uint64_t value = b.load(std::memory_order_relaxed);
      const std::uint64_t age = (tag(slice) - (value >> kCountBits)) & kTagMask;
      sum += age < kSlices ? value & kCountMask : 0;
    }
    return sum;
  }

 private:
  static constexpr std::uint64_t kSlices = 10;
  // A bucket is the slice it counts for (its low bits) and the count: one word, so that both change
  // together.
  static constexpr unsigned kCountBits = 40;
  static constexpr std::uint64_t kCountMask = (1ULL << kCountBits) - 1;
  static constexpr std::uint64_t kTagMask = (1ULL << (64 - kCountBits)) - 1;

  static std::uint64_t tag(std::int64_t slice) {
    return static_cast<std::uint64_t>(slice) & kTagMask;
  }
  std::int64_t slice_of(time_point t) const { return t.time_since_epoch().count() / slice_; }

  // The bucket of a slice, emptied when it still counts for an older one.
  std::atomic<std::uint64_t>& bucket(std::int64_t slice) {
    std::atomic<std::uint64_t>& b = buckets_[static_cast<std::uint64_t>(slice) % kSlices];
    std::uint64_t value = b.load(std::memory_order_relaxed);
    while (value >> kCountBits != tag(slice) &&
           !b.compare_exchange_weak(value, tag(slice) << kCountBits, std::memory_order_relaxed)) {
    }
    return b;
  }

  std::int64_t slice_;
  std::array<std::atomic<std::uint64_t>, kSlices> buckets_{};
};

}  // namespace darn::detail
