#include "base/text.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "base/random.hpp"

namespace darn {
namespace {

constexpr std::string_view kBlanks = " \t\r\n\v\f";
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
constexpr std::string_view kEllipsis = "\xE2\x80\xA6";     // U+2026

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alnum(char c) { return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

// The length of the UTF-8 sequence at the start of text; 0 when it is malformed (RFC 3629).
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto follows = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xBF) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  const unsigned first = byte(0);
  if (first < 0x80) {
    return 1;
  }
  if (first >= 0xC2 && first <= 0xDF) {
    return follows(1) ? 2 : 0;
  }
  if (first >= 0xE0 && first <= 0xEF) {
    const unsigned low = first == 0xE0 ? 0xA0 : 0x80;   // overlong
    const unsigned high = first == 0xED ? 0x9F : 0xBF;  // surrogates
    return follows(1, low, high) && follows(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const unsigned low = first == 0xF0 ? 0x90 : 0x80;
    const unsigned high = first == 0xF4 ? 0x8F : 0xBF;  // beyond U+10FFFF
    return follows(1, low, high) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

bool is_ascii8(const char* bytes) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, sizeof word);
  return (word & 0x8080808080808080ULL) == 0;
}

// How many bytes the escape sequence at the start of text (an ESC) takes (ECMA-48). A string that
// is not closed on its line counts as its opening only, so that it cannot hide what follows.
std::size_t escape_length(std::string_view text) {
  if (text.size() < 2) {
    return text.size();
  }
  const auto skip = [&](std::size_t i, char low, char high) {
    while (i < text.size() && text[i] >= low && text[i] <= high) {
      ++i;
    }
    return i;
  };
  const char kind = text[1];
  if (kind == '[') {
    const std::size_t final = skip(2, ' ', '?');
    return final < text.size() && text[final] >= '@' && text[final] <= '~' ? final + 1 : final;
  }
  if (kind == ']' || kind == 'P' || kind == 'X' || kind == '^' || kind == '_') {
    for (std::size_t i = 2; i < text.size() && text[i] != '\n'; ++i) {
      if (text[i] == '\a') {
        return i + 1;
      }
      if (text[i] == '\x1b' && i + 1 < text.size() && text[i + 1] == '\\') {
        return i + 2;
      }
    }
    return 2;
  }
  const std::size_t final = skip(1, ' ', '/');
  return final < text.size() && text[final] >= '0' && text[final] <= '~' ? final + 1 : final;
}

// C1 controls and the marks that reorder text on the screen.
bool is_hidden(std::string_view character) {
  if (character.size() == 2) {
    return character[0] == '\xC2' && static_cast<unsigned char>(character[1]) < 0xA0;
  }
  if (character.size() != 3 || character[0] != '\xE2') {
    return false;
  }
  const auto last = static_cast<unsigned char>(character[2]);
  return (character[1] == '\x80' && last >= 0xAA && last <= 0xAE) ||  // U+202A..U+202E
         (character[1] == '\x81' && last >= 0xA6 && last <= 0xA9);    // U+2066..U+2069
}

}  // namespace

std::string_view trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) {
    return {};
  }
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) {
      return parts;
    }
    text.remove_prefix(end + 1);
  }
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  return fmt::format("{}", fmt::join(parts, separator));
}

std::string lower(std::string_view text) {
  std::string out{text};
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') {
      c = static_cast<char>(c - 'A' + 'a');
    }
  }
  return out;
}

std::size_t utf8_prefix(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    if (i + 8 <= text.size() && is_ascii8(text.data() + i)) {
      i += 8;
      continue;
    }
    const std::size_t n = utf8_length(text.substr(i));
    if (n == 0) {
      break;
    }
    i += n;
  }
  return i;
}

bool is_utf8(std::string_view text) { return utf8_prefix(text) == text.size(); }

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

std::string to_utf8(std::string_view bytes) {
  if (is_utf8(bytes)) {
    return std::string{bytes};
  }
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    const std::size_t n = utf8_length(bytes);
    out += n == 0 ? kReplacement : bytes.substr(0, n);
    bytes.remove_prefix(std::max<std::size_t>(n, 1));
  }
  return out;
}

std::string printable(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    const char c = bytes[0];
    if (c == '\x1b') {
      bytes.remove_prefix(escape_length(bytes));
      continue;
    }
    const std::size_t n = utf8_length(bytes);
    const std::string_view character = bytes.substr(0, std::max<std::size_t>(n, 1));
    bytes.remove_prefix(character.size());
    const bool control = (c >= 0 && c < ' ' && c != '\t' && c != '\n') || c == '\x7f';
    if (n == 0) {
      out += kReplacement;
    } else if (!control && !is_hidden(character)) {
      out += character;
    }
  }
  return out;
}

std::string one_line(std::string_view bytes) {
  std::string line = printable(bytes);
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c == '\n' || c == '\t'; }, ' ');
  return line;
}

std::string shorten(std::string_view text, std::size_t max_bytes) {
  if (text.size() <= max_bytes) {
    return std::string{text};
  }
  const bool room = max_bytes >= kEllipsis.size();
  std::size_t end = room ? max_bytes - kEllipsis.size() : max_bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) {
    --end;
  }
  return std::string{text.substr(0, end)} + std::string{room ? kEllipsis : ""};
}

std::string_view last_lines(std::string_view text, std::size_t n) {
  if (text.ends_with('\n')) {
    text.remove_suffix(1);
  }
  if (n == 0) {
    return {};
  }
  std::size_t begin = text.size();
  for (; n > 0; --n) {
    const std::size_t newline = begin == 0 ? std::string_view::npos : text.rfind('\n', begin - 1);
    if (newline == std::string_view::npos) {
      return text;
    }
    begin = newline;
  }
  return text.substr(begin + 1);
}

std::string quote(std::string_view text) {
  return "'" + shorten(one_line(text.substr(0, 400)), 78) + "'";
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  // Optimal string alignment: three rows of the table are enough.
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) {
    row[j] = j;
  }
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::swap(before, last);
    std::swap(last, row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = a[i - 1] == b[j - 1];
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
  }
  return row[b.size()];
}

std::string nearest(std::string_view word, const std::vector<std::string>& known) {
  constexpr std::size_t kShortestBeginning = 3;
  std::string best;
  std::size_t least = std::max<std::size_t>(word.size() / 3, 1) + 1;
  for (const std::string& candidate : known) {
    if (word.size() >= kShortestBeginning && candidate.starts_with(word)) {
      return candidate;
    }
    const std::size_t longer = std::max(candidate.size(), word.size());
    if (longer - std::min(candidate.size(), word.size()) >= least) {
      continue;
    }
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < least && distance < candidate.size()) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

std::string env_name(std::string_view id) {
  std::string out{id};
  for (char& c : out) {
    if (!is_alnum(c)) {
      c = '_';
    }
  }
  return out;
}

std::string file_name(std::string_view id) {
  constexpr std::size_t kMost = 160;  // leaves room in NAME_MAX (255) for what stands around it
  std::string out;
  for (const char c : id) {
    const bool plain = is_alnum(c) || c == '_' || c == '-' || (c == '.' && !out.empty());
    if (plain) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  if (out.size() > kMost) {
    out.resize(kMost);
    out += fmt::format("~{:016x}", hash64(id));
  }
  return out;
}

}  // namespace darn
