// Randomness that can be replayed: every random choice of darn is a function of a recorded seed.
#pragma once

#include <cstdint>
#include <string_view>

namespace darn {

// splitmix64 (Steele, Lea, Flood 2014): a full-period mixer, enough for jitter and schedules.
constexpr std::uint64_t mix64(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31U);
}

constexpr std::uint64_t hash64(std::string_view text, std::uint64_t seed = 0) {
  std::uint64_t h = seed ^ 0xcbf29ce484222325ULL;
  for (const char c : text) {
    h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  }
  return mix64(h);
}

// In [0, 1).
constexpr double unit_interval(std::uint64_t bits) {
  return static_cast<double>(bits >> 11U) * 0x1.0p-53;
}

// A stream of numbers from one seed; the seam that the simulator and the tests fix.
class Random {
 public:
  explicit constexpr Random(std::uint64_t seed) : state_(seed) {}
  constexpr std::uint64_t next() { return mix64(state_++ * 0xd1342543de82ef95ULL); }
  constexpr double unit() { return unit_interval(next()); }

 private:
  std::uint64_t state_;
};

}  // namespace darn
