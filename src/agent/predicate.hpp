// Predicates over a JSON value, and the pointers they look through: what rules, failed_when and
// terminal are written in. Pure; bounded by the value's size; hostile values cannot make them fail.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/result.hpp"
#include "config/predicate_syntax.hpp"

namespace darn {

// A JSON pointer (RFC 6901) in which a part '*' stands for every key or element. Empty: the value
// itself.
class Pointer {
 public:
  static constexpr std::size_t kMaxMatches = 100'000;
  static Result<Pointer> parse(std::string_view text);
  // The matches lie inside `value`, in its order; at most kMaxMatches.
  std::vector<const nlohmann::json*> find(const nlohmann::json& value) const;

 private:
  std::vector<std::string> parts_;
};

// "/is_error == true", "/permission_denials != []", "/n > 3", "/subtype == error_max_turns",
// "/a/*/b exists". Literals: JSON, or a bare word as a string. With '*' one match is enough; about
// what is not there nothing holds, '!=' included.
class Predicate {
 public:
  static Result<Predicate> parse(const std::string& text);
  bool holds(const nlohmann::json& value) const;

 private:
  using Op = PredicateSyntax::Op;
  bool compare(const nlohmann::json& value) const;
  Pointer pointer_;
  Op op_ = Op::exists;
  std::shared_ptr<const nlohmann::json> literal_;  // shared: a Predicate is a cheap value
};

Result<bool> holds(const std::string& predicate, const nlohmann::json& value);
Status check_predicate(const std::string& predicate);  // its syntax

}  // namespace darn
