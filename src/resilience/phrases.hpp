// The words that classify_message() knows. Constant, thread-safe.
#pragma once

#include <span>
#include <string_view>

#include "darn/category.hpp"

namespace darn::tables {

// As a whole word, or any words that begin so when the text ends with '*'; before it stands no
// letter, digit or '_', unless it begins with '*'.
struct Phrase {
  std::string_view words;  // lower case
  darn::category category;
  darn::severity severity = darn::severity::medium;
  bool ambiguous = false;
};

std::span<const Phrase> phrases();

}  // namespace darn::tables
