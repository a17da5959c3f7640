#include "agent/invocation.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "agent/template.hpp"
#include "support/property.hpp"

namespace darn {
namespace {

using Words = std::vector<std::string>;

struct Fixture {
  AgentDef agent;
  TaskSpec task;
  InvocationInput in;
  Fixture() {
    agent.name = "a";
    agent.command = {"prog"};
    task.id = "t1";
    in.agent = &agent;
    in.task = &task;
    in.workspace = "/w/agent-t1/workspace";
    in.task_file = "/w/agent-t1/task.md";
    in.prompt = "do it";
    in.root = false;
  }
  Result<Words> argv() {
    const auto made = make_invocation(in);
    if (!made) {
      return tl::unexpected<Error>(made.error());
    }
    return made->argv;
  }
};

TEST_CASE_FIXTURE(Fixture,
                  "names become words, options stand in their place and vanish when empty") {
  agent.command = {"prog", "{options}", "--out={output_file}", "{task}"};
  agent.options = {{"max_turns", {"--max-turns", "{max_turns}"}},
                   {"model", {"-m", "{model}"}},
                   {"lang", {"--lang={lang}"}}};
  CHECK(*argv() == Words{"prog", "--out=", "do it"});
  task.max_turns = 7;
  task.params = {{"lang", "de"}};
  in.output_file = "/w/out";
  CHECK(*argv() == Words{"prog", "--max-turns", "7", "--lang=de", "--out=/w/out", "do it"});
  agent.command = {"prog", "{id}"};
  CHECK(*argv() == Words{"prog", "t1", "--max-turns", "7", "--lang=de"});
}

TEST_CASE_FIXTURE(Fixture, "several context paths: words in the command, whole options") {
  in.context_paths = {"src", "-odd", "docs/a.md"};
  agent.command = {"prog", "--files", "{context_path}", "--x={context_path}"};
  CHECK(*argv() == Words{"prog", "--files", "src", "./-odd", "docs/a.md", "--x=src", "--x=./-odd",
                         "--x=docs/a.md"});
  agent.command = {"prog"};
  agent.options = {{"context_path", {"--read", "{context_path}"}}};
  CHECK(*argv() == Words{"prog", "--read", "src", "--read", "./-odd", "--read", "docs/a.md"});
  in.context_paths.clear();
  CHECK(*argv() == Words{"prog"});
}

TEST_CASE_FIXTURE(Fixture, "a session goes on by the resume template") {
  agent.command = {"prog", "new"};
  in.session = "s1";
  auto made = make_invocation(in);
  CHECK(made->argv == Words{"prog", "new"});
  CHECK_FALSE(made->resumed);
  agent.resume = {"prog", "--resume", "{session}", "{options}", "-"};
  agent.options = {{"model", {"-m", "{model}"}}};
  task.model = "big";
  made = make_invocation(in);
  CHECK(made->argv == Words{"prog", "--resume", "s1", "-m", "big", "-"});
  CHECK(made->resumed);
}

TEST_CASE_FIXTURE(Fixture, "what would be an option, or not fit, is refused with the mend") {
  agent.command = {"prog", "{task}"};
  in.prompt = "-rf everything";
  auto refused = argv();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().mend.find("{task_file}") != std::string::npos);
  agent.command = {"prog", "--", "{task}"};
  CHECK(*argv() == Words{"prog", "--", "-rf everything"});
  agent.command = {"prog", "--prompt={task}"};
  CHECK(*argv() == Words{"prog", "--prompt=-rf everything"});
  agent.command = {"prog", "-m", "{model}"};
  task.model = "--danger";
  CHECK_FALSE(argv());

  agent.command = {"prog", "{task}"};
  in.prompt = std::string(131'071, 'x');
  CHECK(argv());
  in.prompt += 'x';
  refused = argv();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("128 KiB") != std::string::npos);
  agent.command = {"prog"};
  agent.stdin_text = "{task}";
  CHECK(make_invocation(in)->stdin_text == in.prompt);
  in.prompt = std::string("a\0b", 3);
  agent.command = {"prog", "{task}"};
  CHECK_FALSE(argv());
}

TEST_CASE_FIXTURE(Fixture, "unknown names say which are known; braces can be written") {
  agent.command = {"prog", "{nonsense}"};
  task.params = {{"lang", "de"}};
  auto refused = argv();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("{nonsense}") != std::string::npos);
  CHECK(refused.error().mend.find("task_file") != std::string::npos);
  CHECK(refused.error().mend.find("lang") != std::string::npos);
  agent.command = {"prog", "{{\"a\": {{}}}}", "}"};
  CHECK(*argv() == Words{"prog", "{\"a\": {}}", "}"});
  for (const char* wrong : {"{", "{a", "{a b}", "{}", "{-}"}) {
    agent.command = {"prog", wrong};
    CHECK_FALSE_MESSAGE(argv(), wrong);
  }
}

