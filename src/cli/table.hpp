// Text in columns. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace darn::cli {

// Columns aligned: the first so many to the left, the others to the right.
std::string table(const std::vector<std::vector<std::string>>& rows, std::size_t to_the_left = 1);

}  // namespace darn::cli
