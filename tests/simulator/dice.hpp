// Choices of the simulator: a stream that is a function of its seed.
#pragma once

#include <cstdint>
#include <vector>

#include "base/clock.hpp"
#include "base/random.hpp"

namespace darn::sim {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(mix64(seed)) {}
  // In [low, high].
  int between(int low, int high) {
    return low + static_cast<int>(random_.next() % static_cast<std::uint64_t>(high - low + 1));
  }
  bool chance(int percent) { return between(1, 100) <= percent; }
  Duration ms(int low, int high) { return Duration{between(low, high)}; }
  template <class T>
  const T& pick(const std::vector<T>& from) {
    return from[static_cast<std::size_t>(between(0, static_cast<int>(from.size()) - 1))];
  }
  std::uint64_t seed() { return random_.next(); }

 private:
  Random random_;
};

}  // namespace darn::sim
