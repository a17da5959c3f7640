// What is tried again, as people write it: "network", "75" or "/regex/" (RE2, over the end of what
// was captured). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "model/kinds.hpp"

namespace darn {

// One of the three.
struct RetryOn {
  std::optional<Category> category;
  std::optional<int> exit;
  std::string regex;
};
// The error has no place.
Result<RetryOn> parse_retry_on(std::string_view text);

}  // namespace darn
