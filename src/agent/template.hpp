// Text with {names} in it, as the elements of an agent's command line are. "{{" and "}}" are
// braces. Pure.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace darn {

// Nothing: the name is unknown.
using Lookup = std::function<std::optional<std::string>(std::string_view name)>;

struct Expanded {
  std::string text;
  bool any_name = false;      // it had a name in it
  bool begins_named = false;  // its first byte came out of a name
};

Result<Expanded> expand(std::string_view text, const Lookup& lookup);

// The names in it, in order; the same errors as expand().
Result<std::vector<std::string>> template_names(std::string_view text);

}  // namespace darn
