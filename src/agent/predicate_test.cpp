#include "agent/predicate.hpp"

#include <cstdint>
#include <vector>

#include <nlohmann/json.hpp>

#include "support/property.hpp"

namespace darn {
namespace {

using nlohmann::json;

bool check(const std::string& predicate, const json& value) {
  const auto held = holds(predicate, value);
  REQUIRE_MESSAGE(held, predicate);
  return *held;
}

TEST_CASE("predicates compare what a pointer finds") {
  const json value = json::parse(R"({
    "is_error": true, "n": 3, "subtype": "error_max_turns", "denied": [], "null": null,
    "a": {"x": {"b": 1}, "y": {"b": 7}}, "list": [{"ok": false}, {"ok": true}],
    "a/b": {"~": "tilde"}, "": "empty", "words": "max turns"})");
  CHECK(check("/is_error == true", value));
  CHECK_FALSE(check("/is_error == false", value));
  CHECK(check("/n > 2", value));
  CHECK(check("/n >= 3.0", value));
  CHECK(check("/n == 3.0", value));
  CHECK_FALSE(check("/n < 3", value));
  CHECK(check("/n <= 3", value));
  CHECK(check("/subtype == error_max_turns", value));
  CHECK(check("/subtype == \"error_max_turns\"", value));
  CHECK(check("/words == max turns", value));
  CHECK(check("/denied == []", value));
  CHECK_FALSE(check("/denied != []", value));
  CHECK(check("/null == null", value));
  CHECK(check("/a/*/b == 7", value));
  CHECK_FALSE(check("/a/*/b == 8", value));
  CHECK(check("/list/*/ok == true", value));
  CHECK(check("/list/1/ok == true", value));
  CHECK(check("/a~1b/~0 == tilde", value));
  CHECK(check("/ == empty", value));
  CHECK(check("/a/x exists", value));
}

TEST_CASE("about what is not there nothing holds") {
  const json value = {{"a", 1}, {"s", "text"}};
  CHECK_FALSE(check("/b exists", value));
  CHECK_FALSE(check("/b != 1", value));
  CHECK_FALSE(check("/b == null", value));
  CHECK_FALSE(check("/a/b/c != 1", value));
  CHECK_FALSE(check("/s > 1", value));
  CHECK_FALSE(check("/a/* exists", value));
  CHECK_FALSE(check("/a == 1", json()));
  CHECK_FALSE(check("/9999999999999999999999 == 1", json::array({1})));
}

TEST_CASE("a predicate that cannot be read says what would be right") {
  for (const char* wrong :
       {"", "  ", "is_error == true", "/a", "/a =", "/a ==", "/a ~ 3", "/a exists now", "/a = 3"}) {
    const auto checked = check_predicate(wrong);
    REQUIRE_MESSAGE(!checked, wrong);
    CHECK(checked.error().kind == ErrorKind::config);
    CHECK(checked.error().mend.find("/pointer") != std::string::npos);
  }
  CHECK_FALSE(check_predicate("/a == " + std::string(5000, '[')));
  CHECK(check_predicate("/a == " + std::string(4000, '[')));  // a word, deep as it looks
}

TEST_CASE("predicates: arbitrary text and values never crash") {
  test::property("arbitrary predicates", [](const std::string& text) {
    static_cast<void>(holds(text, json{{"a", {{"b", text.size()}}}}));
    static_cast<void>(holds("/" + text, json{{"a", {1, 2}}}));
  });
  test::property("'*' finds each element", [](const std::vector<std::int32_t>& numbers) {
    const auto pointer = Pointer::parse("/v/*");
    const json value = {{"v", numbers}};
    const auto found = pointer->find(value);
    RC_ASSERT(found.size() == numbers.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      RC_ASSERT(*found[i] == numbers[i]);
    }
  });
}

}  // namespace
}  // namespace darn
