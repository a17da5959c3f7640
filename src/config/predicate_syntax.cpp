#include "config/predicate_syntax.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.hpp"

namespace darn {
namespace {

using Op = PredicateSyntax::Op;

constexpr std::size_t kLongest = 4096;
constexpr std::array<std::pair<std::string_view, Op>, 7> kOperators = {{
    {"==", Op::equal},
    {"!=", Op::not_equal},
    {"<", Op::less},
    {"<=", Op::less_equal},
    {">", Op::greater},
    {">=", Op::greater_equal},
    {"exists", Op::exists},
}};

std::string_view next_word(std::string_view& text) {
  text = trim(text);
  const std::size_t end = std::min(text.find_first_of(" \t"), text.size());
  const std::string_view word = text.substr(0, end);
  text = trim(text.substr(end));
  return word;
}

}  // namespace

Result<PredicateSyntax> parse_predicate(std::string_view text) {
  PredicateSyntax syntax;
  std::string_view rest = text;
  syntax.pointer = next_word(rest);
  const std::string_view word = next_word(rest);
  const auto* const op = std::find_if(kOperators.begin(), kOperators.end(),
                                      [&](const auto& known) { return known.first == word; });
  const bool known = op != kOperators.end();
  if (!known || !syntax.pointer.starts_with('/') || text.size() > kLongest ||
      rest.empty() != (op->second == Op::exists)) {
    return fail(ErrorKind::config, "bad predicate " + quote(text),
                "write '/pointer exists', or '/pointer OP value' with ==, !=, <, <=, > or >=");
  }
  syntax.op = op->second;
  syntax.value = rest;
  return syntax;
}

}  // namespace darn
