#include "base/text.hpp"

#include <doctest/doctest.h>

#include "support/property.hpp"

namespace darn {
namespace {

using namespace std::chrono_literals;

TEST_CASE("trim, split, join, lower") {
  CHECK(trim(" \t a b \r\n") == "a b");
  CHECK(trim("   ").empty());
  CHECK(split("a,,b,", ',') == std::vector<std::string_view>{"a", "", "b", ""});
  CHECK(split("", ',') == std::vector<std::string_view>{""});
  CHECK(join({"a", "b", "c"}, " -> ") == "a -> b -> c");
  CHECK(join({}, ", ").empty());
  CHECK(lower("AbZ-\xC3\x84") == "abz-\xC3\x84");
}

TEST_CASE("numbers as people write them") {
  CHECK(parse_int("42") == 42);
  CHECK(parse_int(" +7 ") == 7);
  CHECK(parse_int("-3") == -3);
  CHECK(parse_int("9223372036854775807") == INT64_MAX);
  for (const char* bad : {"", " ", "+", "-", "+-1", "1.0", "1 2", "0x10", "9223372036854775808"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_int(bad));
  }
  CHECK(parse_number("1.5e3") == 1500.0);
  CHECK(parse_number("-.5") == -0.5);
  for (const char* bad : {"", ".", "nan", "inf", "-inf", "1e999", "1,5", "1.5x"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_number(bad));
  }
  for (const char* yes : {"true", "YES", "on", "1"}) {
    CHECK(parse_bool(yes) == true);
  }
  for (const char* no : {"false", "No", "off", "0"}) {
    CHECK(parse_bool(no) == false);
  }
  CHECK_FALSE(parse_bool("maybe"));
  CHECK_FALSE(parse_bool(""));
}

TEST_CASE("durations") {
  CHECK(parse_duration("90") == 90s);
  CHECK(parse_duration("0") == 0ms);
  CHECK(parse_duration("1.5s") == 1500ms);
  CHECK(parse_duration("250ms") == 250ms);
  CHECK(parse_duration("10m") == 10min);
  CHECK(parse_duration("1h30m") == 90min);
  CHECK(parse_duration("1d") == 24h);
  CHECK(parse_duration("1d2h3m4s5ms") == 26h + 3min + 4s + 5ms);
  CHECK(parse_duration(" 3650d ") == 3650 * 24h);
  for (const char* bad : {"", "s", "-1s", "1x", "1h30", "30m1h", "1m1m", "1 s", "1..5s", "11e9d",
                          "4000d", "99999999999999999999d", "1e3s"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_duration(bad));
  }
  CHECK(format_duration(350ms) == "350ms");
  CHECK(format_duration(4250ms) == "4.2s");
  CHECK(format_duration(59'999ms) == "59.9s");
  CHECK(format_duration(185s) == "3m05s");
  CHECK(format_duration(2h + 10min + 59s) == "2h10m");
  CHECK(format_duration(76h) == "3d4h");
  CHECK(format_duration(-5s) == "-5.0s");
}

TEST_CASE("bytes, counts, dollars") {
  CHECK(parse_bytes("4096") == 4096);
  CHECK(parse_bytes("64k") == 64ULL << 10U);
  CHECK(parse_bytes("64KiB") == 64ULL << 10U);
  CHECK(parse_bytes("2M") == 2ULL << 20U);
  CHECK(parse_bytes("1 GB") == 1ULL << 30U);
  CHECK(parse_bytes("1.5M") == 3ULL << 19U);
  CHECK(parse_bytes("12B") == 12);
  for (const char* bad : {"", "k", "-1", "1x", "1kx", "1bk", "99999999T"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_bytes(bad));
  }
  CHECK(format_bytes(512) == "512 B");
  CHECK(format_bytes(1536ULL << 10U) == "1.5 MiB");
  CHECK(format_bytes((1ULL << 20U) - 1) == "1.0 MiB");
  CHECK(format_bytes(UINT64_MAX) == "16.0 EiB");
  CHECK(format_count(0) == "0");
  CHECK(format_count(999) == "999");
  CHECK(format_count(1'000'000) == "1,000,000");
  CHECK(format_usd(0) == "$0.00");
  CHECK(format_usd(0.0123) == "$0.0123");
  CHECK(format_usd(12.34) == "$12.34");
  CHECK(format_usd(-1.5) == "-$1.50");
}

TEST_CASE("UTF-8 is judged strictly") {
  for (const char* good : {"", "plain", "\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x98\x80",
                           "\xEF\xBF\xBF", "\xF4\x8F\xBF\xBF", "12345678\xC3\xA4"}) {
    CAPTURE(good);
    CHECK(is_utf8(good));
  }
  for (const char* bad :
       {"\x80", "\xC0\xAF", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xC3", "\xE2\x82", "12345678\xFF", "\xFE"}) {
    CHECK_FALSE(is_utf8(bad));
  }
  CHECK(utf8_prefix("ab\xC3\xA4\xFFz") == 4);
  CHECK(utf8_prefix("0123456789\xED\xA0\x80") == 10);
  CHECK(characters("a\xC3\xA4\xF0\x9F\x98\x80") == 3);
  CHECK(to_utf8("a\xFF"
                "b") ==
        "a\xEF\xBF\xBD"
        "b");
  test::property("to_utf8 always gives UTF-8 and leaves UTF-8 alone", [](const std::string& bytes) {
    const std::string out = to_utf8(bytes);
    RC_ASSERT(is_utf8(out));
    RC_ASSERT(to_utf8(out) == out);
    RC_ASSERT(is_utf8(bytes) == (out == bytes));
  });
}

TEST_CASE("printable removes what could drive a terminal") {
  CHECK(printable("a\tb\nc") == "a\tb\nc");
  CHECK(printable("\x1b[31mred\x1b[0m") == "red");
  CHECK(printable("\x1b]0;title\x07text") == "text");
  CHECK(printable("\x1b]8;;http://x\x1b\\link") == "link");
  CHECK(printable("\x1b(Bx\x1b=y") == "xy");
  CHECK(printable(std::string_view{"10%\r20%\b\x7f\0!", 11}) == "10%20%!");
  CHECK(printable("\xC2\x9B"
                  "31m") == "31m");
  CHECK(printable("\xE2\x80\xAE"
                  "abc") == "abc");
  CHECK(printable("\xFF") == "\xEF\xBF\xBD");
  // An opening without its end must not swallow the rest of the log.
  CHECK(printable("\x1b]0;no end\nnext") == "0;no end\nnext");
  CHECK(printable("\x1b") == "");
  CHECK(printable("\x1b[") == "");
  test::property("nothing below a blank is left but tab and newline", [](const std::string& bytes) {
    for (const char c : printable(bytes)) {
      RC_ASSERT(c == '\t' || c == '\n' || static_cast<unsigned char>(c) >= ' ');
      RC_ASSERT(c != '\x7f');
    }
  });
}

TEST_CASE("shorten and last_lines") {
  CHECK(shorten("hello", 5) == "hello");
  CHECK(shorten("hello!", 5) == "he\xE2\x80\xA6");
  CHECK(shorten("\xC3\xA4\xC3\xA4\xC3\xA4", 4) == "\xE2\x80\xA6");
  CHECK(shorten("\xC3\xA4\xC3\xA4\xC3\xA4", 5) == "\xC3\xA4\xE2\x80\xA6");
  CHECK(shorten("hello", 2) == "he");
  CHECK(shorten("hello", 0).empty());
  test::property("shorten keeps its bound and the encoding", [](const std::string& raw) {
    const std::string text = to_utf8(raw);
    const std::size_t bound = *rc::gen::inRange<std::size_t>(0, 40);
    RC_ASSERT(shorten(text, bound).size() <= bound);
    RC_ASSERT(is_utf8(shorten(text, bound)));
  });
  CHECK(last_lines("a\nb\nc\n", 2) == "b\nc");
  CHECK(last_lines("a\nb\nc", 1) == "c");
  CHECK(last_lines("a\nb\n\n", 1).empty());
  CHECK(last_lines("a\nb", 9) == "a\nb");
  CHECK(last_lines("\na", 2) == "\na");
  CHECK(last_lines("a\nb", 0).empty());
  CHECK(last_lines("", 3).empty());
  CHECK(last_lines("\n", 3).empty());
}

TEST_CASE("edit distance counts a transposition once") {
  CHECK(edit_distance("", "") == 0);
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("comand", "command") == 1);
  CHECK(edit_distance("commnad", "command") == 1);
  CHECK(edit_distance("kitten", "sitting") == 3);
  test::property("it is symmetric, and zero only for equals",
                 [](const std::string& a, const std::string& b) {
                   RC_ASSERT(edit_distance(a, b) == edit_distance(b, a));
                   RC_ASSERT((edit_distance(a, b) == 0) == (a == b));
                   RC_ASSERT(edit_distance(a, b) <= std::max(a.size(), b.size()));
                 });
}

TEST_CASE("quoted input fits into one line, nearest finds what was meant") {
  CHECK(quote("a b") == "'a b'");
  CHECK(quote("a\nb\x1b[31m") == "'a b'");
  CHECK(one_line("a\n\tb") == "a  b");
  CHECK(quote(std::string(5000, 'x')).size() == 80);
  const std::vector<std::string> known{"command", "check", "cwd"};
  CHECK(nearest("comand", known) == "command");
  CHECK(nearest("chekc", known) == "check");
  CHECK(nearest("cwf", known) == "cwd");
  CHECK(nearest("comm", known) == "command");
  CHECK(nearest("something", known).empty());
  CHECK(nearest("", known).empty());
  CHECK(nearest("x", {"y"}).empty());
}

TEST_CASE("ids in names of variables and files") {
  CHECK(env_name("build-1.x") == "build_1_x");
  CHECK(env_name("\xC3\xA4") == "__");
  CHECK(file_name("build-1.x") == "build-1.x");
  CHECK(file_name("../etc") == "%2E.%2Fetc");
  CHECK(file_name("a b%") == "a%20b%25");
  CHECK(file_name(".") == "%2E");
  test::property("a file name stays in its directory and is short", [](const std::string& id) {
    const std::string name = file_name(id);
    RC_ASSERT(name.find('/') == std::string::npos);
    RC_ASSERT(name.find('\0') == std::string::npos);
    RC_ASSERT(!name.starts_with('.'));
    RC_ASSERT(name.size() <= 180);
  });
  test::property("different ids have different file names",
                 [](const std::string& a, const std::string& b) {
                   RC_ASSERT((a == b) == (file_name(a) == file_name(b)));
                 });
  const std::string deep(200, '/');
  CHECK(file_name(deep).size() <= 180);
  CHECK(file_name(deep) != file_name(deep + "/"));
}

}  // namespace
}  // namespace darn
