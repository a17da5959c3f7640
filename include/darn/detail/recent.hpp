// How many of something there were within the last stretch of time, to a tenth of it. Lock-free,
// thread-safe: two threads that enter a new tenth together agree by one compare-and-set. A thread
// that read the clock long ago finds newer counts and leaves them be.
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
  // Takes one back that was counted at `then`, unless it is forgotten by now.
  void take_back(time_point then) {
    const std::int64_t slice = slice_of(then);
    std::atomic<std::uint64_t>& b = buckets_[static_cast<std::uint64_t>(slice) % kSlices];
    std::uint64_t value = b.load(std::memory_order_relaxed);
    while (age(slice, value) == 0 && (value & kCountMask) != 0 &&
           !b.compare_exchange_weak(value, value - 1, std::memory_order_relaxed)) {
    }
  }
  std::uint64_t count(time_point now) const {
    const std::int64_t slice = slice_of(now);
    std::uint64_t sum = 0;
    for (const std::atomic<std::uint64_t>& b : buckets_) {
      const std::uint64_t value = b.load(std::memory_order_relaxed);
      const std::int64_t slices_ago = age(slice, value);
      sum += slices_ago > -kWindow && slices_ago < kWindow ? value & kCountMask : 0;
    }
    return sum;
  }

 private:
  static constexpr std::uint64_t kSlices = 10;
  static constexpr std::int64_t kWindow = kSlices;
  // So far behind the others a thread may be; any more is taken for the counter of slices having
  // gone round while nothing was counted.
  static constexpr std::int64_t kLate = 100 * kWindow;
  // A bucket is the slice it counts for (its low bits) and the count: one word, so that both change
  // together.
  static constexpr unsigned kCountBits = 40;
  static constexpr std::uint64_t kCountMask = (1ULL << kCountBits) - 1;
  static constexpr std::uint64_t kTagMask = (1ULL << (64 - kCountBits)) - 1;

  static std::uint64_t tag(std::int64_t slice) {
    return static_cast<std::uint64_t>(slice) & kTagMask;
  }
  // How many slices before `slice` the bucket's is; below 0: after it.
  static std::int64_t age(std::int64_t slice, std::uint64_t bucket_value) {
    const std::uint64_t difference = (tag(slice) - (bucket_value >> kCountBits)) & kTagMask;
    return difference <= kTagMask / 2 ? static_cast<std::int64_t>(difference)
                                      : -static_cast<std::int64_t>(kTagMask + 1 - difference);
  }
  static bool outdated(std::int64_t slice, std::uint64_t bucket_value) {
    const std::int64_t slices_ago = age(slice, bucket_value);
    return slices_ago > 0 || slices_ago < -kLate;
  }
  std::int64_t slice_of(time_point t) const { return t.time_since_epoch().count() / slice_; }

  // The bucket of a slice, emptied when it still counts for an older one.
  std::atomic<std::uint64_t>& bucket(std::int64_t slice) {
    std::atomic<std::uint64_t>& b = buckets_[static_cast<std::uint64_t>(slice) % kSlices];
    std::uint64_t value = b.load(std::memory_order_relaxed);
    while (outdated(slice, value) &&
           !b.compare_exchange_weak(value, tag(slice) << kCountBits, std::memory_order_relaxed)) {
    }
    return b;
  }

  std::int64_t slice_;
  std::array<std::atomic<std::uint64_t>, kSlices> buckets_{};
};

}  // namespace darn::detail
