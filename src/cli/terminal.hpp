// What is known of the terminal: whether it is one, how wide, what it can show. Text that comes
// from tasks must have gone through printable() before it gets here. Plain data and pure functions,
// but for the detect functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace darn::cli {

enum class ColorMode : std::uint8_t { automatic, always, never };

struct Terminal {
  bool tty = false;
  bool color = false;
  bool utf8 = false;
  std::size_t width = 80;
};

// fd: 1 or 2. Colour follows `mode`, then NO_COLOR and TERM=dumb, then whether it is a terminal.
Terminal detect_terminal(int fd, ColorMode mode);
std::size_t terminal_width(int fd);  // 80 when it is not known

enum class Style : std::uint8_t { plain, bold, dim, red, green, yellow, cyan };
std::string styled(const Terminal& terminal, Style style, std::string_view text);

// The signs that darn prints, with what stands for them where UTF-8 does not show.
struct Signs {
  std::string_view ok, healed, failed, again, skipped, unknown, dot, branch, last_branch, trunk;
};
const Signs& signs(const Terminal& terminal);

// Columns that UTF-8 text takes; combining marks take none, East Asian wide characters two.
std::size_t display_width(std::string_view text);
// At most `columns` of it, with an ellipsis when something was cut. One line: newlines and tabs
// become blanks.
std::string fit(std::string_view text, std::size_t columns, bool utf8);

}  // namespace darn::cli
