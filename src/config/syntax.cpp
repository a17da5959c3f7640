// The syntax of what agent/ interprets, checked here because only here the place is known.
#include <algorithm>
#include <array>

#include "config/fields.hpp"
#include "config/node.hpp"

namespace darn {
namespace {

constexpr std::size_t kLongestPredicate = 4096;

std::string_view next_word(std::string_view& text) {
  text = trim(text);
  const std::size_t end = std::min(text.find_first_of(" \t"), text.size());
  const std::string_view word = text.substr(0, end);
  text = trim(text.substr(end));
  return word;
}

// A slip of one letter in a name that darn fills in; any other name is a parameter's. `model` and
// `id` are too near to good names of parameters.
std::string meant_placeholder(const std::string& name) {
  static constexpr std::array<std::string_view, 7> kNames{
      "task", "task_file", "max_turns", "context_path", "output_file", "workspace", "session"};
  for (const std::string_view known : kNames) {
    if (edit_distance(name, known) == 1) {
      return std::string{known};
    }
  }
  return {};
}

Status check_template(const Node& node, std::string_view text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if ((c == '{' || c == '}') && at + 1 < text.size() && text[at + 1] == c) {
      ++at;
      continue;
    }
    if (c != '{') {
      continue;
    }
    const std::size_t end = text.find('}', at);
    const std::string name{end == std::string_view::npos ? std::string_view{}
                                                         : text.substr(at + 1, end - at - 1)};
    if (!is_variable(name)) {
      return node.error("a brace that begins no {name} in " + quote(text),
                        "write '{{' and '}}' for plain braces");
    }
    if (const std::string meant = meant_placeholder(name); !meant.empty()) {
      return node.error("unknown placeholder {" + name + "}", "did you mean {" + meant + "}?");
    }
    at = end;
  }
  return {};
}

}  // namespace

Status check_predicate_syntax(std::string_view text) {
  static constexpr std::array<std::string_view, 6> kOperators{"==", "!=", "<", "<=", ">", ">="};
  std::string_view rest = text;
  const std::string_view pointer = next_word(rest);
  const std::string_view op = next_word(rest);
  const bool compares = std::find(kOperators.begin(), kOperators.end(), op) != kOperators.end();
  const bool good = pointer.starts_with('/') && text.size() <= kLongestPredicate &&
                    (compares ? !rest.empty() : op == "exists" && rest.empty());
  if (!good) {
    return fail(ErrorKind::config, "bad predicate " + quote(text),
                "write '/pointer exists', or '/pointer OP value' with ==, !=, <, <=, > or >=");
  }
  return {};
}

Setter into_predicate(std::string& out) {
  return [&out](const Node& node) -> Status {
    DARN_ASSIGN(const std::string text, node.text());
    if (auto status = check_predicate_syntax(text); !status) {
      return node.placed(std::move(status.error()));
    }
    out = text;
    return {};
  };
}

Setter into_predicates(std::vector<std::string>& out) {
  return [&out](const Node& node) -> Status {
    DARN_ASSIGN(const std::vector<Node> items, node.items());
    std::vector<std::string> values(items.size());
    for (std::size_t i = 0; i < items.size(); ++i) {
      DARN_TRY(into_predicate(values[i])(items[i]));
    }
    out = std::move(values);
    return {};
  };
}

Setter into_template(std::string& out) {
  return [&out](const Node& node) -> Status {
    DARN_ASSIGN(const std::string text, node.text());
    DARN_TRY(check_template(node, text));
    out = text;
    return {};
  };
}

}  // namespace darn
