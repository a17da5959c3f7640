// The syntax of what agent/ interprets, checked here because only here the place is known.
#include <array>

#include "config/fields.hpp"
#include "config/node.hpp"
#include "config/predicate_syntax.hpp"

namespace darn {
namespace {

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
  DARN_TRY(parse_predicate(text));
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
