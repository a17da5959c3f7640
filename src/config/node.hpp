// Reads a table of a document into a struct: one line per key, unknown keys and wrong values become
// errors with their place and the mend. For the readers of config/ only.
//
//   return read_table(node, {{"retries", into(policy.retries, 0, 1000)},
//                            {"backoff", into(policy.backoff)}});
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "config/config.hpp"

namespace darn {

// A place in a document. Cheap to copy; the document must outlive it.
class Node {
 public:
  Node(const ConfigDocument& document, std::string pointer, ErrorKind kind)
      : document_(&document), pointer_(std::move(pointer)), kind_(kind) {}

  const nlohmann::json& json() const {
    return document_->root().at(nlohmann::json::json_pointer(pointer_));
  }
  Node child(std::string_view key) const {
    return {*document_, child_pointer(pointer_, key), kind_};
  }
  bool has(const std::string& key) const { return json().is_object() && json().contains(key); }
  std::vector<std::string> keys() const { return document_->keys(pointer_); }
  std::string name() const;  // the last part of its path, for messages
  ErrorKind kind() const { return kind_; }
  const std::string& pointer() const { return pointer_; }
  const ConfigDocument& document() const { return *document_; }

  tl::unexpected<Error> error(std::string message, std::string mend) const;
  tl::unexpected<Error> key_error(std::string message, std::string mend) const;
  // Gives an error without a place this one's.
  tl::unexpected<Error> placed(Error error) const;

  // A scalar as text; numbers and flags as they are written.
  Result<std::string> text() const;
  // A list, or one value instead of a list of one.
  Result<std::vector<Node>> items() const;

 private:
  const ConfigDocument* document_;
  std::string pointer_;
  ErrorKind kind_;
};

using Setter = std::function<Status(const Node&)>;
using Fields = std::vector<std::pair<std::string_view, Setter>>;

// Null values (YAML) leave their field unset.
Status read_table(const Node& node, const Fields& fields);
// The syntax of a predicate; the error has no place.
Status check_predicate_syntax(std::string_view text);

// An unknown key: with the nearest of the known ones.
tl::unexpected<Error> unknown_key(const Node& node, const std::vector<std::string>& known);

Setter into(std::string& out);
Setter into(bool& out);
Setter into(int& out, int least, int most);
Setter into(std::optional<int>& out, int least, int most);
Setter into(double& out, double least, double most);
Setter into(std::optional<double>& out, double least, double most);
Setter into(Duration& out);
Setter into(std::optional<Duration>& out);
Setter into(std::vector<std::string>& out);
Setter into(std::vector<Duration>& out);
Setter into(std::vector<int>& out, int least, int most);
Setter into(Budget& out);
Setter into_bytes(std::uint64_t& out);
Setter into_regex(std::string& out);
Setter into_regexes(std::vector<std::string>& out);
Setter into_pointer(std::string& out);    // a JSON pointer
Setter into_predicate(std::string& out);  // see agent/predicate.hpp
Setter into_predicates(std::vector<std::string>& out);
Setter into_template(std::string& out);  // text with {names}, see agent/template.hpp
Setter into_choice(std::string& out, std::vector<std::string> choices);

// "one of 'a', 'b'"
std::string one_of(const std::vector<std::string>& choices);

}  // namespace darn
