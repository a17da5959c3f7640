// Randomness that can be replayed: every random choice of darn is a function of a recorded seed.
#pragma once

#include <cstdint>
#include <string_view>

#include "darn/detail/mix.hpp"

namespace darn {

using detail::mix64;
using detail::unit_interval;

constexpr std::uint64_t hash64(std::string_view text, std::uint64_t seed = 0) {
  std::uint64_t h = seed ^ 0xcbf29ce484222325ULL;
  for (const char c : text) {
    h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  }
  return mix64(h);
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
