// The presets' own promises: command lines, environments, limits.
#include "agent/presets.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include <doctest/doctest.h>

#include "agent/check.hpp"
#include "agent/invocation.hpp"
#include "agent/presets_fixture.hpp"
#include "base/text.hpp"

namespace darn {
namespace {

using test::presets;

TEST_CASE("the presets: all there, readable, with what a night needs") {
  std::set<std::string> names;
  for (const auto& [name, agent] : presets()) {
    names.insert(name);
    const auto checked = check_agent(agent);
    CHECK_MESSAGE(checked, (checked ? "" : checked.error().text()));
    CHECK(agent.pool_limit == 4);
    CHECK(agent.timeout == std::chrono::hours{1});
    CHECK(agent.idle_timeout == std::chrono::minutes{20});
    // A prompt of any size and beginning is taken.
    TaskSpec task;
    task.id = "t";
    task.agent = name;
    InvocationInput in;
    in.agent = &agent;
    in.task = &task;
    in.task_file = "/w/task.md";
    in.workspace = "/w/workspace";
    in.prompt = "--help" + std::string(200'000, 'x');
    const auto made = make_invocation(in);
    REQUIRE_MESSAGE(made, (made ? "" : made.error().text()));
    const bool by_file =
        std::find(made->argv.begin(), made->argv.end(), in.task_file) != made->argv.end();
    CHECK((made->stdin_text == in.prompt) != by_file);
  }
  CHECK(names == std::set<std::string>{"aider", "claude", "codex", "codex-openai", "gemini"});
}

TEST_CASE("claude: turned down retries, a sandbox for root alone, turns and the session") {
  TaskSpec task;
  task.id = "t";
  task.max_turns = 3;
  InvocationInput in;
  in.agent = &presets().at("claude");
  in.task = &task;
  in.workspace = "/w/workspace";
  in.prompt = "do it";
  in.session = "abc";
  in.root = true;
  const auto made = make_invocation(in);
  REQUIRE(made);
  const std::map<std::string, std::string> env(made->env.begin(), made->env.end());
  CHECK(env.at("CLAUDE_CODE_MAX_RETRIES") == "1");
  CHECK(env.at("IS_SANDBOX") == "1");
  const std::string words = join(made->argv, " ");
  CHECK(words.find("--resume abc") != std::string::npos);
  CHECK(words.find("--max-turns 3") != std::string::npos);
  in.root = false;
  const auto user = make_invocation(in);
  for (const auto& [name, value] : user->env) {
    CHECK(name != "IS_SANDBOX");
  }
}

}  // namespace
}  // namespace darn
