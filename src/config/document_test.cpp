#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "config/config.hpp"
#include "config/test_support.hpp"
#include "support/property.hpp"

namespace darn {
namespace {

using nlohmann::json;
using test::text_of;

ConfigDocument yaml(std::string_view text) {
  auto document = ConfigDocument::from_yaml(text, "t.yaml");
  REQUIRE_MESSAGE(document.has_value(), text_of(document));
  return std::move(*document);
}

std::string bad_yaml(std::string_view text) {
  return text_of(ConfigDocument::from_yaml(text, "t.yaml"));
}

std::string at(const Location& where) {
  return std::to_string(where.line) + ":" + std::to_string(where.column);
}

TEST_CASE("TOML becomes JSON with the place of every value and key") {
  const auto document = ConfigDocument::from_toml(
      "# first\n[run]\njobs = 4\nnotify = 'ä'   \n[a.\"b/c~d\"]\nx = [1, 2.5, true]\n"
      "when = 2026-11-22\n",
      "d.toml");
  REQUIRE(document.has_value());
  CHECK(document->root() == json::parse(R"({"run":{"jobs":4,"notify":"ä"},
      "a":{"b/c~d":{"x":[1,2.5,true],"when":"2026-11-22"}}})"));
  CHECK(document->file() == "d.toml");
  CHECK(at(document->where("/run/jobs")) == "3:8");
  CHECK(at(document->where_key("/run/jobs")) == "3:1");
  CHECK(at(document->where("/a/b~1c~0d/x/1")) == "6:9");
  CHECK(at(document->where("/run/nothing/below")) == at(document->where("/run")));
  CHECK(document->keys("/run") == std::vector<std::string>{"jobs", "notify"});
  CHECK(document->keys("/a/b~1c~0d") == std::vector<std::string>{"x", "when"});
  CHECK(document->keys("/run/jobs").empty());
}

TEST_CASE("broken TOML is refused with its place") {
  const auto where = [](std::string_view text) {
    const auto document = ConfigDocument::from_toml(text, "d.toml");
    REQUIRE_FALSE(document.has_value());
    CHECK(document.error().kind == ErrorKind::config);
    return at(document.error().where);
  };
  CHECK(where("[run\n") == "1:5");
  CHECK(where("a = 1\na = 2\n").starts_with("2:"));
  CHECK(where("a = \n").starts_with("1:"));
  CHECK(where("a = \"\\u0000\"\n") == "1:5");
  CHECK(where("x = \"\xFF\"\n").starts_with("1:"));
  CHECK(where("a" + [] {
          std::string dots;
          for (int i = 0; i < 100'000; ++i) {
            dots += ".a";
          }
          return dots;
        }() + " = 1\n") == "1:1");
  CHECK(where("x = " + std::string(200'000, '[')).starts_with("1:"));
  std::string deep = "x = " + std::string(100, '[') + std::string(100, ']');
  CHECK(text_of(ConfigDocument::from_toml(deep, "d.toml")).find("nested too deeply") !=
        std::string::npos);
  CHECK(text_of(ConfigDocument::from_toml(std::string(5U << 20U, '\n'), "d.toml")) ==
        "d.toml: larger than 4 MiB; tasks belong into a CSV or YAML file");
}

TEST_CASE("YAML scalars stay as they are written; null is null") {
  const auto document =
      yaml("id: 007\nyes: true\nnone: ~\nempty:\nquoted: \"~\"\nn: 1.10\nt: |\n  a\n  b\n");
  CHECK(document.root() == json::parse(R"({"id":"007","yes":"true","none":null,"empty":null,
      "quoted":"~","n":"1.10","t":"a\nb\n"})"));
  CHECK(at(document.where("/id")) == "1:5");
  CHECK(at(document.where_key("/quoted")) == "5:1");
}

TEST_CASE("columns of YAML count characters, after a byte order mark and CRLF too") {
  const auto document = yaml(
      "\xEF\xBB\xBF"
      "a: {ä: ö, b: c}\r\nlist: [ü, {x: y}]\r\n");
  CHECK(at(document.where("/a/b")) == "1:14");
  CHECK(at(document.where_key("/a/b")) == "1:11");
  CHECK(at(document.where("/list/1/x")) == "2:15");
}

TEST_CASE("anchors, aliases and merge keys are expanded") {
  const auto document = yaml(
      "base: &b {retries: 1, tags: &t [x, y]}\n"
      "one: {<<: *b, retries: 2}\ntwo: {tags: *t}\nthree: {<<: [{q: 1}, *b]}\n");
  CHECK(document.root()["one"] == json::parse(R"({"retries":"2","tags":["x","y"]})"));
  CHECK(document.root()["two"] == json::parse(R"({"tags":["x","y"]})"));
  CHECK(document.root()["three"] == json::parse(R"({"q":"1","retries":"1","tags":["x","y"]})"));
  CHECK(at(document.where("/two/tags/0")) == "3:13");  // where the alias stands
}

TEST_CASE("YAML that is broken or means harm is refused with its place") {
  CHECK(bad_yaml("a: [1, 2\nb: 3\n").starts_with("t.yaml:2:"));
  CHECK(bad_yaml("a: 1\na: 2\n") == "t.yaml:2:1: duplicate key 'a'; keep one of the two");
  CHECK(bad_yaml("a: 1\n---\nb: 2\n") ==
        "t.yaml:2:1: a second document; put everything into one, without '---' between");
  CHECK(bad_yaml("? [a, b]\n: c\n") ==
        "t.yaml:1:3: a list or map as a key; write a name before the ':'");
  CHECK(bad_yaml("a: &x [1, *x]\n") ==
        "t.yaml:1:11: an alias inside of what it stands for; repeat the value, or leave it out");
  CHECK(bad_yaml("a: *nobody\n").starts_with("t.yaml:1:"));
  CHECK(bad_yaml("a: !ruby/object x\n").find("unknown tag") != std::string::npos);
  CHECK(bad_yaml("a: \"x\\0y\"\n") == "t.yaml:1:4: a NUL or a broken character; remove it");
  CHECK(bad_yaml("a: {<<: 3}\n").find("'<<' stands before something that is no map") !=
        std::string::npos);
  CHECK(bad_yaml("a: b\nc: \"half a file\n") ==
        "t.yaml:2:4: a quote that is never closed; close it");
  CHECK(bad_yaml("a: 'it''s\n").starts_with("t.yaml:1:4: a quote"));
  CHECK(bad_yaml("a: \"x\\\"\n").starts_with("t.yaml:1:4: a quote"));
  CHECK(bad_yaml("a: 'it''s'") == "(accepted)");
  CHECK(bad_yaml("a: \"x\\\"\"") == "(accepted)");
  CHECK(bad_yaml("~: 3\n") == "t.yaml:1:1: an empty key; write a name before the ':'");
  CHECK(bad_yaml(std::string(100, '[') + std::string(100, ']')) ==
        "t.yaml:1:65: nested too deeply; keep it below 64 levels");
  CHECK(bad_yaml(std::string(300'000, '[')).starts_with("t.yaml:1:"));
  std::string dashes;
  for (int i = 0; i < 10'000; ++i) {
    dashes += "- ";
  }
  CHECK(bad_yaml(dashes).find("nested too deeply") != std::string::npos);
}

TEST_CASE("an alias bomb is refused before it grows") {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + last;
    for (int k = 0; k < 8; ++k) {
      bomb += ", " + last;
    }
    bomb += "]\n";
  }
  CHECK(bad_yaml(bomb).find("aliases that multiply the document") != std::string::npos);

  std::string many = "base: &b {a: 1, b: 2, c: 3}\nlist:\n";
  for (int i = 0; i < 5000; ++i) {
    many += "  - {<<: *b}\n";
  }
  CHECK(yaml(many).root()["list"].size() == 5000);  // honest use grows with the text
}

TEST_CASE("entries of a streamed key are handed out one by one") {
  std::vector<std::string> seen;
  const auto take = [&](const ConfigDocument& entry, const std::string& key) -> Status {
    seen.push_back(key + entry.root().dump() + at(entry.where("/x")) + at(entry.where("")));
    return {};
  };
  const auto read = [&](std::string_view text) {
    seen.clear();
    return ConfigDocument::from_yaml(text, "t.yaml", ErrorKind::bad_input, "tasks", take);
  };
  auto document = read("a: &a 1\ntasks:\n  - {x: *a}\n  - x: [2]\nb: {tasks: [3]}\n");
  REQUIRE(document.has_value());
  CHECK(seen == std::vector<std::string>{R"({"x":"1"}3:93:5)", R"({"x":["2"]}4:84:5)"});
  CHECK(document->root() == json::parse(R"({"a":"1","tasks":[],"b":{"tasks":["3"]}})"));
  document = read("tasks:\n  k: {x: 1}\n  l: 2\n");
  REQUIRE(document.has_value());
  CHECK(seen == std::vector<std::string>{R"(k{"x":"1"}2:102:6)", R"(l"2"3:63:6)"});
  const auto refuse = [](const ConfigDocument& entry, const std::string&) -> Status {
    return fail(ErrorKind::bad_input, "no", "", entry.where("/x"));
  };
  CHECK(text_of(ConfigDocument::from_yaml("tasks:\n- {x: 1}\n", "t.yaml", ErrorKind::bad_input,
                                          "tasks", refuse)) == "t.yaml:2:7: no");
}

TEST_CASE("arbitrary text never crashes a parser, and errors are one line") {
  const auto text = rc::gen::container<std::string>(
      rc::gen::elementOf(std::string{"ab:-,[]{}&*!|>'\"#%@ \n\t=.~?<\\\xC3\xA4\x00", 31}));
  const auto check = [](const Result<ConfigDocument>& document) {
    if (!document) {
      RC_ASSERT(document.error().text().find('\n') == std::string::npos);
      RC_ASSERT(document.error().where.file == "f");
    }
  };
  test::property("YAML", [&] { check(ConfigDocument::from_yaml(*text, "f")); });
  test::property("TOML", [&] { check(ConfigDocument::from_toml(*text, "f")); });
}

}  // namespace
}  // namespace darn
