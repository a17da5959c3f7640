#include "agent/template.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"

namespace darn {
namespace {

bool is_name(std::string_view text) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !text.empty() && letter(text.front()) &&
         std::all_of(text.begin(), text.end(),
                     [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

}  // namespace

Result<Expanded> expand(std::string_view text, const Lookup& lookup) {
  Expanded done;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if ((c == '{' || c == '}') && at + 1 < text.size() && text[at + 1] == c) {
      done.text += c;
      ++at;
      continue;
    }
    if (c != '{') {
      done.text += c;
      continue;
    }
    const std::size_t end = text.find('}', at);
    const std::string_view name =
        end == std::string_view::npos ? std::string_view{} : text.substr(at + 1, end - at - 1);
    if (!is_name(name)) {
      return fail(ErrorKind::config,
                  fmt::format("'{}': a brace that begins no {{name}}", shorten(text, 200)),
                  "write '{{' and '}}' for plain braces");
    }
    auto value = lookup(name);
    if (!value) {
      return fail(ErrorKind::config,
                  fmt::format("'{}': {{{}}} is unknown", shorten(text, 200), name));
    }
    done.any_name = true;
    if (done.text.empty() && !value->empty()) {
      done.begins_named = true;
    }
    done.text += *value;
    at = end;
  }
  return done;
}

Result<std::vector<std::string>> template_names(std::string_view text) {
  std::vector<std::string> names;
  DARN_TRY(expand(text, [&names](std::string_view name) {
    names.emplace_back(name);
    return std::optional<std::string>("");
  }));
  return names;
}

}  // namespace darn
