#include "config/dev.hpp"

#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>

#include "support/temp_dir.hpp"

namespace darn {
namespace {

using namespace std::chrono_literals;

Result<DevEntries> read(const std::string& text) {
  DARN_ASSIGN(const ConfigDocument document, ConfigDocument::from_toml(text, "darn.toml"));
  return read_dev(document, ErrorKind::config);
}

DevEntries good(const std::string& text) {
  const auto entries = read(text);
  REQUIRE_MESSAGE(entries, entries.error().text());
  return *entries;
}

std::string bad(const std::string& text) {
  const auto entries = read(text);
  return entries ? "(accepted)" : entries.error().text();
}

std::vector<std::string> names(const std::vector<const DevEntry*>& commands) {
  std::vector<std::string> all;
  for (const DevEntry* command : commands) {
    all.push_back(command->name);
  }
  return all;
}

TEST_CASE("every key of [dev]") {
  const DevEntries all = good(R"([dev]
lint = "ruff check ."
quality = ["format-check", "lint"]
format-check = "ruff format --check ."
test-fast = { run = "pytest -q -m 'not slow'", timeout = "10m" }
check-all = { steps = ["quality", "test"], help = "All of it" }
[dev.test]
run = "pytest -q"
retries = 2
retry_on = ["network", 75, "/Connection reset/"]
timeout = "30m"
deadline = "1h"
backoff = ["5s", "15s"]
fallback = "test-fast"
fallback_on = ["network", "timeout"]
help = "All tests"
breaker = "b"
budget = "c"
)");
  REQUIRE(all.size() == 6);
  CHECK(all[0].run == "ruff check .");
  CHECK(all[1].steps == std::vector<std::string>{"format-check", "lint"});
  CHECK(all[4].help == "All of it");
  const DevEntry& test = *find_entry(all, "test");
  CHECK(test.retries == 2);
  REQUIRE(test.retry_on.size() == 3);
  CHECK(test.retry_on[0].category == Category::network);
  CHECK(test.retry_on[1].exit == 75);
  CHECK(test.retry_on[2].regex == "Connection reset");
  CHECK(test.timeout == 30min);
  CHECK(test.deadline == 1h);
  CHECK(test.backoff == std::vector<Duration>{5s, 15s});
  CHECK(test.fallback == "test-fast");
  CHECK(test.fallback_on == std::vector<Category>{Category::network, Category::timeout});
  CHECK(test.breaker == "b");
  CHECK(test.budget == "c");
  CHECK(find_entry(all, "tes") == nullptr);
  CHECK(good("[run]\njobs = 1\n").empty());
  CHECK(good("[dev]\n").empty());
}

TEST_CASE("sequences are flattened, and what came already does not come again") {
  const DevEntries all = good(R"([dev]
a = "1"
b = "2"
c = "3"
ab = ["a", "b"]
all = ["b", "ab", "c", "ab"]
)");
  CHECK(names(flatten(all, {"all"})) == std::vector<std::string>{"b", "a", "c"});
  CHECK(names(flatten(all, {"ab", "all", "a"})) == std::vector<std::string>{"a", "b", "c"});
}

TEST_CASE("what is wrong is said with its place and the mend") {
  const std::pair<const char*, const char*> kWrong[] = {
      {"dev = 1", "darn.toml:1:7: 'dev' is no table"},
      {"[dev]\nLint = 'x'", "darn.toml:2:1: 'Lint' is no name for a command; small letters"},
      {"[dev]\n-x = 'x'", "darn.toml:2:1: '-x' is no name"},
      {"[dev]\n'a b' = 'x'", "darn.toml:2:1: 'a b' is no name"},
      {"[dev]\na = 1", "darn.toml:2:5: 'a' is no command"},
      {"[dev]\na = ' '", "darn.toml:2:5: no command; give a text"},
      {"[dev]\na = []", "darn.toml:2:5: an empty sequence"},
      {"[dev]\na = { steps = [] }", "darn.toml:2:15: an empty sequence"},
      {"[dev]\na = { run = 5 }", "darn.toml:2:13: no command"},
      {"[dev]\na = {}", "darn.toml:2:5: 'a' has neither 'run' nor 'steps'"},
      {"[dev]\na = { help = 'x' }", "darn.toml:2:5: 'a' has neither"},
      {"[dev]\nb = 'x'\na = { run = 'x', steps = ['b'] }", "darn.toml:3:5: 'a' has both"},
      {"[dev]\nb = 'x'\na = { steps = ['b'], timeout = 1 }",
       "darn.toml:3:22: 'timeout' is of commands, and this is a sequence"},
      {"[dev]\na = { run = 'x', retrys = 1 }",
       "darn.toml:2:18: unknown key 'retrys'; did you mean 'retries'?"},
      {"[dev]\na = { run = 'x', retries = -1 }", "darn.toml:2:28: bad value '-1' for 'retries'"},
      {"[dev]\na = { run = 'x', timeout = 'soon' }", "darn.toml:2:28: bad value 'soon'"},
      {"[dev]\na = { run = 'x', backoff = ['1s', 'x'] }", "darn.toml:2:35: bad value 'x'"},
      {"[dev]\na = { run = 'x', retry_on = ['network', 'netwerk'] }",
       "darn.toml:2:41: 'netwerk' is nothing to retry on"},
      {"[dev]\na = { run = 'x', retry_on = '/(/' }", "darn.toml:2:29: bad regular expression"},
      {"[dev]\na = { run = 'x', fallback_on = ['network'] }",
       "darn.toml:2:18: 'fallback_on' without a fallback"},
      {"[dev]\na = { run = 'x', fallback = 'b', fallback_on = ['nettwork'] }",
       "darn.toml:2:49: bad value 'nettwork'"},
      {"[dev]\na = { run = 'x', breaker = '' }", "darn.toml:2:28: '' is no name"},
      {"[dev]\nlint = 'x'\na = ['lnt']", "darn.toml:3:6: no 'lnt' in [dev]; did you mean 'lint'?"},
      {"[dev]\na = { run = 'x', fallback = 'zzz' }", "darn.toml:2:29: no 'zzz' in [dev]; add it"},
      {"[dev]\nb = 'x'\ns = ['b']\na = { run = 'x', fallback = 's' }",
       "darn.toml:4:29: the fallback 's' is a sequence"},
      {"[dev]\na = ['b']\nb = ['c']\nc = { steps = ['b'] }",
       "darn.toml:4:16: a cycle: b -> c -> b"},
      {"[dev]\na = ['a']", "darn.toml:2:6: a cycle: a -> a"},
      {"[dev]\na = {run = 'x', fallback = 'b'}\nb = {run = 'x', fallback = 'a'}",
       "darn.toml:3:28: a cycle: a -> b -> a"},
  };
  for (const auto& [text, error] : kWrong) {
    CHECK_MESSAGE(bad(text).starts_with(error), bad(text));
  }
  std::string many = "[dev]\n";
  for (int i = 0; i < 1001; ++i) {
    many += "a" + std::to_string(i) + " = 'x'\n";
  }
  CHECK(bad(many).starts_with("darn.toml:1:1: more than 1000 entries"));
}

TEST_CASE("the project's directory is found from below, and not above a repository") {
  const test::TempDir dir;
  const auto root = dir.path();
  std::filesystem::create_directories(root / "repo" / "src" / "deep");
  std::ofstream(root / "darn.toml") << "";
  CHECK(find_project((root / "repo" / "src" / "deep").string()) == root.string());
  std::filesystem::create_directories(root / "repo" / ".git");
  CHECK(find_project((root / "repo" / "src" / "deep").string()).empty());
  std::ofstream(root / "repo" / "darn.toml") << "";
  CHECK(find_project((root / "repo" / "src").string()) == (root / "repo").string());
}

}  // namespace
}  // namespace darn
