// What a shim finds when it starts: the two descriptors it inherits. Its main is declared in
// shim_runner.hpp.
#pragma once

namespace darn {

inline constexpr int kShimControlFd = 3;
inline constexpr int kShimRingFd =
    4;  // carries the slot's lock: open for as long as the shim lives

}  // namespace darn
