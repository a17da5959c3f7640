// Numbers in the texts that policies print of themselves.
#pragma once

#include <string>

namespace darn {

// 2 as "2", 0.1 as "0.1": three places at most, no zeros at the end.
std::string short_number(double value);

}  // namespace darn
