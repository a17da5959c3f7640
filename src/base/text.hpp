// Small text helpers used everywhere: numbers and durations as people write them, UTF-8, spelling.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

namespace darn {

std::string_view trim(std::string_view text);
std::vector<std::string_view> split(std::string_view text, char separator);  // keeps empty parts
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string lower(std::string_view text);  // ASCII

std::optional<std::int64_t> parse_int(std::string_view text);
std::optional<double> parse_number(std::string_view text);  // finite only
std::optional<bool> parse_bool(std::string_view text);      // true/false/yes/no/on/off/1/0
// "90" (seconds), "1.5s", "250ms", "10m", "2h", "1d", "1h30m"; nothing negative, at most 10 years.
std::optional<Duration> parse_duration(std::string_view text);
// "4096", "64k", "64KiB", "2M", "1G" (powers of 1024).
std::optional<std::uint64_t> parse_bytes(std::string_view text);

std::string format_duration(Duration d);    // "350ms", "4.2s", "3m05s", "2h10m", "3d4h"
std::string format_count(std::uint64_t n);  // "1,000,000"
std::string format_usd(double usd);         // "$0.0123", "$12.34"
std::string format_bytes(std::uint64_t n);  // "512 B", "1.5 MiB"

bool is_utf8(std::string_view text);             // strict: no surrogates, no overlong forms
std::size_t utf8_prefix(std::string_view text);  // how many bytes of it are UTF-8
std::size_t characters(std::string_view text);   // code points, as editors count columns
std::string to_utf8(std::string_view bytes);     // invalid bytes become U+FFFD
// Control characters (but tab and newline) and escape sequences removed: safe on a terminal.
std::string printable(std::string_view bytes);
// The same with blanks for newlines and tabs.
std::string one_line(std::string_view bytes);
// At most max_bytes, cut at a character, "…" appended when something was cut.
std::string shorten(std::string_view text, std::size_t max_bytes);
// The last n lines of text, without the final newline.
std::string_view last_lines(std::string_view text, std::size_t n);

// In quotes, on one line, at most 80 bytes: a piece of somebody's input inside a message.
std::string quote(std::string_view text);

std::size_t edit_distance(std::string_view a, std::string_view b);  // with transpositions
// The known word that `word` was probably meant to be: it begins with it, or a third of the letters
// are wrong at most. Empty when none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& known);

// The variable part of DARN_OUTPUT_<id>: every byte outside [A-Za-z0-9_] becomes '_'.
std::string env_name(std::string_view id);
// A task id as part of a file name: bytes outside [A-Za-z0-9._-] and a leading '.' become %XX; one
// that would be longer than 160 bytes is cut and ends in "~" and a hash of the id.
std::string file_name(std::string_view id);

}  // namespace darn
