#include <doctest/doctest.h>

#include "config/config.hpp"
#include "config/test_support.hpp"

namespace darn {
namespace {

using namespace std::chrono_literals;
using test::bad_toml;
using test::good_toml;
using Pairs = std::vector<std::pair<std::string, std::string>>;

TEST_CASE("every field of an agent") {
  const RunSettings s = good_toml(R"(
[agents.other]
command = ["other"]

[agents.mine]
command = ["mine", "--json", "{options}", "-o", "{output_file}"]
resume = ["mine", "--resume", "{session}"]
options.max_turns = ["--max-turns", "{max_turns}"]
options.context_path = ["--add-dir", "{context_path}"]
options.colour = ["--colour={colour}"]
stdin = "{task}"
env = { RETRIES = "1", MODE = "{mode}" }
key_env = "MINE_API_KEY"
keys = ["MINE_KEY_1", "MINE_KEY_2"]
result = { lines = '/type == "result"', take = "first" }
cost_usd = "/total_cost_usd"
session = { lines = '/type == "started"', at = "/thread_id" }
error = { stream = "stderr", json = "last", at = "/error/message" }
status = { regex = 'status: (\d+)' }
price = { input = 1.5, cached = 0.5, output = 6 }
failed_when = ['/is_error == true', '/permission_denials != []']
failed_when_text = ['litellm\.\w*Error']
terminal = { "/subtype == error_max_turns" = "max_turns", "/subtype == error_budget" = "budget" }
quota = { text = 'limit', until = 'at (?P<until>.+)\.', lines = '/type == "limit"', at = "/resets", rate = "429" }
exits.173 = { category = "rate_limit", cause = "quota", text = "HTTP 429" }
exits.41 = { category = "permanent", cause = "authentication" }
check = "test -s out"
version_command = "mine -V"
pool = "shared"
pool_limit = 2
timeout = "10m"
idle_timeout = "1m"
fallback = "other"
reserve_usd = 0.25
[agents.mine.tokens]
lines = '/type == "turn"'
take = "sum"
cumulative = true
input = "/usage/in"
cached = { at = "/usage/cached", take = "last" }
output = { lines = '/type == "end"', at = "/out" }
)");
  AgentDef want;
  want.name = "mine";
  want.command = {"mine", "--json", "{options}", "-o", "{output_file}"};
  want.resume = {"mine", "--resume", "{session}"};
  want.options = {{"max_turns", {"--max-turns", "{max_turns}"}},
                  {"context_path", {"--add-dir", "{context_path}"}},
                  {"colour", {"--colour={colour}"}}};
  want.stdin_text = "{task}";
  want.env = {{"RETRIES", "1"}, {"MODE", "{mode}"}};
  want.key_env = "MINE_API_KEY";
  want.keys = {"MINE_KEY_1", "MINE_KEY_2"};
  want.result = {.lines = "/type == \"result\"", .take = "first"};
  want.cost_usd = {.at = "/total_cost_usd"};
  want.session = {.lines = "/type == \"started\"", .at = "/thread_id"};
  want.error = {.stream = "stderr", .json = "last", .at = "/error/message"};
  want.status = {.regex = "status: (\\d+)"};
  want.tokens.input = {.lines = "/type == \"turn\"", .at = "/usage/in", .take = "sum"};
  want.tokens.cached = {.lines = "/type == \"turn\"", .at = "/usage/cached"};
  want.tokens.output = {.lines = "/type == \"end\"", .at = "/out", .take = "sum"};
  want.tokens.cumulative = true;
  want.tokens.price_input = 1.5;
  want.tokens.price_cached = 0.5;
  want.tokens.price_output = 6;
  want.failed_when = {"/is_error == true", "/permission_denials != []"};
  want.failed_when_text = {"litellm\\.\\w*Error"};
  want.terminal = {{"/subtype == error_max_turns", "max_turns"},
                   {"/subtype == error_budget", "budget"}};
  want.quota = {"limit", "at (?P<until>.+)\\.", "/type == \"limit\"", "/resets", "429"};
  want.exits = {{173, {Category::rate_limit, Cause::quota, "HTTP 429"}},
                {41, {Category::permanent, Cause::authentication, ""}}};
  want.check = "test -s out";
  want.version_command = "mine -V";
  want.pool = "shared";
  want.pool_limit = 2;
  want.timeout = 10min;
  want.idle_timeout = 1min;
  want.fallback = "other";
  want.reserve_usd = 0.25;
  want.source = "darn.toml";
  CHECK(s.agents.at("mine") == want);
}

TEST_CASE("a definition lies over one of its name, or over the one it extends") {
  const RunSettings base = good_toml(
      "[agents.claude]\ncommand = ['claude', '-p']\npool_limit = 2\nenv = {A = '1', B = '2'}\n");
  const RunSettings s = good_toml(R"(
[agents.derived2]
extends = "derived"
pool_limit = 7
[agents.derived]
extends = "claude"
env = { B = "3", C = "4" }
[agents.claude]
timeout = "5m"
)",
                                  base);
  CHECK(s.agents.at("claude").command == std::vector<std::string>{"claude", "-p"});
  CHECK(s.agents.at("claude").timeout == 5min);
  CHECK(s.agents.at("derived").name == "derived");
  CHECK(s.agents.at("derived").timeout == 5min);  // over claude as this file leaves it
  CHECK(s.agents.at("derived").env == Pairs{{"A", "1"}, {"B", "3"}, {"C", "4"}});
  CHECK(s.agents.at("derived2").pool_limit == 7);
  CHECK(s.agents.at("derived2").env == s.agents.at("derived").env);
}

TEST_CASE("YAML defines agents as TOML does") {
  const auto document = ConfigDocument::from_yaml(
      "agents:\n  scribe:\n    command: [sh, scribe.sh]\n    options:\n      z: [-z]\n      a: "
      "[-a]\n"
      "    result: {lines: '/type == \"result\"', take: last}\n    exits: {3: {category: "
      "network}}\n",
      "t.yaml");
  REQUIRE(document.has_value());
  RunSettings s;
  const Status status = apply_config(*document, s, ErrorKind::bad_input);
  REQUIRE_MESSAGE(status.has_value(), test::text_of(status));
  const AgentDef& scribe = s.agents.at("scribe");
  CHECK(scribe.options == decltype(scribe.options){{"z", {"-z"}}, {"a", {"-a"}}});
  CHECK(scribe.exits.at(3).category == Category::network);
  CHECK(scribe.source == "t.yaml");
}

TEST_CASE("wrong definitions are refused with their place and the mend") {
  const std::string head = "[agents.m]\ncommand = ['m']\n";
  const std::pair<std::string, const char*> cases[] = {
      {"[agents.m]\nstdin = '{task}'\n",
       "darn.toml:1:1: agent 'm' has no command; give command = [\"program\", …], or extends"},
      {"[agents.m]\ncommand = 'm -x'\n",
       "darn.toml:2:11: 'command' is no list; write its words one by one: [\"program\", "
       "\"--flag\"]"},
      {"[agents.m]\ncommand = ['x', '{tsk}']\n",
       "darn.toml:2:17: unknown placeholder {tsk}; did you mean {task}?"},
      {"[agents.m]\ncommand = ['x', '{a b}']\n",
       "darn.toml:2:17: a brace that begins no {name} in '{a b}'; write '{{' and '}}' for plain "
       "braces"},
      {head + "comand = ['x']\n", "darn.toml:3:1: unknown key 'comand'; did you mean 'command'?"},
      {head + "result = {lines = 'type'}\n",
       "darn.toml:3:19: bad predicate 'type'; write '/pointer exists', or '/pointer OP value' with "
       "==, !=, <, <=, > or >="},
      {head + "result = 'type'\n",
       "darn.toml:3:10: bad value 'type' for 'result'; give a JSON pointer such as "
       "/usage/input_tokens"},
      {head + "result = {stream = 'both'}\n",
       "darn.toml:3:20: bad value 'both' for 'stream'; give one of 'stdout', 'stderr'"},
      {head + "result = {regex = '('}\n",
       "darn.toml:3:19: bad regular expression '(': missing ): (; see the RE2 syntax"},
      {head + "result = {regex = 'a', at = '/b'}\n",
       "darn.toml:3:10: 'regex' beside 'lines', 'json' or 'at'; a value is read from text or from "
       "JSON"},
      {head + "tokens = {at = '/x'}\n",
       "darn.toml:3:11: unknown key 'at'; known here: stream, lines, json, regex, take, input, "
       "cached, output, cumulative"},
      {head + "terminal = {'/a == b' = 'turns'}\n",
       "darn.toml:3:25: bad value 'turns' for '/a == b'; give one of 'max_turns', 'budget'"},
      {head + "terminal = {'a' = 'budget'}\n",
       "darn.toml:3:13: bad predicate 'a'; write '/pointer exists', or '/pointer OP value' with "
       "==, "
       "!=, <, <=, > or >="},
      {head + "exits.300 = {category = 'network'}\n",
       "darn.toml:3:7: '300' is no exit status; give a number from 0 to 255"},
      {head + "exits.3 = {category = 'nonsense'}\n",
       "darn.toml:3:23: bad value 'nonsense' for 'category'; give one of 'network', 'rate_limit', "
       "'resource', 'timeout', 'transient', 'permanent', 'unknown'"},
      {head + "pool_limit = 0\n",
       "darn.toml:3:14: bad value '0' for 'pool_limit'; give a whole number from 1 to 10000"},
      {head + "price = {input = -1}\n",
       "darn.toml:3:18: bad value '-1' for 'input'; give a number from 0 to 1000000"},
      {head + "fallback = 'nobody'\n",
       "darn.toml:3:12: unknown agent 'nobody' to fall back on; define it too"},
      {"[agents.m]\nextends = 'n'\n", "darn.toml:2:11: unknown agent 'n'; define it first"},
      {"[agents.m]\nextends = 'n'\n[agents.n]\nextends = 'm'\n",
       "darn.toml:1:1: agents that extend each other: m -> n -> m; let one of them stand alone"},
      {head + "env = {'A-B' = '1'}\n",
       "darn.toml:3:8: 'A-B' is no name for a variable of an agent; use letters, digits and '_', "
       "not beginning with DARN_"},
      {"agents = 3\n", "darn.toml:1:10: 'agents' is no table; write each agent as [agents.NAME]"},
  };
  for (const auto& [text, error] : cases) {
    CAPTURE(text);
    CHECK(bad_toml(text) == error);
  }
}

TEST_CASE("keys are named, never written, and never printed") {
  const std::string head = "[agents.m]\ncommand = ['m']\n";
  for (const std::string secret :
       {"sk-ant-api03-0123456789abcdef", "ghp_0123456789abcdefghijABCDEF", "not a name",
        "hf_abcdefghijklmnopqrstuv"}) {
    CAPTURE(secret);
    const std::string mend =
        "what stands here is no name of a variable; keys are named, never written: keys = "
        "[\"MY_API_KEY\"]";
    CHECK(bad_toml(head + "keys = ['OK_NAME', '" + secret + "']\n") == "darn.toml:3:20: " + mend);
    CHECK(bad_toml(head + "key_env = '" + secret + "'\n") == "darn.toml:3:11: " + mend);
  }
  const std::string refused =
      bad_toml(head + "env = { ANTHROPIC_API_KEY = 'abcdefghij0123456789' }\n");
  CHECK(refused ==
        "darn.toml:3:29: 'ANTHROPIC_API_KEY' holds what looks like a key, and keys are never "
        "stored; put it into a variable and name that in 'keys'");
  // A key where another value belongs is not repeated in the error either.
  const std::string misplaced = bad_toml(head + "timeout = 'sk-ant-api03-0123456789abcdef'\n");
  CHECK(misplaced.find("api03") == std::string::npos);
}

}  // namespace
}  // namespace darn
