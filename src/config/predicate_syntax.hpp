// How a predicate is written: '/pointer exists', or '/pointer OP value'. Checked here, where its
// place in the file is known; agent/predicate.hpp says what it means. Pure.
#pragma once

#include <string_view>

#include "base/result.hpp"

namespace darn {

// Views of the text it was read from.
struct PredicateSyntax {
  enum class Op : std::uint8_t {
    equal,
    not_equal,
    less,
    less_equal,
    greater,
    greater_equal,
    exists,
  };
  std::string_view pointer;  // begins with '/'
  Op op = Op::exists;
  std::string_view value;  // JSON or a bare word; empty for exists
};

// Refuses what is longer than 4 KiB, too: that bounds the nesting of a value.
Result<PredicateSyntax> parse_predicate(std::string_view text);

}  // namespace darn
