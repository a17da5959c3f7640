#include "cli/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>

#include "base/text.hpp"

namespace darn::cli {
namespace {

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view{} : std::string_view(value);
}

// As setlocale() would choose it, without loading a locale.
bool locale_is_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    if (const std::string value = lower(variable(name)); !value.empty()) {
      return value.find("utf-8") != std::string::npos || value.find("utf8") != std::string::npos;
    }
  }
  return false;
}

struct CodePoint {
  char32_t value = 0;
  std::size_t bytes = 1;
};

// `text` is not empty. A byte that is not the start of a valid sequence counts for itself.
CodePoint first_code_point(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  std::size_t bytes = 1;
  char32_t value = lead;
  if (lead >= 0xf0) {
    bytes = 4;
    value = lead & 0x07U;
  } else if (lead >= 0xe0) {
    bytes = 3;
    value = lead & 0x0fU;
  } else if (lead >= 0xc0) {
    bytes = 2;
    value = lead & 0x1fU;
  }
  if (bytes > text.size()) {
    return {lead, 1};
  }
  for (std::size_t i = 1; i < bytes; ++i) {
    value = (value << 6U) | (byte(i) & 0x3fU);
  }
  return {value, bytes};
}

struct Range {
  char32_t first, last;
};
// Unicode 15: the blocks that matter for what tools print; not the whole of EastAsianWidth.txt.
constexpr std::array kWide = {
    Range{0x1100, 0x115f},   Range{0x2e80, 0x303e},   Range{0x3041, 0xa4cf},
    Range{0xac00, 0xd7a3},   Range{0xf900, 0xfaff},   Range{0xfe30, 0xfe6f},
    Range{0xff00, 0xff60},   Range{0xffe0, 0xffe6},   Range{0x1f300, 0x1f64f},
    Range{0x1f680, 0x1f6ff}, Range{0x1f900, 0x1f9ff}, Range{0x20000, 0x3fffd}};
constexpr std::array kNoWidth = {Range{0x0300, 0x036f}, Range{0x200b, 0x200f},
                                 Range{0x20d0, 0x20ff}, Range{0xfe00, 0xfe0f},
                                 Range{0xfeff, 0xfeff}};

template <std::size_t N>
bool in(const std::array<Range, N>& ranges, char32_t c) {
  for (const Range& range : ranges) {
    if (c >= range.first && c <= range.last) {
      return true;
    }
  }
  return false;
}

std::size_t columns_of(char32_t c) {
  if (in(kNoWidth, c)) {
    return 0;
  }
  return in(kWide, c) ? 2 : 1;
}

}  // namespace

std::size_t terminal_width(int fd) {
  winsize size{};
  return ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

Terminal detect_terminal(int fd, ColorMode mode) {
  Terminal terminal;
  terminal.tty = ::isatty(fd) == 1;
  terminal.utf8 = locale_is_utf8();
  terminal.width = terminal.tty ? terminal_width(fd) : 80;
  const bool wanted = variable("NO_COLOR").empty() && variable("TERM") != "dumb" && terminal.tty;
  terminal.color = mode == ColorMode::always || (mode == ColorMode::automatic && wanted);
  return terminal;
}

std::string styled(const Terminal& terminal, Style style, std::string_view text) {
  static constexpr std::array<std::string_view, 7> kCodes = {"", "1", "2", "31", "32", "33", "36"};
  const std::string_view code = kCodes[static_cast<std::size_t>(style)];
  if (!terminal.color || code.empty() || text.empty()) {
    return std::string(text);
  }
  return "\x1b[" + std::string(code) + "m" + std::string(text) + "\x1b[0m";
}

const Signs& signs(const Terminal& terminal) {
  static constexpr Signs kUnicode{"✓", "~", "✗", "↻", "○", "—", " · ", "├─ ", "└─ ", "│  "};
  static constexpr Signs kAscii{"ok", "~", "x", "again", "skip", "-", ", ", "|- ", "`- ", "|  "};
  return terminal.utf8 ? kUnicode : kAscii;
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const CodePoint point = first_code_point(text);
    width += columns_of(point.value);
    text.remove_prefix(point.bytes);
  }
  return width;
}

std::string fit(std::string_view text, std::size_t columns, bool utf8) {
  std::string line(text);
  for (char& c : line) {
    if (c == '\n' || c == '\t' || c == '\r') {
      c = ' ';
    }
  }
  if (display_width(line) <= columns) {
    return line;
  }
  const std::string_view ellipsis = utf8 ? "…" : "...";
  const std::size_t ellipsis_width = utf8 ? 1 : 3;
  if (columns <= ellipsis_width) {
    return line.substr(0, columns == 0 ? 0 : first_code_point(line).bytes);
  }
  std::string_view rest = line;
  std::string cut;
  std::size_t width = 0;
  while (!rest.empty()) {
    const CodePoint point = first_code_point(rest);
    if (width + columns_of(point.value) > columns - ellipsis_width) {
      break;
    }
    width += columns_of(point.value);
    cut += rest.substr(0, point.bytes);
    rest.remove_prefix(point.bytes);
  }
  return cut + std::string(ellipsis);
}

}  // namespace darn::cli
