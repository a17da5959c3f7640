#include "config/node.hpp"

#include <fmt/format.h>
#include <re2/re2.h>

#include "config/secrets.hpp"

namespace darn {
namespace {

std::string unescape(std::string_view part) {
  std::string out;
  for (std::size_t i = 0; i < part.size(); ++i) {
    if (part[i] == '~' && i + 1 < part.size()) {
      out += part[++i] == '1' ? '/' : '~';
    } else {
      out += part[i];
    }
  }
  return out;
}

// Applies `parse` to the node's text; `right` says what would be right.
template <class T, class Parse>
Setter parsed(T& out, Parse parse, std::string right) {
  return [&out, parse, right = std::move(right)](const Node& node) -> Status {
    DARN_ASSIGN(const std::string text, node.text());
    auto value = parse(text);
    if (!value) {
      return node.error("bad value " + shown(text) + " for " + quote(node.name()), right);
    }
    out = std::move(*value);
    return {};
  };
}

template <class T>
Setter each(std::vector<T>& out, std::function<Setter(T&)> setter) {
  return [&out, setter = std::move(setter)](const Node& node) -> Status {
    DARN_ASSIGN(const std::vector<Node> items, node.items());
    std::vector<T> values;
    for (const Node& item : items) {
      T value{};
      DARN_TRY(setter(value)(item));
      values.push_back(std::move(value));
    }
    out = std::move(values);
    return {};
  };
}

auto int_between(int least, int most) {
  return [least, most](const std::string& text) -> std::optional<int> {
    const auto value = parse_int(text);
    const bool good = value && *value >= least && *value <= most;
    return good ? std::optional<int>{static_cast<int>(*value)} : std::nullopt;
  };
}

auto number_between(double least, double most) {
  return [least, most](const std::string& text) -> std::optional<double> {
    const auto value = parse_number(text);
    return value && *value >= least && *value <= most ? value : std::nullopt;
  };
}

std::string int_mend(int least, int most) {
  return fmt::format("give a whole number from {} to {}", least, most);
}

constexpr const char* kDurationMend = "give a duration such as 90, 250ms, 10m or 1h30m";

std::optional<Duration> duration_of(const std::string& text) { return parse_duration(text); }

}  // namespace

std::string Node::name() const {
  const std::size_t slash = pointer_.rfind('/');
  return slash == std::string::npos ? document_->file() : unescape(pointer_.substr(slash + 1));
}

tl::unexpected<Error> Node::error(std::string message, std::string mend) const {
  return fail(kind_, std::move(message), std::move(mend), document_->where(pointer_));
}

tl::unexpected<Error> Node::key_error(std::string message, std::string mend) const {
  return fail(kind_, std::move(message), std::move(mend), document_->where_key(pointer_));
}

tl::unexpected<Error> Node::placed(Error error) const {
  error.kind = kind_;
  error.where = document_->where(pointer_);
  return tl::unexpected<Error>(std::move(error));
}

Result<std::string> Node::text() const {
  const nlohmann::json& value = json();
  switch (value.type()) {
    case nlohmann::json::value_t::string: return value.get<std::string>();
    case nlohmann::json::value_t::boolean: return std::string{value.get<bool>() ? "true" : "false"};
    case nlohmann::json::value_t::number_integer:
    case nlohmann::json::value_t::number_unsigned: return std::to_string(value.get<std::int64_t>());
    case nlohmann::json::value_t::number_float: return fmt::format("{}", value.get<double>());
    case nlohmann::json::value_t::null: return std::string{};
    default: break;
  }
  return error(fmt::format("{} is a {}", quote(name()), value.is_array() ? "list" : "table"),
               "give a single value");
}

Result<std::vector<Node>> Node::items() const {
  const nlohmann::json& value = json();
  if (value.is_object()) {
    return error(quote(name()) + " is a table", "give a list");
  }
  if (!value.is_array()) {
    return value.is_null() ? std::vector<Node>{} : std::vector<Node>{*this};
  }
  std::vector<Node> nodes;
  for (std::size_t i = 0; i < value.size(); ++i) {
    nodes.push_back(child(std::to_string(i)));
  }
  return nodes;
}

tl::unexpected<Error> unknown_key(const Node& node, const std::vector<std::string>& known) {
  const std::string near = nearest(node.name(), known);
  return node.key_error("unknown key " + quote(node.name()),
                        near.empty() ? "known here: " + fmt::format("{}", fmt::join(known, ", "))
                                     : "did you mean '" + near + "'?");
}

Status read_table(const Node& node, const Fields& fields) {
  if (node.json().is_null()) {
    return {};
  }
  if (!node.json().is_object()) {
    return node.error(quote(node.name()) + " is no table", "give it keys with values");
  }
  for (const std::string& key : node.keys()) {
    const Node value = node.child(key);
    const auto it = std::find_if(fields.begin(), fields.end(),
                                 [&](const auto& field) { return field.first == key; });
    if (it == fields.end()) {
      std::vector<std::string> known;
      for (const auto& field : fields) {
        known.emplace_back(field.first);
      }
      return unknown_key(value, known);
    }
    if (!value.json().is_null()) {
      DARN_TRY(it->second(value));
    }
  }
  return {};
}

Setter into(std::string& out) {
  return [&out](const Node& node) -> Status {
    DARN_ASSIGN(out, node.text());
    return {};
  };
}

Setter into(bool& out) {
  return parsed(
      out, [](const std::string& text) { return parse_bool(text); }, "give true or false");
}

Setter into(int& out, int least, int most) {
  return parsed(out, int_between(least, most), int_mend(least, most));
}

Setter into(std::optional<int>& out, int least, int most) {
  return parsed(out, int_between(least, most), int_mend(least, most));
}

Setter into(double& out, double least, double most) {
  return parsed(out, number_between(least, most),
                fmt::format("give a number from {} to {}", least, most));
}

Setter into(std::optional<double>& out, double least, double most) {
  return parsed(out, number_between(least, most),
                fmt::format("give a number from {} to {}", least, most));
}

Setter into(Duration& out) { return parsed(out, duration_of, kDurationMend); }
Setter into(std::optional<Duration>& out) { return parsed(out, duration_of, kDurationMend); }

Setter into(std::vector<std::string>& out) {
  return each<std::string>(out, [](std::string& item) { return into(item); });
}

Setter into(std::vector<Duration>& out) {
  return each<Duration>(out, [](Duration& item) { return into(item); });
}

Setter into(std::vector<int>& out, int least, int most) {
  return each<int>(out, [least, most](int& item) { return into(item, least, most); });
}

Setter into(Budget& out) {
  return [&out](const Node& node) -> Status {
    if (node.json().is_object()) {
      std::optional<double> tokens;
      DARN_TRY(
          read_table(node, {{"usd", into(out.usd, 0, 1e9)}, {"tokens", into(tokens, 0, 1e15)}}));
      if (tokens) {
        out.tokens = static_cast<std::int64_t>(*tokens);
      }
      return {};
    }
    DARN_ASSIGN(const std::string text, node.text());
    auto budget = parse_budget(text);
    if (!budget) {
      return node.placed(std::move(budget.error()));
    }
    out = *budget;
    return {};
  };
}

Setter into_bytes(std::uint64_t& out) {
  return parsed(
      out, [](const std::string& text) { return parse_bytes(text); },
      "give a size such as 4096, 64k or 2M");
}

Setter into_regex(std::string& out) {
  return [&out](const Node& node) -> Status {
    DARN_ASSIGN(const std::string text, node.text());
    const RE2 regex(text, RE2::Quiet);
    if (!regex.ok()) {
      return node.error("bad regular expression " + shown(text) + ": " + one_line(regex.error()),
                        "see the RE2 syntax");
    }
    out = text;
    return {};
  };
}

Setter into_regexes(std::vector<std::string>& out) {
  return each<std::string>(out, [](std::string& item) { return into_regex(item); });
}

Setter into_pointer(std::string& out) {
  return parsed(
      out,
      [](const std::string& text) -> std::optional<std::string> {
        return text.empty() || text[0] == '/' ? std::optional{text} : std::nullopt;
      },
      "give a JSON pointer such as /usage/input_tokens");
}

Setter into_choice(std::string& out, std::vector<std::string> choices) {
  const std::string right = "give " + one_of(choices);
  return parsed(
      out,
      [choices = std::move(choices)](const std::string& text) -> std::optional<std::string> {
        const bool known = std::find(choices.begin(), choices.end(), text) != choices.end();
        return known ? std::optional{text} : std::nullopt;
      },
      right);
}

std::string one_of(const std::vector<std::string>& choices) {
  return fmt::format("one of '{}'", fmt::join(choices, "', '"));
}

}  // namespace darn
