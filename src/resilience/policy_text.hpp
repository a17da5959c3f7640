// The text form of policies: "retry(5, backoff=constant(1s)) > timeout(2s)" as a tree. What the
// words mean is said in any_pipeline.cpp.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "darn/error.hpp"

namespace darn {

struct policy_argument;

// A word, a group of arguments, or a word with a group: "2s", "(retry=false)", "constant(1s)".
struct policy_value {
  std::size_t place = 0;  // in the text
  std::string word;
  bool has_group = false;
  std::vector<policy_argument> group;
};

struct policy_argument {
  std::string key;  // empty: it is the one that comes first
  policy_value value;
};

// Something is wrong with the text, at that place of it.
struct policy_text_error {
  std::size_t place = 0;
  std::string message;
};

// The policies, outermost first; "direct" and an empty text are none. Throws policy_text_error.
std::vector<policy_value> parse_policies(std::string_view text);

// As it would be written without blanks: the same for texts that mean the same by their words.
std::string to_text(const policy_value& value);

// "column 9", or "line 2, column 3" of a text of several lines.
std::string place_in(std::string_view text, std::size_t place);

}  // namespace darn
