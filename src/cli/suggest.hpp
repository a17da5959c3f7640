// "Did you mean …": the known word nearest to a mistyped one. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace darn::cli {

// "did you mean 'status'?", or `otherwise`.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& known,
                         const std::string& otherwise);

}  // namespace darn::cli
