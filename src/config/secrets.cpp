#include "config/secrets.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace darn {
namespace {

struct Shape {
  std::string_view prefix;
  std::size_t at_least;  // bytes in all
};
// From the providers' documentation and GitHub's list of secret scanning patterns.
constexpr std::array<Shape, 19> kShapes{{
    {"sk-", 16},   {"sk_live_", 16}, {"sk_test_", 16},    {"rk_live_", 16},    {"ghp_", 20},
    {"gho_", 20},  {"ghs_", 20},     {"ghu_", 20},        {"github_pat_", 20}, {"glpat-", 16},
    {"xoxb-", 16}, {"xoxp-", 16},    {"AKIA", 20},        {"ASIA", 20},        {"AIza", 30},
    {"hf_", 20},   {"ya29.", 20},    {"-----BEGIN ", 20}, {"Bearer ", 20},
}};

bool has(std::string_view text, bool (*kind)(char)) {
  return std::any_of(text.begin(), text.end(), kind);
}
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_key_character(char c) {
  return is_digit(c) || is_letter(c) || c == '-' || c == '_' || c == '.' || c == '+' || c == '=';
}

}  // namespace

bool looks_like_secret(std::string_view value) {
  const std::string_view text = trim(value);
  return std::any_of(kShapes.begin(), kShapes.end(), [&](const Shape& shape) {
    if (text.size() < shape.at_least || !text.starts_with(shape.prefix)) {
      return false;
    }
    const std::string_view rest = text.substr(shape.prefix.size());
    return shape.prefix.ends_with(' ') || std::all_of(rest.begin(), rest.end(), is_key_character);
  });
}

bool looks_like_secret(std::string_view name, std::string_view value) {
  if (looks_like_secret(value)) {
    return true;
  }
  static constexpr std::array<std::string_view, 5> kWords{"KEY", "TOKEN", "SECRET", "PASSWORD",
                                                          "CREDENTIAL"};
  const bool telling = std::any_of(kWords.begin(), kWords.end(), [&](std::string_view word) {
    return name.find(word) != std::string_view::npos;
  });
  return telling && value.size() >= 16 && has(value, is_digit) && has(value, is_letter) &&
         std::all_of(value.begin(), value.end(), is_key_character);
}

std::string shown(std::string_view value) {
  return looks_like_secret(value) ? "(hidden: it looks like a key)" : quote(value);
}

}  // namespace darn
