// Parts that are broken on purpose, each so that one invariant falls: the proof that the simulator
// can fail.
#pragma once

#include <vector>

#include "simulator/simulation.hpp"

namespace darn::sim {

const std::vector<Mutation>& mutations();

}  // namespace darn::sim
