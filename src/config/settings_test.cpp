#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>

#include "config/config.hpp"
#include "config/test_support.hpp"

namespace darn {
namespace {

using namespace std::chrono_literals;
using test::bad_toml;
using test::good_toml;
namespace fs = std::filesystem;

TEST_CASE("every setting of a run") {
  const RunSettings s = good_toml(R"(
[run]
jobs = 3
auto_retry = true
max_retries = 7
halt = "20%"
fail_on_healed = true
budget = "$5,2Mtok"
output_limit = "2M"
grace = "3s"
linger = "leave"
cycle_wait = 1
cycle_wait_limited = "1m"
notify = "cat"
durability = "power"
)");
  CHECK(s.jobs == 3);
  CHECK(s.auto_retry);
  CHECK(s.max_retries == 7);
  CHECK(s.halt == HaltMode::after_percent);
  CHECK(s.halt_percent == 20);
  CHECK(s.fail_on_healed);
  CHECK(s.budget == Budget{5.0, 2'000'000});
  CHECK(s.output_limit == 2ULL << 20U);
  CHECK(s.grace == 3s);
  CHECK(s.linger_leave);
  CHECK(s.cycle_wait == 1s);
  CHECK(s.cycle_wait_limited == 1min);
  CHECK(s.notify == "cat");
  CHECK(s.durability == "power");
  CHECK(good_toml("[run]\nhalt = 'fail-fast'\n").halt == HaltMode::fail_fast);
  CHECK(good_toml("[run]\nhalt = 'keep-going'\n").halt == HaltMode::keep_going);
  CHECK(good_toml("[run]\nbudget = {usd = 1.5, tokens = 100}\n").budget == Budget{1.5, 100});
  CHECK(good_toml("[run]\nbudget = {usd = 1.5}\n").budget == Budget{1.5, {}});
}

TEST_CASE("every number of the policy, each category, rules") {
  const RunSettings s = good_toml(R"(
[policy]
max_retries = 4
jitter = 0.25
deterministic_after = 2
poison_limit = 9
max_snoozes = 8
max_snooze = "2h"
max_retry_after = "1h"
rest_without_hint = "5s"
[policy.network]
retries = 2
backoff = ["1s", 2, "3s"]
alone = true
[policy.unknown]
retries = 0
[[policy.rules]]
name = "first"
category = "network"
exit = [1, 2]
signal = [9]
shorter_than = "1s"
longer_than = "10ms"
output_regex = 'E(\d+)'
agent_json = "/is_error == true"
then = "retry"
retries = 3
backoff = "1s"
[[policy.rules]]
as_category = "permanent"
[[policy.rules]]
exit = 75
then = "snooze"
snooze = "1m"
)");
  CHECK(s.policy.max_retries == 4);
  CHECK(s.policy.jitter == 0.25);
  CHECK(s.policy.deterministic_after == 2);
  CHECK(s.policy.poison_limit == 9);
  CHECK(s.policy.max_snoozes == 8);
  CHECK(s.policy.max_snooze == 2h);
  CHECK(s.policy.max_retry_after == 1h);
  CHECK(s.policy.rest_without_hint == 5s);
  CHECK(s.policy.of(Category::network) == CategoryPolicy{2, {1s, 2s, 3s}, true});
  CHECK(s.policy.of(Category::unknown).retries == 0);
  CHECK(s.policy.of(Category::timeout) == default_policy().of(Category::timeout));
  REQUIRE(s.policy.rules.size() == 3);
  const Rule first{.name = "first",
                   .category = Category::network,
                   .exit = {1, 2},
                   .signal = {9},
                   .shorter_than = 1s,
                   .longer_than = 10ms,
                   .output_regex = "E(\\d+)",
                   .agent_json = "/is_error == true",
                   .then = Action::retry,
                   .retries = 3,
                   .backoff = {1s}};
  CHECK(s.policy.rules[0] == first);
  CHECK(s.policy.rules[1].as_category == Category::permanent);
  CHECK(s.policy.rules[1].name == "darn.toml:29");
  CHECK(s.policy.rules[2].exit == std::vector<int>{75});
  CHECK(s.policy.rules[2].snooze == 1min);
}

TEST_CASE("rules of a later document stand first and replace those of the same name") {
  const RunSettings user = good_toml(
      "[[policy.rules]]\nname = 'a'\nthen = 'retry'\n[[policy.rules]]\nname = 'b'\nthen = "
      "'abandon'\n");
  const RunSettings both = good_toml(
      "[[policy.rules]]\nname = 'c'\nthen = 'retry'\n[[policy.rules]]\nname = 'b'\nthen = "
      "'give_up'\n",
      user);
  REQUIRE(both.policy.rules.size() == 3);
  CHECK(both.policy.rules[0].name == "c");
  CHECK(both.policy.rules[1].then == Action::give_up);
  CHECK(both.policy.rules[2].name == "a");
}

TEST_CASE("pools and defaults") {
  const RunSettings s = good_toml(R"(
[pools.api]
limit = 2
rate = "10/min"
[pools.fast]
rate = "100/30s"
[defaults]
timeout = "5m"
tags = ["night", "api"]
retries = 2
env.LEVEL = "3"
env.DEBUG = true
colour = "red"
number = 4
budget = "1usd"
failed_when = ["/bad == true"]
score = {regex = '(\d+)/(\d+)', pass_score = 0.8}
race = ["claude", "codex"]
deadline = "2h"
)");
  CHECK(s.pools.at("api") == PoolDef{"api", 2, 10, 60s});
  CHECK(s.pools.at("fast") == PoolDef{"fast", 0, 100, 30s});
  CHECK(s.defaults.timeout == 5min);
  CHECK(s.defaults.tags == std::vector<std::string>{"night", "api"});
  CHECK(s.defaults.env ==
        std::vector<std::pair<std::string, std::string>>{{"LEVEL", "3"}, {"DEBUG", "true"}});
  CHECK(s.defaults.params ==
        std::vector<std::pair<std::string, std::string>>{{"colour", "red"}, {"number", "4"}});
  CHECK(s.defaults.budget.usd == 1.0);
  CHECK(s.defaults.failed_when == std::vector<std::string>{"/bad == true"});
  CHECK(s.defaults.score == ScoreRule{"(\\d+)/(\\d+)", "", 0.8});
  CHECK(s.defaults.race == std::vector<std::string>{"claude", "codex"});
  CHECK(s.defaults.deadline == 2h);
  const RunSettings later = good_toml("[defaults]\nretries = 1\n", s);
  CHECK(later.defaults.retries == 1);
  CHECK(later.defaults.timeout == 5min);
  CHECK(good_toml("[pools.a]\nrate = '2/s'\n").pools.at("a").rate_per == 1s);
  CHECK(good_toml("[pools.a]\nrate = '2/h'\n").pools.at("a").rate_per == 1h);
}

TEST_CASE("what is wrong is said with its place and the mend") {
  const std::pair<const char*, const char*> cases[] = {
      {"[run]\njobz = 3\n", "darn.toml:2:1: unknown key 'jobz'; did you mean 'jobs'?"},
      {"[run]\njobs = \"many\"\n",
       "darn.toml:2:8: bad value 'many' for 'jobs'; give a whole number from 0 to 4096"},
      {"[run]\njobs = -1\n",
       "darn.toml:2:8: bad value '-1' for 'jobs'; give a whole number from 0 to 4096"},
      {"[run]\njobs = [1]\n", "darn.toml:2:8: 'jobs' is a list; give a single value"},
      {"[run]\nauto_retry = \"maybe\"\n",
       "darn.toml:2:14: bad value 'maybe' for 'auto_retry'; give true or false"},
      {"[run]\nhalt = \"soon\"\n",
       "darn.toml:2:8: bad value 'soon' for 'halt'; give keep-going, fail-fast or a share such as "
       "20%"},
      {"[run]\nhalt = \"0%\"\n",
       "darn.toml:2:8: bad value '0%' for 'halt'; give keep-going, fail-fast or a share such as "
       "20%"},
      {"[run]\nbudget = 5\n",
       "darn.toml:2:10: bad budget '5'; give an amount such as 5usd, $5, 2000000tokens or 2Mtok"},
      {"[run]\noutput_limit = \"big\"\n",
       "darn.toml:2:16: bad value 'big' for 'output_limit'; give a size such as 4096, 64k or 2M"},
      {"[run]\ngrace = \"long\"\n",
       "darn.toml:2:9: bad value 'long' for 'grace'; give a duration such as 90, 250ms, 10m or "
       "1h30m"},
      {"[run]\nlinger = \"stay\"\n",
       "darn.toml:2:10: bad value 'stay' for 'linger'; give one of 'kill', 'leave'"},
      {"[policy]\njitter = 7\n",
       "darn.toml:2:10: bad value '7' for 'jitter'; give a number from 0 to 1"},
      {"[polcy]\n", "darn.toml:1:2: unknown key 'polcy'; did you mean 'policy'?"},
      {"zzz = 1\n",
       "darn.toml:1:1: unknown key 'zzz'; known here: run, defaults, policy, agents, pools"},
      {"run = 3\n", "darn.toml:1:7: 'run' is no table; give it keys with values"},
      {"[policy.netwrk]\nretries = 1\n",
       "darn.toml:1:9: unknown key 'netwrk'; did you mean 'network'?"},
      {"[policy.network]\nbackoff = [\"1s\", \"soon\"]\n",
       "darn.toml:2:18: bad value 'soon' for '1'; give a duration such as 90, 250ms, 10m or 1h30m"},
      {"[[policy.rules]]\noutput_regex = \"(\"\nthen = \"retry\"\n",
       "darn.toml:2:16: bad regular expression '(': missing ): (; see the RE2 syntax"},
      {"[[policy.rules]]\nexit = 1\n",
       "darn.toml:1:1: a rule that does nothing; give it 'then' or 'as_category'"},
      {"[[policy.rules]]\nthen = \"succeed\"\n",
       "darn.toml:2:8: bad value 'succeed' for 'then'; give one of 'retry', 'snooze', 'give_up', "
       "'abandon'"},
      {"[[policy.rules]]\nthen = \"abandon\"\nretries = 2\n",
       "darn.toml:1:1: 'retries' and 'backoff' without a retry; add then = \"retry\""},
      {"[[policy.rules]]\nagent_json = \"is_error\"\nthen = \"retry\"\n",
       "darn.toml:2:14: bad predicate 'is_error'; write '/pointer exists', or '/pointer OP value' "
       "with ==, !=, <, <=, > or >="},
      {"[policy.rules]\nthen = \"retry\"\n",
       "darn.toml:1:1: 'rules' is no list; write each rule as [[policy.rules]]"},
      {"[pools.a]\nrate = \"fast\"\n",
       "darn.toml:2:8: bad rate 'fast'; give one such as 10/min, 2/s or 100/h"},
      {"[pools.a]\nlimits = 3\n", "darn.toml:2:1: unknown key 'limits'; did you mean 'limit'?"},
      {"[defaults]\nid = \"a\"\n",
       "darn.toml:2:1: every task would have the same 'id'; give it with each task"},
      {"[defaults]\ntimeuot = \"5s\"\n",
       "darn.toml:2:1: unknown key 'timeuot'; did you mean 'timeout'? A parameter needs a name "
       "less "
       "like it"},
      {"[defaults]\nretries = \"x\"\n",
       "darn.toml:2:11: bad number 'x'; give a whole number from 0 to 1000"},
      {"[defaults]\nPATH = \"x\"\n",
       "darn.toml:2:1: key 'PATH' has the name of a variable that shells or loaders read; rename "
       "it, or write 'env.PATH' if that is what you mean"},
      {"[defaults]\nenv = {DARN_X = \"1\"}\n",
       "darn.toml:2:8: key 'env.DARN_X' would hide one of darn's own; use a name that does not "
       "begin with DARN_"},
      {"[defaults]\ncolours = [1]\n", "darn.toml:2:11: 'colours' is a list; give a single value"},
      {"[defaults]\ntask = \"a\"\nprompt = \"b\"\n",
       "darn.toml:2:1: both 'task' and 'prompt', which are the same; keep one of the two"},
      {"[defaults]\ncommand = \"a\"\nagent = \"b\"\n",
       "darn.toml:1:1: both a command and an agent; keep one of the two"},
  };
  for (const auto& [text, error] : cases) {
    CAPTURE(text);
    CHECK(bad_toml(text) == error);
  }
}

class ConfigDirectory {
 public:
  ConfigDirectory() {
    std::string pattern = (fs::temp_directory_path() / "darn-config-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    root_ = pattern;
    fs::create_directories(root_ / "xdg" / "darn");
    fs::create_directories(root_ / "project");
    ::setenv("XDG_CONFIG_HOME", (root_ / "xdg").c_str(), 1);
  }
  ~ConfigDirectory() {
    ::unsetenv("XDG_CONFIG_HOME");
    for (const char* name : {"DARN_JOBS", "DARN_BUDGET", "DARN_OUTPUT_LIMIT", "DARN_AUTO_RETRY"}) {
      ::unsetenv(name);
    }
    fs::remove_all(root_);
  }
  ConfigDirectory(const ConfigDirectory&) = delete;
  ConfigDirectory& operator=(const ConfigDirectory&) = delete;

  void user(const std::string& text) { write(root_ / "xdg" / "darn" / "config.toml", text); }
  void project(const std::string& text) { write(root_ / "project" / "darn.toml", text); }
  Result<RunSettings> load(const std::map<std::string, std::string>& presets = {}) const {
    return load_config((root_ / "project").string(), presets);
  }
  const fs::path& root() const { return root_; }

 private:
  static void write(const fs::path& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
  }
  fs::path root_;
};

TEST_CASE("presets, user file, project file, environment: the later wins") {
  ConfigDirectory directory;
  CHECK(directory.load()->jobs == 0);  // no file at all
  directory.user("[run]\njobs = 2\nmax_retries = 9\n[agents.mine]\ncommand = ['x']\n");
  directory.project("[run]\njobs = 3\n[agents.claude]\npool_limit = 8\n");
  const std::map<std::string, std::string> presets{
      {"claude.toml", "[agents.claude]\ncommand = ['claude']\npool_limit = 2\n"},
      {"codex.toml", "[agents.codex]\ncommand = ['codex']\n"}};
  auto settings = directory.load(presets);
  REQUIRE(settings.has_value());
  CHECK(settings->jobs == 3);
  CHECK(settings->max_retries == 9);
  CHECK(settings->agents.at("codex").source == "preset");
  CHECK(settings->agents.at("claude").source == "darn.toml");
  CHECK(settings->agents.at("claude").pool_limit == 8);
  CHECK(settings->agents.at("claude").command == std::vector<std::string>{"claude"});
  CHECK(settings->agents.at("mine").source == (directory.root() / "xdg/darn/config.toml").string());
  ::setenv("DARN_JOBS", "4", 1);
  ::setenv("DARN_BUDGET", "2Mtok", 1);
  ::setenv("DARN_AUTO_RETRY", "yes", 1);
  ::setenv("DARN_OUTPUT_LIMIT", "/where/task/LIMIT/wrote", 1);  // not a setting, a task's output
  settings = directory.load(presets);
  REQUIRE(settings.has_value());
  CHECK(settings->jobs == 4);
  CHECK(settings->budget.tokens == 2'000'000);
  CHECK(settings->auto_retry);
  ::setenv("DARN_JOBS", "many", 1);
  CHECK(test::text_of(directory.load(presets)) ==
        "$DARN_JOBS: bad value 'many' for 'jobs'; give a whole number from 0 to 4096");
}

TEST_CASE("a configuration file that cannot be read is an error with its place") {
  ConfigDirectory directory;
  directory.project("[run]\njobz = 1\n");
  CHECK(test::text_of(directory.load()) ==
        "darn.toml:2:1: unknown key 'jobz'; did you mean 'jobs'?");
  CHECK(directory.load().error().exit_status() == 78);
  directory.project("");
  fs::remove(directory.root() / "project" / "darn.toml");
  fs::create_directory(directory.root() / "project" / "darn.toml");
  CHECK(test::text_of(directory.load()) ==
        "darn.toml: is a directory; a configuration file belongs there");
}

}  // namespace
}  // namespace darn
