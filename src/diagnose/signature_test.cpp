#include <set>

#include "base/text.hpp"
#include "diagnose/diagnose.hpp"
#include "support/property.hpp"

namespace {

using namespace darn;
using darn::test::property;

std::string signature_of(std::string_view output) {
  Outcome o;
  o.exit_code = 1;
  return diagnose({.outcome = &o, .output = output, .now = time_from_ms(1)}).signature;
}

}  // namespace

TEST_CASE("what varies becomes a mark, what names something stays") {
  const std::pair<const char*, const char*> table[] = {
      {"  error:  two   blanks ", "error: two blanks"},
      {"/home/ann/w/src/a.c:12:5: error: 'x' undeclared", "a.c:<n>: error: 'x' undeclared"},
      {"2026-11-22T17:30:05.123Z ##[error]boom", "boom"},
      {"[2026-11-22 17:30:05] boom", "[<n> <n>] boom"},
      {"worker 12 (pid 4711) died after 3.5s", "worker <n> (pid <n>) died after <n>"},
      {"at 0x7ffe12ab34cd", "at <n>"},
      {"request 550e8400-e29b-41d4-a716-446655440000 failed", "request <id> failed"},
      {"commit 60a189413d732eccd0158591618422c7cad1aed7", "commit <id>"},
      {"from 10.1.0.82:52774", "from <n>"},
      {"took 12ms of 300 MB", "took <n> of <n>"},
      {"error[E0425]: cannot find value `x`", "error[E0425]: cannot find value `x`"},
      {"error TS2304: Cannot find name", "error TS2304: Cannot find name"},
      {"FAILED tests/test_a.py::test_case_12", "FAILED test_a.py::test_case_12"},
      {"block blk_-1608999687919862906", "block blk_<n>"},
      {"/tmp/tmpab12cd34/x.txt: No such file", "x.txt: No such file"},
      {"\x1b[31mred\x1b[0m", "red"},
      {"version 1.2.3", "version <n>"},
      {"since Sun Jul 10 03:55:15 2005", "since <n> <n> <n> <n> <n>"},
      {"see May for more", "see May for more"},
      {"C:\\users\\ann\\a.c broke", "C:\\a.c broke"},
      {"GET https://api.example.com/v1/x?id=77 failed",
       "GET https://api.example.com/x?id=<n> failed"},
      {"3.14 is not 2.71, after 12 seconds", "<n> is not <n>, after <n>"},
      {"", ""},
  };
  for (const auto& [line, expected] : table) {
    CHECK(normalise_line(line) == expected);
  }
}

TEST_CASE("the same failure elsewhere has the same signature") {
  const std::pair<const char*, const char*> pairs[] = {
      {"/home/ann/p/src/a.c:12:5: error: 'x' undeclared",
       "/builds/7/p/src/a.c:31:9: error: 'x' undeclared"},
      {"2026-01-02T03:04:05Z fatal: worker 3 lost", "2026-09-12T13:14:15Z fatal: worker 9 lost"},
      {"error: job 8812 failed after 12.5s", "error: job 9013 failed after 1m"},
      {"error: cannot open /tmp/tmp8Xk2p1/in.csv", "error: cannot open /var/tmp/q/in.csv"},
      {"requests.ConnectionError: 10.0.0.1:443 Connection refused (0x7f01)",
       "requests.ConnectionError: 10.9.8.7:8443 Connection refused (0x7fff)"},
      {"\x1b[31merror: boom\x1b[0m\n", "error: boom"},
      {"noise\nValueError: bad row 17\n", "more noise\nValueError: bad row 99\n"},
  };
  for (const auto& [a, b] : pairs) {
    CHECK_MESSAGE(signature_of(a) == signature_of(b), a);
  }
}

TEST_CASE("different failures have different signatures") {
  const char* texts[] = {
      "a.c:1:2: error: 'x' undeclared",
      "a.c:1:2: error: 'y' undeclared",
      "b.c:1:2: error: 'x' undeclared",
      "KeyError: 'name'",
      "KeyError: 'id'",
      "error TS2304: Cannot find name 'a'",
      "error TS2305: Cannot find name 'a'",
      "FAILED test_a.py::test_case_1",
      "FAILED test_a.py::test_case_2",
      "Connection refused",
      "Connection reset by peer",
      "HTTP 429 Too Many Requests",
      "HTTP 503 Service Unavailable",
      "fatal: oops",
      "",
  };
  std::set<std::string> seen;
  for (const char* text : texts) {
    CHECK_MESSAGE(seen.insert(signature_of(text)).second, text);
  }
  Outcome one;
  one.exit_code = 1;
  Outcome three;
  three.exit_code = 3;
  CHECK(diagnose({.outcome = &one}).signature != diagnose({.outcome = &three}).signature);
}

TEST_CASE("a signature is a version and 128 bits") {
  const auto s = signature("a", "b");
  CHECK(s.size() == 34);
  CHECK(s.substr(0, 2) == "1:");
  CHECK(s.find_first_not_of("0123456789abcdef", 2) == std::string::npos);
  CHECK(s != signature("a", "c"));
  CHECK(s != signature("b", "b"));
  CHECK(s == signature("a", "\n  b \n\n"));
}

TEST_CASE("the order of parallel compilers does not matter") {
  CHECK(signature_of("a.c:1:1: error: p\nb.c:1:1: error: q\nb.c:1:1: error: q") ==
        signature_of("b.c:1:1: error: q\na.c:1:1: error: p\nb.c:1:1: error: q"));
}

TEST_CASE("what holds of any line") {
  property("numbers, times, hex and directories do not matter",
           [](std::uint32_t a, std::uint32_t b) {
             const auto line = [](std::uint32_t n) {
               return "error: step " + std::to_string(n) + " at 0x" + std::to_string(n) +
                      " in /w/" + env_name(std::to_string(n)) + "/x.c:" + std::to_string(n) +
                      " took " + std::to_string(n) + "ms, 12:0" + std::to_string(n % 10) + ":11";
             };
             RC_ASSERT(normalise_line(line(a)) == normalise_line(line(b)));
           });
  property("words do", [] {
    const auto word = rc::gen::nonEmpty(
        rc::gen::container<std::string>(rc::gen::inRange<char>('a', static_cast<char>('z' + 1))));
    const std::string a = *word;
    const std::string b = *word;
    RC_ASSERT((normalise_line("error: " + a) == normalise_line("error: " + b)) == (a == b));
  });
  property("normalising again changes nothing, and nothing breaks it",
           [](const std::string& bytes) {
             const auto once = normalise_line(bytes);
             RC_ASSERT(normalise_line(once) == once);
           });
  property("fragments of what it looks for, in any order", [] {
    const auto words = *rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
        "/a/b.c", "12", "ms", " ", ":", "-", ".", "_", "<n>", "<id>", "<", "Sun", "Jul ",
        "https://", "x.org", "0x12", "E0425", "deadbeef1", "a1b2c3d4", "C:\\d\\e", "~", "MB",
        "\x1b[1m", "\xc3\xa9"));
    std::string line;
    for (const auto& w : words) {
      line += w;
    }
    const auto normal = normalise_line(line);
    RC_ASSERT(normal == normalise_line("  " + line + " "));
    RC_ASSERT(normal.size() <= 3 * line.size());
    RC_ASSERT(normal.find('\x1b') == std::string::npos);
  });
}
