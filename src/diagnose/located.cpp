#include "diagnose/located.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <memory>
#include <utility>

#include <re2/re2.h>

#include "base/text.hpp"

namespace darn {
namespace {

enum Pattern : std::size_t { kPlace, kBrackets, kParens, kPython, kRust, kPatterns };

// Groups: file, line, column (may be empty), message.
constexpr std::array<const char*, kPatterns> kTexts = {
    // gcc, clang, go, javac, kotlin, swift, ruby: FILE:LINE[:COLUMN]: [error:] MESSAGE
    R"re(((?:[A-Za-z]:)?[^\s:'"()\[\]]+\.[A-Za-z]\w{0,9}):(\d+)(?::(\d+))?: (?:fatal )?)re"
    R"re(((?:error|undefined|cannot|assertion|FAIL|syntax).*))re",
    // maven
    R"re((/?[^\s:'"()\[\]]+\.[A-Za-z]\w{0,9}):\[(\d+),(\d+)\] (.*))re",
    // tsc, C#
    R"re(([^\s:'"()\[\]]+\.[A-Za-z]\w{0,9})\((\d+),(\d+)\): error (.*))re",
    // Python
    R"re(^\s*File "([^"]+)", line (\d+)()(?:, in (.*))?)re",
    // rustc
    R"re(^\s*--> ([^\s:]+):(\d+):(\d+)())re",
};

const re2::RE2& compiled(std::size_t pattern) {
  static const auto all = [] {
    std::array<std::unique_ptr<re2::RE2>, kPatterns> made;
    re2::RE2::Options options;
    options.set_encoding(re2::RE2::Options::EncodingLatin1);
    options.set_case_sensitive(false);
    std::transform(kTexts.begin(), kTexts.end(), made.begin(),
                   [&](const char* text) { return std::make_unique<re2::RE2>(text, options); });
    return made;
  }();
  return *all[pattern];
}

std::uint32_t number(std::string_view digits) {
  const auto n = parse_int(digits).value_or(0);
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(n, 0, 10'000'000));
}

}  // namespace

std::span<const char* const> located_patterns() { return kTexts; }

void LocatedCollector::line(std::string_view text) {
  const auto message = trim(text);
  if (message.substr(0, 5) == "error") {
    headline_ = message;
  }
  // The exception under a Python traceback belongs to its innermost frame.
  if (!found_.empty() && found_.back().message.rfind("in ", 0) == 0 && !text.empty() &&
      text.front() != ' ' && text.find("Error") != std::string_view::npos) {
    found_.back().message = shorten(printable(message), 500);
  }
}

void LocatedCollector::add(std::size_t pattern, std::string_view text) {
  if (found_.size() >= kMostLocated) {
    return;
  }
  std::string file;
  std::string row;
  std::string column;
  std::string message;
  if (!re2::RE2::PartialMatch({text.data(), text.size()}, compiled(pattern), &file, &row, &column,
                              &message)) {
    return;
  }
  if (pattern == kPython) {
    message = "in " + (message.empty() ? "<module>" : message);
  } else if (pattern == kRust) {
    message = headline_;
  }
  keep({.file = shorten(printable(file), 300),
        .line = number(row),
        .column = number(column),
        .message = shorten(printable(trim(message)), 500)});
}

void LocatedCollector::keep(Diagnostic d) {
  const bool known = std::any_of(found_.begin(), found_.end(), [&](const Diagnostic& o) {
    return o.file == d.file && o.line == d.line && o.column == d.column && o.message == d.message;
  });
  if (!known) {
    found_.push_back(std::move(d));
  }
}

std::vector<Diagnostic> LocatedCollector::take() { return std::exchange(found_, {}); }

}  // namespace darn
