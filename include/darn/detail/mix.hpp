// Numbers out of 64 bits: the mixer behind every seeded choice, and a number in [0, 1).
#pragma once

#include <cstdint>

namespace darn::detail {

// splitmix64 (Steele, Lea, Flood 2014): a full-period mixer, enough for jitter and schedules.
constexpr std::uint64_t mix64(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31U);
}

// In [0, 1).
constexpr double unit_interval(std::uint64_t bits) {
  return static_cast<double>(bits >> 11U) * 0x1.0p-53;
}

}  // namespace darn::detail
