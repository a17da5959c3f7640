// Fingerprints of failures. A line is read once from left to right, word by word; what varies from
// run to run, machine to machine and path to path becomes a mark, the rest stays.
#include <algorithm>
#include <cctype>
#include <string>

#include <fmt/format.h>
#include <xxhash.h>

#include "base/text.hpp"
#include "diagnose/diagnose.hpp"
#include "diagnose/scan.hpp"

namespace darn {
namespace {

bool digit(char c) { return c >= '0' && c <= '9'; }
bool letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool hex(char c) { return digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

template <class Test>
bool all(std::string_view text, Test test) {
  return !text.empty() && std::all_of(text.begin(), text.end(), test);
}

// "E0425", "TS2304", "utf8", "HTTP2": a name of something, whose number says what it is.
bool is_code(std::string_view word) {
  std::size_t letters = 0;
  while (letters < word.size() && letter(word[letters])) {
    ++letters;
  }
  const auto digits = word.substr(letters);
  const bool upper = std::all_of(word.begin(), word.begin() + static_cast<std::ptrdiff_t>(letters),
                                 [](char c) { return c >= 'A' && c <= 'Z'; });
  return letters > 0 && all(digits, digit) && digits.size() <= (upper && letters <= 4 ? 5U : 2U);
}

// Random names: hexadecimal of 7 and more with digits and letters, or a mix of both in any order.
bool is_random(std::string_view word) {
  const auto digits = std::count_if(word.begin(), word.end(), digit);
  if (word.size() >= 7 && digits > 0 && all(word, hex)) {
    return true;
  }
  int changes = 0;
  for (std::size_t i = 1; i < word.size(); ++i) {
    changes += digit(word[i]) != digit(word[i - 1]) ? 1 : 0;
  }
  return word.size() >= 8 && changes >= 3 && digits >= 2 &&
         word.find('_') == std::string_view::npos;
}

template <std::size_t N>
bool is_one_of(std::string_view word, const std::string_view (&words)[N]) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

// Written to a number ("12ms", "3rd"), or after it ("12 seconds").
bool is_unit(std::string_view word, bool apart) {
  static constexpr std::string_view kShort[] = {"us", "ns", "m",  "h",  "d",
                                                "x",  "st", "nd", "rd", "th"};
  static constexpr std::string_view kUnits[] = {
      "b",   "kb",   "mb",  "gb",   "tb",     "kib",     "mib",    "gib",     "bytes", "ms",   "s",
      "sec", "secs", "min", "mins", "second", "seconds", "minute", "minutes", "hour",  "hours"};
  const std::string low = lower(word);
  return is_one_of(low, kUnits) || (!apart && is_one_of(low, kShort));
}

bool is_date_name(std::string_view word) {
  static constexpr std::string_view kNames[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun",
                                                "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul",
                                                "Aug", "Sep", "Oct", "Nov", "Dec"};
  return is_one_of(word, kNames);
}

// One word of letters, digits and underscores.
std::string word_mark(std::string_view word) {
  if (std::none_of(word.begin(), word.end(), digit)) {
    return std::string(word);
  }
  if (word.size() > 2 && word[0] == '0' && (word[1] == 'x' || word[1] == 'X') &&
      all(word.substr(2), hex)) {
    return "<n>";
  }
  const auto digits = std::min(
      static_cast<std::size_t>(std::find_if_not(word.begin(), word.end(), digit) - word.begin()),
      word.size());
  if (digits == word.size() || (digits > 0 && is_unit(word.substr(digits), false))) {
    return "<n>";
  }
  if (is_code(word)) {
    return std::string(word);
  }
  if (is_random(word)) {
    return "<id>";
  }
  // Long runs of digits inside a name are numbers: job_20261122, blk_1608999. Short ones belong to
  // the name: test_case_12.
  std::string out;
  for (std::size_t i = 0; i < word.size();) {
    std::size_t end = i;
    while (end < word.size() && digit(word[end]) == digit(word[i])) {
      ++end;
    }
    out += digit(word[i]) && end - i >= 4 ? "<n>" : std::string(word.substr(i, end - i));
    i = end;
  }
  return out;
}

bool in_word(char c) { return letter(c) || digit(c) || c == '_' || (c & 0x80) != 0; }

// A stretch without blanks that holds a path: only its last part stays.
bool in_path(char c) {
  return in_word(c) || c == '/' || c == '.' || c == '-' || c == '+' || c == '~' || c == '@' ||
         c == '%' || c == '\\';
}

class Normaliser {
 public:
  explicit Normaliser(std::string_view line) : in_(line) {}

  std::string run() {
    while (at_ < in_.size()) {
      step();
    }
    return std::string(trim(out_));
  }

 private:
  char here(std::size_t ahead = 0) const {
    return at_ + ahead < in_.size() ? in_[at_ + ahead] : '\0';
  }

  void step() {
    const char c = here();
    if (c == ' ' || c == '\t') {
      ++at_;
      if (!out_.empty() && out_.back() != ' ') {
        out_ += ' ';
      }
    } else if (in_.substr(at_).starts_with("<n>") || in_.substr(at_).starts_with("<id>")) {
      const auto end = in_.find('>', at_) + 1;
      mark(in_.substr(at_, end - at_));
      at_ = end;
    } else if (c == '/' || c == '~' || in_word(c)) {
      stretch();
    } else {
      out_ += c;
      ++at_;
    }
  }

  // Numbers that stand together are one: 1.2.3, 12:30:05, 2026-11-22.
  void mark(std::string_view text) {
    if (text == "<n>") {
      auto end = out_.size();
      while (end > 0 && (out_[end - 1] == '.' || out_[end - 1] == ':' || out_[end - 1] == '-' ||
                         out_[end - 1] == ',' || out_[end - 1] == '/')) {
        --end;
      }
      if (out_.size() - end <= 1 && std::string_view(out_).substr(0, end).ends_with("<n>")) {
        out_.resize(end);
        return;
      }
      // A sign belongs to its number: blk_-12 is blk_12.
      if (out_.ends_with('-') &&
          (out_.size() < 2 || !(letter(out_[out_.size() - 2]) || out_[out_.size() - 2] == '>'))) {
        out_.pop_back();
      }
    }
    out_ += text;
  }

  void stretch() {
    std::size_t end = at_;
    while (end < in_.size() && in_path(in_[end])) {
      ++end;
    }
    const auto text = in_.substr(at_, end - at_);
    const auto rest = in_.substr(end);
    if (rest.starts_with("://") && all(text, letter)) {
      return url(text, rest.substr(3));
    }
    const auto slash = text.find_last_of("/\\");
    const bool path = slash != std::string_view::npos && slash + 1 < text.size() &&
                      std::any_of(text.begin(), text.end(), letter);
    if (!goes_with_number(text, rest)) {
      words(path ? text.substr(slash + 1) : text);
    }
    at_ = end;
  }

  // Whom it asked stays, where it asked does not: https://api.example.com/<last part>.
  void url(std::string_view scheme, std::string_view rest) {
    words(scheme);
    out_ += "://";
    const auto host = rest.substr(0, rest.find_first_of("/:?# \t\"')>,"));
    words(host);
    at_ += scheme.size() + 3 + host.size();
    if (here() == '/') {
      out_ += '/';
    }
  }

  // "12 MB", "3 seconds": the unit goes with the number. "Sun Jul 10": so do the names of a date.
  bool goes_with_number(std::string_view word, std::string_view rest) {
    if (out_.ends_with("<n> ") && is_unit(word, true)) {
      out_.pop_back();
      return true;
    }
    rest.remove_prefix(std::min(rest.find_first_not_of(", "), rest.size()));
    if (is_date_name(word) && !rest.empty() &&
        (digit(rest[0]) || is_date_name(rest.substr(0, 3)))) {
      mark("<n>");
      return true;
    }
    return false;
  }

  void words(std::string_view text) {
    // 550e8400-e29b-41d4-a716-446655440000
    if (text.size() == 36 && text[8] == '-' && text[13] == '-' && text[18] == '-' &&
        all(text, [](char c) { return hex(c) || c == '-'; })) {
      mark("<id>");
      return;
    }
    for (std::size_t i = 0; i < text.size();) {
      std::size_t end = i;
      while (end < text.size() && in_word(text[end])) {
        ++end;
      }
      if (end == i) {
        out_ += text[i++];
        continue;
      }
      mark(word_mark(text.substr(i, end - i)));
      i = end;
    }
  }

  std::string_view in_;
  std::size_t at_ = 0;
  std::string out_;
};

}  // namespace

std::string normalise_line(std::string_view line) {
  const std::string clean = plain(line);
  return Normaliser(without_prefix(trim(clean))).run();
}

std::string signature(std::string_view about, std::string_view text) {
  std::string content(about);
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    if (const auto line = normalise_line(text.substr(0, end)); !line.empty()) {
      content += '\n';
      content += line;
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  const XXH128_hash_t hash = XXH3_128bits(content.data(), content.size());
  return fmt::format("{}:{:016x}{:016x}", kSignatureVersion, hash.high64, hash.low64);
}

}  // namespace darn
