// What can be told from the words of a message alone: the least certain of all sources, asked when
// there is no type, no code and no status.
#include <algorithm>
#include <array>
#include <string>

#include "darn/classify.hpp"
#include "darn/retry_after.hpp"
#include "resilience/phrases.hpp"

namespace darn {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_of_word(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || c == '_'; }

bool contains_phrase(std::string_view text, std::string_view phrase) {
  const bool any_begin = phrase.starts_with('*');
  const bool any_end = phrase.ends_with('*');
  phrase.remove_prefix(any_begin ? 1 : 0);
  phrase.remove_suffix(any_end ? 1 : 0);
  for (auto at = text.find(phrase); at != std::string_view::npos; at = text.find(phrase, at + 1)) {
    const auto end = at + phrase.size();
    if ((any_begin || at == 0 || !is_of_word(text[at - 1])) &&
        (any_end || end == text.size() || !is_of_word(text[end]))) {
      return true;
    }
  }
  return false;
}

// Past all of `skipped` and of what they are separated by.
std::string_view skip_words(std::string_view text, auto const& skipped, std::string_view between) {
  for (bool again = true; again;) {
    text.remove_prefix(std::min(text.find_first_not_of(between), text.size()));
    again = false;
    for (const std::string_view word : skipped) {
      if (text.starts_with(word)) {
        text.remove_prefix(word.size());
        again = true;
      }
    }
  }
  return text;
}

// "HTTP 503", "HTTP/1.1 429", "status code: 502", "status=500": a number of three digits right
// after these words, so that "http port 443" and "https://host:443/" are no statuses.
std::optional<int> http_status_in(std::string_view text) {
  constexpr std::array<std::string_view, 10> kBetween{
      "status", "code", "error", "response", "returned", "was", "1.0", "1.1", "2.0", "2 "};
  for (const std::string_view word : {"http", "status", "statuscode"}) {
    for (auto at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
      if (at > 0 && is_of_word(text[at - 1]) && text[at - 1] != '_') {
        continue;
      }
      const auto after = text.substr(at + word.size());
      if (after.starts_with("://")) {
        continue;
      }
      const auto rest = skip_words(after, kBetween, " \t:=/(\"'_");
      if (rest.size() >= 3 && (rest[0] == '4' || rest[0] == '5') && is_digit(rest[1]) &&
          is_digit(rest[2]) && (rest.size() == 3 || !is_of_word(rest[3])) &&
          !(rest.size() > 4 && rest[3] == '.' && is_digit(rest[4]))) {
        return (rest[0] - '0') * 100 + (rest[1] - '0') * 10 + (rest[2] - '0');
      }
    }
  }
  return std::nullopt;
}

// "Retry-After: 120", "retry after 30 seconds", "Please try again in 1.5s": a whole number without
// a unit counts seconds, as in the header.
std::optional<duration> retry_after_in(std::string_view text) {
  constexpr std::array<std::string_view, 4> kAnnouncements{"retry-after", "retry after", "retry in",
                                                           "try again in"};
  struct Unit {
    std::string_view name;
    double seconds;
  };
  constexpr std::array<Unit, 13> kUnits{{{"", 1},
                                         {"s", 1},
                                         {"sec", 1},
                                         {"secs", 1},
                                         {"second", 1},
                                         {"seconds", 1},
                                         {"ms", 1e-3},
                                         {"milliseconds", 1e-3},
                                         {"m", 60},
                                         {"min", 60},
                                         {"minute", 60},
                                         {"minutes", 60},
                                         {"h", 3600}}};
  for (const auto words : kAnnouncements) {
    const auto at = text.find(words);
    if (at == std::string_view::npos) {
      continue;
    }
    std::string_view rest = text.substr(at + words.size());
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t:=\"'"), rest.size()));
    double value = 0;
    double scale = 1;
    std::size_t n = 0;
    constexpr std::size_t kDigits = 9;  // of a number that is meant: 30 years
    for (bool fraction = false; n < std::min(rest.size(), kDigits + 1); ++n) {
      if (rest[n] == '.' && n > 0 && !fraction && n + 1 < rest.size() && is_digit(rest[n + 1])) {
        fraction = true;
      } else if (is_digit(rest[n])) {
        value = value * 10 + (rest[n] - '0');
        scale *= fraction ? 10 : 1;
      } else {
        break;
      }
    }
    if (n == 0 || n > kDigits) {
      continue;
    }
    rest.remove_prefix(n);
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    const auto length = static_cast<std::size_t>(
        std::find_if_not(rest.begin(), rest.end(), is_of_word) - rest.begin());
    const auto unit = std::find_if(kUnits.begin(), kUnits.end(),
                                   [&](const Unit& u) { return u.name == rest.substr(0, length); });
    if (unit != kUnits.end()) {
      constexpr auto kLongest = std::chrono::duration_cast<std::chrono::seconds>(duration::max());
      const std::chrono::duration<double> wait(value / scale * unit->seconds);
      return wait < kLongest ? std::chrono::duration_cast<duration>(wait) : duration{kLongest};
    }
  }
  return std::nullopt;
}

}  // namespace

error classify_message(std::string_view text) {
  constexpr std::size_t kMost = 64 * 1024;  // of a text that is long only its end is looked at
  const auto end = text.size() > kMost ? text.substr(text.size() - kMost) : text;
  std::string lower(end);
  for (char& c : lower) {
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  error result;
  if (const auto status = http_status_in(lower)) {
    result = classify_http(*status);
  } else {
    for (const tables::Phrase& phrase : tables::phrases()) {
      if (contains_phrase(lower, phrase.words)) {
        result.category = phrase.category;
        result.severity = phrase.severity;
        result.ambiguous = phrase.ambiguous;
        break;
      }
    }
  }
  if (result.category != category::permanent) {  // else nobody waits for it
    result.retry_after = retry_after_in(lower);
  }
  result.message = text.substr(0, text.find('\n'));
  return result;
}

}  // namespace darn
