#include "agent/predicate.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.hpp"

namespace darn {
namespace {

using nlohmann::json;

// JSON where it is JSON, otherwise the word itself.
json parse_literal(std::string_view text) {
  json literal = json::parse(text, nullptr, false);
  return literal.is_discarded() ? json(to_utf8(text)) : literal;
}

std::string unescape(std::string_view part) {
  std::string key;
  key.reserve(part.size());
  for (std::size_t i = 0; i < part.size(); ++i) {
    if (part[i] == '~' && i + 1 < part.size() && (part[i + 1] == '0' || part[i + 1] == '1')) {
      key += part[++i] == '0' ? '~' : '/';
    } else {
      key += part[i];
    }
  }
  return key;
}

void step(const json& value, const std::string& key, std::vector<const json*>& into) {
  if (key == "*") {
    if (!value.is_structured()) {
      return;
    }
    for (const json& child : value) {
      if (into.size() >= Pointer::kMaxMatches) {
        return;
      }
      into.push_back(&child);
    }
  } else if (value.is_object()) {
    if (const auto found = value.find(key); found != value.end()) {
      into.push_back(&*found);
    }
  } else if (value.is_array()) {
    const auto index = parse_int(key);
    if (index && *index >= 0 && static_cast<std::size_t>(*index) < value.size()) {
      into.push_back(&value[static_cast<std::size_t>(*index)]);
    }
  }
}

}  // namespace

Result<Pointer> Pointer::parse(std::string_view text) {
  Pointer pointer;
  if (text.empty()) {
    return pointer;
  }
  if (text.front() != '/') {
    return fail(ErrorKind::config, fmt::format("'{}' is not a JSON pointer", shorten(text, 200)),
                "a pointer starts with '/', as in '/usage/input_tokens' or '/models/*/cost'");
  }
  for (const std::string_view part : split(text.substr(1), '/')) {
    pointer.parts_.push_back(unescape(part));
  }
  return pointer;
}

std::vector<const json*> Pointer::find(const json& value) const {
  std::vector<const json*> found{&value};
  std::vector<const json*> next;
  for (const std::string& part : parts_) {
    next.clear();
    for (const json* at : found) {
      if (next.size() >= kMaxMatches) {
        break;
      }
      step(*at, part, next);
    }
    std::swap(found, next);
  }
  return found;
}

Result<Predicate> Predicate::parse(const std::string& text) {
  DARN_ASSIGN(const PredicateSyntax syntax, parse_predicate(text));
  Predicate predicate;
  DARN_ASSIGN(predicate.pointer_, Pointer::parse(syntax.pointer));
  predicate.op_ = syntax.op;
  if (syntax.op != Op::exists) {
    predicate.literal_ = std::make_shared<const json>(parse_literal(syntax.value));
  }
  return predicate;
}

bool Predicate::compare(const json& value) const {
  if (op_ == Op::exists) {
    return true;
  }
  if (op_ == Op::equal) {
    return value == *literal_;
  }
  if (op_ == Op::not_equal) {
    return value != *literal_;
  }
  if (!value.is_number() || !literal_->is_number()) {
    return false;
  }
  switch (op_) {
    case Op::less: return value < *literal_;
    case Op::less_equal: return value <= *literal_;
    case Op::greater: return value > *literal_;
    default: return value >= *literal_;
  }
}

bool Predicate::holds(const json& value) const {
  const auto found = pointer_.find(value);
  return std::any_of(found.begin(), found.end(), [this](const json* at) { return compare(*at); });
}

Result<bool> holds(const std::string& predicate, const json& value) {
  DARN_ASSIGN(const auto parsed, Predicate::parse(predicate));
  return parsed.holds(value);
}

Status check_predicate(const std::string& predicate) {
  DARN_TRY(Predicate::parse(predicate));
  return {};
}

}  // namespace darn
