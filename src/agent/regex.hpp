// Regular expressions over an agent's output: RE2, so linear in the text whatever the expression.
// Pure; expressions that do not compile match nothing (check_regex tells a user before).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace darn {

Status check_regex(const std::string& regex);

bool matches_regex(const std::string& regex, std::string_view text);

// Group 1 of a match, or all of it when there is no group. take: first, last, or sum (the first
// match of each place, as numbers, added up).
std::optional<std::string> find_regex(const std::string& regex, std::string_view text,
                                      std::string_view take = "first");

// The named group of the first match in which it took part.
std::optional<std::string> find_group(const std::string& regex, const std::string& group,
                                      std::string_view text);
bool has_group(const std::string& regex, const std::string& group);

}  // namespace darn
