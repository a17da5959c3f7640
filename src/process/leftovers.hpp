// What lies in a run's directory when no engine works on it: for `darn doctor`, and for those who
// must not begin beside what still lives. Looks only; nothing is made, kept or taken over.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/run.hpp"

namespace darn {

struct SlotState {
  int slot = 0;
  bool shim_lives = false;
  bool same_boot = false;  // its last shim ran in this boot of this machine
  int open = 0;            // records that nobody has released
  AttemptKey highest = 0;  // of all attempts that its records have ever been for
  std::string trouble;     // why its ring does not read; empty: it does
};

// Of each file slot-K.ring. With a living engine the answer is old at once.
std::vector<SlotState> look_at_slots(const std::string& dir);

}  // namespace darn
