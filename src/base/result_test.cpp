#include "base/result.hpp"

#include <cerrno>

#include <doctest/doctest.h>

namespace darn {
namespace {

Result<int> half(int x) {
  if (x % 2 != 0) {
    return fail(ErrorKind::bad_input, "odd", "give an even number");
  }
  return x / 2;
}

Result<int> quarter(int x) {
  DARN_ASSIGN(const int h, half(x));
  DARN_TRY(half(h));
  return half(h);
}

TEST_CASE("an error is one line: place, what is wrong, what would be right") {
  const Error whole{ErrorKind::bad_input, "bad id", "give one", {"t.csv", 3, 7}};
  CHECK(whole.text() == "t.csv:3:7: bad id; give one");
  CHECK(Error{ErrorKind::io, "x", "", {"t.csv", 3, 0}}.text() == "t.csv:3: x");
  CHECK(Error{ErrorKind::io, "x", "", {"t.csv", 0, 7}}.text() == "t.csv: x");
  CHECK(Error{ErrorKind::io, "x", "", {}}.text() == "x");
}

TEST_CASE("the kind decides the exit status") {
  CHECK(Error{ErrorKind::usage}.exit_status() == 64);
  CHECK(Error{ErrorKind::bad_input}.exit_status() == 65);
  CHECK(Error{ErrorKind::unavailable}.exit_status() == 69);
  CHECK(Error{ErrorKind::internal}.exit_status() == 70);
  CHECK(Error{ErrorKind::io}.exit_status() == 74);
  CHECK(Error{ErrorKind::try_again}.exit_status() == 75);
  CHECK(Error{ErrorKind::config}.exit_status() == 78);
}

TEST_CASE("the macros hand errors on") {
  CHECK(*quarter(8) == 2);
  CHECK(quarter(6).error().message == "odd");
  CHECK(quarter(3).error().mend == "give an even number");
  CHECK(fail_errno("open /x", ENOENT).value().text() == "open /x: No such file or directory");
}

}  // namespace
}  // namespace darn
