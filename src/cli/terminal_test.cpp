#include "cli/terminal.hpp"

#include <doctest/doctest.h>

#include "base/text.hpp"
#include "cli/suggest.hpp"
#include "support/property.hpp"

namespace darn::cli {

TEST_CASE("columns of text") {
  CHECK(display_width("abc") == 3);
  CHECK(display_width("äöü…") == 4);
  CHECK(display_width("日本") == 4);
  CHECK(display_width("e\xcc\x81") == 1);  // e and a combining accent
  CHECK(display_width("") == 0);
}

TEST_CASE("text is cut at a character and fits") {
  CHECK(fit("abc", 3, true) == "abc");
  CHECK(fit("abcd", 3, true) == "ab…");
  CHECK(fit("abcdef", 5, false) == "ab...");
  CHECK(fit("日本語", 5, true) == "日本…");
  CHECK(fit("日本語", 4, true) == "日…");
  CHECK(fit("a\nb\tc", 10, true) == "a b c");
  CHECK(fit("abc", 0, true).empty());

  test::property("what fit() gives is never wider than asked, and valid UTF-8",
                 [](const std::string& bytes, std::uint8_t columns) {
                   const std::string text = printable(bytes);
                   const std::string cut = fit(text, columns, true);
                   RC_ASSERT(display_width(cut) <= std::max<std::size_t>(columns, 1));
                   RC_ASSERT(is_utf8(cut));
                 });
}

TEST_CASE("colour only where it is wanted") {
  CHECK(styled(Terminal{.color = false}, Style::red, "x") == "x");
  CHECK(styled(Terminal{.color = true}, Style::red, "x") == "\x1b[31mx\x1b[0m");
  CHECK(styled(Terminal{.color = true}, Style::plain, "x") == "x");
}

TEST_CASE("the nearest known word") {
  const std::vector<std::string> known = {"run", "runs", "status", "resume", "retry"};
  CHECK(did_you_mean("rnu", known, "no") == "did you mean 'run'?");
  CHECK(did_you_mean("stat", known, "no") == "did you mean 'status'?");
  CHECK(did_you_mean("statsu", known, "no") == "did you mean 'status'?");
  CHECK(did_you_mean("frobnicate", known, "no") == "no");
}

}  // namespace darn::cli