TEST_CASE_FIXTURE(Fixture, "environment: root alone sets what only root needs; git stays inside") {
  agent.env = {{"IS_SANDBOX", "{root}"}, {"EMPTY", ""}, {"WHERE", "{workspace}"}};
  using Env = std::vector<std::pair<std::string, std::string>>;
  const std::pair<std::string, std::string> ceiling{"GIT_CEILING_DIRECTORIES", "/w/agent-t1"};
  CHECK(make_invocation(in)->env == Env{ceiling, {"EMPTY", ""}, {"WHERE", in.workspace}});
  in.root = true;
  CHECK(make_invocation(in)->env ==
        Env{ceiling, {"IS_SANDBOX", "1"}, {"EMPTY", ""}, {"WHERE", in.workspace}});
  task.workspace = WorkspaceMode::none;
  CHECK(make_invocation(in)->env.front().first == "IS_SANDBOX");
}

TEST_CASE("values are words, never more: any prompt arrives as it is") {
  test::property("one word each", [](const std::string& value) {
    Fixture f;
    f.agent.command = {"prog", "--p={task}", "--", "{task}"};
    f.in.prompt = value;
    const auto argv = f.argv();
    if (value.find('\0') != std::string::npos) {
      RC_ASSERT(!argv);
      return;
    }
    RC_ASSERT(argv.has_value());
    RC_ASSERT(*argv == (Words{"prog", "--p=" + value, "--", value}));
  });
  test::property("plain text with doubled braces is itself", [](const std::string& text) {
    std::string doubled;
    for (const char c : text) {
      doubled += (c == '{' || c == '}') ? std::string(2, c) : std::string(1, c);
    }
    const auto done =
        expand(doubled, [](std::string_view) { return std::optional<std::string>(); });
    RC_ASSERT(done.has_value());
    RC_ASSERT(done->text == text);
  });
}

TEST_CASE("a definition is checked before anything is started") {
  AgentDef good;
  good.name = "a";
  good.command = {"prog", "{options}", "{task}", "{language}"};
  CHECK(check_agent(good));
  const auto wrong = [&](auto change, const char* about) {
    AgentDef agent = good;
    change(agent);
    const auto checked = check_agent(agent);
    REQUIRE_FALSE_MESSAGE(checked, about);
    CHECK_MESSAGE(checked.error().message.find(about) != std::string::npos,
                  checked.error().message);
    CHECK(checked.error().kind == ErrorKind::config);
    CHECK_FALSE(checked.error().mend.empty());
  };
  wrong([](AgentDef& a) { a.command.clear(); }, "command is empty");
  wrong([](AgentDef& a) { a.command.emplace_back("{task_fil}"); }, "{task_fil}");
  wrong([](AgentDef& a) { a.resume = {"p", "{sesion}"}; }, "{sesion}");
  wrong([](AgentDef& a) { a.stdin_text = "{"; }, "stdin");
  wrong([](AgentDef& a) { a.options = {{"model", {}}}; }, "options.model");
  wrong([](AgentDef& a) { a.env = {{"X", "{worksapce}"}}; }, "env.X");
  wrong([](AgentDef& a) { a.result.at = "r"; }, "result");
  wrong([](AgentDef& a) { a.error.regex = "("; }, "error");
  wrong([](AgentDef& a) { a.status.take = "some"; }, "take");
  wrong([](AgentDef& a) { a.session.stream = "out"; }, "stream");
  wrong([](AgentDef& a) { a.cost_usd.json = "first"; }, "json");
  wrong([](AgentDef& a) { a.tokens.input.lines = "x"; }, "tokens.input");
  wrong([](AgentDef& a) { a.failed_when = {"x"}; }, "predicate");
  wrong([](AgentDef& a) { a.failed_when_text = {"(?=x)"}; }, "regex");
  wrong([](AgentDef& a) { a.terminal = {{"/a exists", "turns"}}; }, "terminal");
  wrong([](AgentDef& a) { a.quota.until = "at (.*)"; }, "quota.until");
  wrong([](AgentDef& a) { a.quota.lines = "/a exists"; }, "quota");
}

}  // namespace
}  // namespace darn
