#include "agent/json_text.hpp"

#include <string>

#include <nlohmann/json.hpp>

#include "base/text.hpp"

namespace darn {
namespace {

using nlohmann::json;

std::size_t skip_blanks(std::string_view text, std::size_t at) {
  while (at < text.size() && (text[at] == ' ' || text[at] == '\t' || text[at] == '\r')) {
    ++at;
  }
  return at;
}

// One behind the closing quote of the string that opens at `at`; nothing when a line or the text
// ends inside it.
std::optional<std::size_t> string_end(std::string_view text, std::size_t at) {
  for (++at; at < text.size(); ++at) {
    if (text[at] == '\n') {
      return std::nullopt;
    }
    if (text[at] == '"') {
      return at + 1;
    }
    if (text[at] == '\\') {
      ++at;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::size_t> json_end(std::string_view text) {
  text = text.substr(0, kMaxJsonBytes);
  std::string open;  // the closing brackets that are owed
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == '"') {
      const auto end = string_end(text, at);
      if (!end) {
        return std::nullopt;
      }
      at = *end;
      continue;
    }
    if (c == '{' || c == '[') {
      if (open.size() == kMaxJsonDepth) {
        return std::nullopt;
      }
      open += c == '{' ? '}' : ']';
    } else if (c == '}' || c == ']') {
      if (open.empty() || open.back() != c) {
        return std::nullopt;
      }
      open.pop_back();
    }
    ++at;
    if (open.empty()) {
      return at;
    }
  }
  return std::nullopt;
}

std::optional<json> parse_json(std::string_view text) {
  text = trim(text);
  if (text.empty() || text.size() > kMaxJsonBytes) {
    return std::nullopt;
  }
  if ((text.front() == '{' || text.front() == '[') && json_end(text) != text.size()) {
    return std::nullopt;
  }
  json value = is_utf8(text) ? json::parse(text, nullptr, false)
                             : json::parse(to_utf8(text), nullptr, false);
  if (value.is_discarded()) {
    return std::nullopt;
  }
  return value;
}

std::optional<json> last_json(std::string_view text) {
  if (text.size() > kMaxJsonBytes) {
    text.remove_prefix(text.size() - kMaxJsonBytes);
  }
  std::optional<json> last;
  for (std::size_t at = 0; at < text.size();) {
    at = skip_blanks(text, at);
    if (at < text.size() && (text[at] == '{' || text[at] == '[')) {
      const auto length = json_end(text.substr(at));
      if (length) {
        if (auto value = parse_json(text.substr(at, *length))) {
          last = std::move(value);
          at += *length;
        }
      }
    }
    const std::size_t line = text.find('\n', at);
    if (line == std::string_view::npos) {
      break;
    }
    at = line + 1;
  }
  return last;
}

void each_json_line(std::string_view text, const std::function<bool(const json&)>& sink) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() != '{') {
      continue;
    }
    const auto value = parse_json(line);
    if (value && !sink(*value)) {
      return;
    }
  }
}

}  // namespace darn
