#include "plan/csv.hpp"

#include <doctest/doctest.h>

#include "base/text.hpp"
#include "plan/reader.hpp"
#include "support/property.hpp"

namespace darn {
namespace {

using Cells = std::vector<std::string>;

std::vector<Cells> records(std::string_view text) {
  CsvReader reader(text, "t.csv");
  std::vector<Cells> out;
  for (;;) {
    const auto more = reader.next();
    REQUIRE_MESSAGE(more.has_value(), (more ? "" : more.error().text()));
    if (!*more) {
      return out;
    }
    out.emplace_back(reader.cells().begin(), reader.cells().end());
  }
}

std::string refused(std::string_view text) {
  CsvReader reader(text, "t.csv");
  for (;;) {
    const auto more = reader.next();
    if (!more) {
      return more.error().text();
    }
    if (!*more) {
      return "(accepted)";
    }
  }
}

TEST_CASE("cells as RFC 4180 has them") {
  CHECK(records("a,b\nc,d\n") == std::vector<Cells>{{"a", "b"}, {"c", "d"}});
  CHECK(records("a,b\r\nc,d\r\n") == std::vector<Cells>{{"a", "b"}, {"c", "d"}});
  CHECK(records("a,b\nc,d") == std::vector<Cells>{{"a", "b"}, {"c", "d"}});
  CHECK(records("a,\n,b\n,\n") == std::vector<Cells>{{"a", ""}, {"", "b"}, {"", ""}});
  CHECK(records("\"a,b\",\"say \"\"hi\"\"\"\n") == std::vector<Cells>{{"a,b", "say \"hi\""}});
  CHECK(records("\"two\nlines\",x\n") == std::vector<Cells>{{"two\nlines", "x"}});
  CHECK(records("\"\",\"\"\n") == std::vector<Cells>{{"", ""}});
  CHECK(records("\"\"\"\"\n") == std::vector<Cells>{{"\""}});
  CHECK(records(" a , b \n") == std::vector<Cells>{{" a ", " b "}});
  CHECK(records("\xEF\xBB\xBF"
                "a\n") == std::vector<Cells>{{"a"}});
  CHECK(records("").empty());
  CHECK(records("\n\r\n\n").empty());
  CHECK(records("\na\n\n\nb\n\n") == std::vector<Cells>{{"a"}, {"b"}});
  CHECK(records("a\n\"\"\n") ==
        std::vector<Cells>{{"a"}, {""}});  // a quoted empty cell is a record
}

TEST_CASE("places count lines and characters") {
  CsvReader reader("a,b\n\n\"x\ny\",\xC3\xA4\xC3\xA4,z\r\nlast", "t.csv");
  REQUIRE(*reader.next());
  REQUIRE(*reader.next());
  const auto at = [&](std::size_t cell) {
    const Location where = reader.where(cell);
    return std::to_string(where.line) + ":" + std::to_string(where.column);
  };
  CHECK(reader.line() == 3);
  CHECK(reader.raw() == "\"x\ny\",\xC3\xA4\xC3\xA4,z");
  CHECK(at(0) == "3:1");
  CHECK(at(1) == "4:4");
  CHECK(at(2) == "4:7");
  CHECK(at(3) == "4:8");  // where the record ends
  REQUIRE(*reader.next());
  CHECK(reader.line() == 5);
  CHECK(reader.raw() == "last");
}

TEST_CASE("what RFC 4180 does not allow is refused where it stands") {
  CHECK(
      refused("a,b\nc,\"open\nand on\n") ==
      "t.csv:2:3: a quote that is never closed; close it with '\"', and double the quotes inside");
  CHECK(refused("a,b\nc,say \"hi\"\n") ==
        "t.csv:2:7: a quote inside of an unquoted cell; put the whole cell into quotes and double "
        "those inside");
  CHECK(refused("a, \"b\"\n").starts_with("t.csv:1:4: a quote inside of an unquoted cell"));
  CHECK(refused("a\n\"x\ny\"z,b\n") ==
        "t.csv:3:3: text after the closing quote of a cell; put all of it into the quotes, and "
        "double those inside");
  CHECK(refused("a,b\rc,d\r") ==
        "t.csv:1:4: a carriage return without a line feed; end lines with LF or CRLF, or put the "
        "cell into quotes");
  CHECK(refused("\"a\"\rb").starts_with("t.csv:1:4: "));
  CHECK(refused("\"").starts_with("t.csv:1:1: "));
}

TEST_CASE("a record is split into the cells that it was joined from") {
  CHECK(join_record({"a", "b c", "d,e", "f\"g", "h\ni", ""}) ==
        "a,b c,\"d,e\",\"f\"\"g\",\"h\ni\",");
  CHECK(join_record({""}) == "\"\"");
  CHECK(split_record("a,\"b,c\",") == Cells{"a", "b,c", ""});
  CHECK(split_record("broken \" quote") == Cells{"broken \" quote"});
  CHECK(split_record("") == Cells{""});
  const auto cell = rc::gen::container<std::string>(
      rc::gen::elementOf(std::string{"ab,\"\n\r \t;\xEF\xBB\xBF\x00", 14}));
  test::property("join, then split", [&] {
    const Cells cells = *rc::gen::nonEmpty(rc::gen::container<Cells>(cell));
    RC_ASSERT(split_record(join_record(cells)) == cells);
  });
  test::property("join, then read as a file", [&] {
    const auto rows =
        *rc::gen::container<std::vector<Cells>>(rc::gen::nonEmpty(rc::gen::container<Cells>(cell)));
    std::string text;
    for (const Cells& row : rows) {
      text += join_record(row) + "\r\n";
    }
    CsvReader reader(text, "f");
    for (const Cells& row : rows) {
      RC_ASSERT(reader.next().value_or(false));
      RC_ASSERT(Cells(reader.cells().begin(), reader.cells().end()) == row);
      RC_ASSERT(reader.raw() == join_record(row));
    }
    RC_ASSERT(!reader.next().value_or(true));
  });
}

TEST_CASE("arbitrary bytes never crash, and what is read can be written and read again") {
  const auto bytes = rc::gen::container<std::string>(
      rc::gen::oneOf(rc::gen::arbitrary<char>(), rc::gen::element('"', ',', '\n', '\r', 'a')));
  test::property("reading", [&] {
    const std::string text = *bytes;
    CsvReader reader(text, "f");
    for (;;) {
      const auto more = reader.next();
      if (!more) {
        RC_ASSERT(more.error().where.line >= 1U);
        RC_ASSERT(more.error().where.column >= 1U);
        break;
      }
      if (!*more) {
        break;
      }
      const Cells cells(reader.cells().begin(), reader.cells().end());
      RC_ASSERT(split_record(std::string{reader.raw()}) == cells);
      RC_ASSERT(split_record(join_record(cells)) == cells);
      for (std::size_t i = 0; i <= cells.size(); ++i) {
        RC_ASSERT(reader.where(i).line >= reader.line());
      }
    }
  });
}

}  // namespace
}  // namespace darn
