#include "policy/rules.hpp"

#include "support/property.hpp"

namespace {
using namespace darn;
using namespace std::chrono_literals;

Outcome exited(int code) {
  Outcome o;
  o.exit_code = code;
  o.wall = 10s;
  return o;
}

bool matches(Rule rule, const Outcome& outcome, std::string_view output = "",
             Category category = Category::unknown) {
  Diagnosis d;
  d.category = category;
  const auto matcher = RuleMatcher::compile({std::move(rule)});
  REQUIRE(matcher);
  return matcher->match(outcome, d, output, [](const std::string& p) { return p == "/yes"; })
      .has_value();
}
}  // namespace

TEST_CASE("each condition") {
  CHECK(matches({}, exited(1)));
  CHECK(matches({.category = Category::network}, exited(1), "", Category::network));
  CHECK_FALSE(matches({.category = Category::network}, exited(1), "", Category::timeout));
  CHECK(matches({.exit = {3, 4}}, exited(4)));
  CHECK_FALSE(matches({.exit = {3, 4}}, exited(5)));
  Outcome killed;
  killed.end = End::signalled;
  killed.signal = 9;
  killed.exit_code = 3;
  CHECK(matches({.signal = {9}}, killed));
  CHECK_FALSE(matches({.signal = {15}}, killed));
  CHECK_FALSE(matches({.exit = {3}}, killed));
  CHECK(matches({.shorter_than = 11s}, exited(1)));
  CHECK_FALSE(matches({.shorter_than = 10s}, exited(1)));
  CHECK(matches({.longer_than = 9s}, exited(1)));
  CHECK_FALSE(matches({.longer_than = 10s}, exited(1)));
  CHECK(matches({.output_regex = "licen[cs]e"}, exited(1), "no\nlicence left\n"));
  CHECK_FALSE(matches({.output_regex = "licen[cs]e"}, exited(1), "fine"));
  CHECK(matches({.agent_json = "/yes"}, exited(1)));
  CHECK_FALSE(matches({.agent_json = "/no"}, exited(1)));
}

TEST_CASE("all conditions must hold, and the first rule wins") {
  CHECK_FALSE(matches({.exit = {1}, .output_regex = "x"}, exited(1), "y"));
  const auto matcher = RuleMatcher::compile({{.exit = {2}}, {.exit = {1}}, {}});
  REQUIRE(matcher);
  CHECK(matcher->match(exited(1), {}, "") == 1U);
  CHECK(matcher->match(exited(7), {}, "") == 2U);
  CHECK_FALSE(RuleMatcher::compile({})->match(exited(1), {}, "").has_value());
}

TEST_CASE("without a report a condition on it does not hold") {
  const auto matcher = RuleMatcher::compile({{.agent_json = "/yes"}});
  CHECK_FALSE(matcher->match(exited(1), {}, "").has_value());
}

TEST_CASE("a regex that does not compile is refused in one line") {
  const auto bad = RuleMatcher::compile({{.name = "mine", .output_regex = "a("}});
  REQUIRE_FALSE(bad);
  CHECK(bad.error().kind == ErrorKind::config);
  CHECK(bad.error().message.find("mine") != std::string::npos);
  CHECK(bad.error().text().find('\n') == std::string::npos);
}

TEST_CASE("any output is matched without harm") {
  darn::test::property("random bytes", [](const std::string& bytes) {
    const auto matcher = RuleMatcher::compile({{.output_regex = "(a+)+$"}});
    RC_ASSERT(matcher.has_value());
    matcher->match({}, {}, bytes);
  });
}
