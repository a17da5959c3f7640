#include "agent/json_text.hpp"

#include <chrono>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "support/property.hpp"

namespace darn {
namespace {

using nlohmann::json;

TEST_CASE("the last document of a text that is mostly something else") {
  CHECK_FALSE(last_json(""));
  CHECK_FALSE(last_json("no json here { at all"));
  CHECK(*last_json("talk\n{\"a\": 1}\n{\"b\":\n  {\"c\": 2}\n}\n") == json{{"b", {{"c", 2}}}});
  CHECK(*last_json("{\"a\": 1}\nError: {\"b\": 2}\n") == json{{"a", 1}});
  CHECK(*last_json("  at f (x) {\n  status: 429\n}\n{\"a\": \"}\"}\ntail { of\n") ==
        json{{"a", "}"}});
  CHECK(*last_json("[1, 2]\n") == json{1, 2});
  CHECK(*last_json("{\"a\": \"\xff\"}") == json{{"a", "\xEF\xBF\xBD"}});
}

TEST_CASE("nesting and size are bounded before anything is parsed") {
  const std::string bomb(1U << 20U, '[');
  CHECK_FALSE(parse_json(bomb));
  CHECK_FALSE(last_json(bomb));
  CHECK_FALSE(json_end(bomb));
  const std::string deep = std::string(kMaxJsonDepth, '[') + std::string(kMaxJsonDepth, ']');
  CHECK(parse_json(deep));
  CHECK_FALSE(parse_json("[" + deep + "]"));
  CHECK_FALSE(parse_json("\"" + std::string(kMaxJsonBytes, 'x') + "\""));
  std::string objects;
  for (int i = 0; i < 100'000; ++i) {
    objects += "{\"a\":";
  }
  CHECK_FALSE(parse_json(objects));
}

TEST_CASE("lines: objects alone, in order, until told to stop") {
  std::vector<json> seen;
  const auto keep = [&seen](const json& line) {
    seen.push_back(line);
    return seen.size() < 3;
  };
  each_json_line("talk\n{\"n\":1}\r\n\n[1]\n{broken\n  {\"n\":2}\n{\"n\":3}\n{\"n\":4}", keep);
  CHECK(seen == std::vector<json>{{{"n", 1}}, {{"n", 2}}, {{"n", 3}}});
}

TEST_CASE("JSON texts: arbitrary bytes never crash, what was written is read back") {
  test::property("arbitrary bytes", [](const std::vector<char>& bytes) {
    const std::string text(bytes.begin(), bytes.end());
    static_cast<void>(last_json(text));
    static_cast<void>(parse_json(text));
    each_json_line(text, [](const json&) { return true; });
  });
  test::property("brackets and quotes", [] {
    const auto text = *rc::gen::container<std::string>(
        rc::gen::element('{', '}', '[', ']', '"', '\\', ',', ':', '1', '\n'));
    const auto end = json_end(text);
    RC_ASSERT(!end || *end <= text.size());
    static_cast<void>(last_json(text));
  });
  test::property("round trip", [](const std::map<std::string, int>& members) {
    json object = json::object();
    for (const auto& [key, value] : members) {
      object[json(key).dump(-1, ' ', true, json::error_handler_t::replace)] = value;
    }
    const auto back = last_json("some talk\n" + object.dump(2) + "\nmore talk\n");
    RC_ASSERT(back.has_value());
    RC_ASSERT(*back == object);
  });
}

}  // namespace
}  // namespace darn
