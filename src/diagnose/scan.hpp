// Finds the line of an output that says why it failed. Linear in the size of the text whatever it
// holds (RE2). Thread-safe; the patterns are compiled at the first use, which takes some
// milliseconds.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "diagnose/tables.hpp"
#include "model/outcome.hpp"

namespace darn {

struct Found {
  const tables::TextRule* rule = nullptr;
  tables::Kind kind;
  int weight = 0;
  std::string line;            // as printed, without escape sequences and log prefixes
  std::size_t at = 0;          // where it begins in Scan::text
  std::string_view code_text;  // of the code that was found: "Too Many Requests"
  int http = 0;                // the HTTP status that was found
  std::string_view advice;
};

struct Scan {
  std::string text;           // the scanned text, without escape sequences
  std::optional<Found> best;  // the heaviest, the last of equals; generic errors included
  std::string last_line;      // the last one with something in it
  std::vector<Diagnostic> located;
};

Scan scan(std::string_view output);

// One printable line of at most `limit` bytes, around what `found`'s rule matched; the message
// alone where the line is JSON.
std::string excerpt(const Found& found, std::size_t limit);

// Without escape sequences and control characters; carriage returns end lines (progress bars).
std::string plain(std::string_view bytes);
// Without a leading timestamp and CI marks ("2026-11-22T17:30:05.1Z ##[error]").
std::string_view without_prefix(std::string_view line);

}  // namespace darn
