#include "config/fields.hpp"

#include <doctest/doctest.h>

#include "base/text.hpp"
#include "config/config.hpp"
#include "config/secrets.hpp"
#include "config/test_support.hpp"
#include "support/property.hpp"

namespace darn {
namespace {

using namespace std::chrono_literals;
using test::text_of;
using Kind = FieldName::Kind;

std::string refused(std::string_view name, bool cell_only = true) {
  return text_of(classify_field(name, cell_only));
}

TaskSpec with(const std::string& field, std::string_view text) {
  TaskSpec spec;
  const Status status = set_field(spec, field, text);
  REQUIRE_MESSAGE(status.has_value(), text_of(status));
  return spec;
}

std::string refused_cell(const std::string& field, std::string_view text) {
  TaskSpec spec;
  return text_of(set_field(spec, field, text));
}

TEST_CASE("names of fields") {
  CHECK(classify_field("command", true)->kind == Kind::reserved);
  CHECK(classify_field("task", true)->name == "prompt");
  CHECK(classify_field("prompt", true)->name == "prompt");
  CHECK(classify_field("env.PATH", true)->kind == Kind::env);
  CHECK(classify_field("env.PATH", true)->name == "PATH");
  CHECK(classify_field("place", true)->kind == Kind::parameter);
  CHECK(classify_field("tag", true)->kind == Kind::parameter);   // one edit away, but short
  CHECK(classify_field("path", true)->kind == Kind::parameter);  // only PATH is read
  CHECK(classify_field("race", true)->kind == Kind::parameter);
  CHECK(classify_field("race", false)->kind == Kind::reserved);
  CHECK(classify_field("score", false)->kind == Kind::reserved);
}

TEST_CASE("every reserved name of the design is known") {
  for (const char* name :
       {"id",     "command",      "agent",        "task",      "prompt", "after",
        "cwd",    "timeout",      "idle_timeout", "retries",   "pool",   "priority",
        "tags",   "context_path", "output_file",  "max_turns", "model",  "check",
        "budget", "idempotent",   "workspace",    "base",      "session"}) {
    CAPTURE(name);
    CHECK(classify_field(name, true)->kind == Kind::reserved);
  }
  for (const char* name : {"repair", "deliver", "cpus", "mem", "gpus", "walltime"}) {
    CAPTURE(name);
    CHECK(refused(name) ==
          "column '" + std::string{name} + "' is reserved and has no meaning yet; rename it");
  }
}

TEST_CASE("a column that is nearly a reserved one is refused with the suggestion") {
  CHECK(refused("comand") ==
        "unknown column 'comand'; did you mean 'command'? A parameter needs a name less like it");
  for (const auto& [name, meant] :
       std::initializer_list<std::pair<const char*, const char*>>{{"promt", "prompt"},
                                                                  {"timeuot", "timeout"},
                                                                  {"outputfile", "output_file"},
                                                                  {"agents", "agent"},
                                                                  {"Agent", "agent"},
                                                                  {"afters", "after"},
                                                                  {"max_turn", "max_turns"},
                                                                  {"wall_time", "walltime"}}) {
    CAPTURE(name);
    CHECK(refused(name).find("did you mean '" + std::string{meant} + "'?") != std::string::npos);
  }
  CHECK(refused("scores", false).find("did you mean 'score'?") != std::string::npos);
  CHECK(refused("scores", true) == "(accepted)");
  CHECK(refused("timeuot", false).starts_with("unknown key 'timeuot'"));
}

TEST_CASE("a parameter must be a variable that nothing else reads") {
  CHECK(refused("my col") ==
        "column 'my col' cannot be the name of a variable, which a parameter becomes; "
        "rename it to 'my_col'");
  CHECK(refused("1st").ends_with("rename it to 'p_1st'"));
  CHECK(refused("\xC3\xA4").ends_with("rename it to '__'"));
  for (const char* name : {"PATH",
                           "IFS",
                           "ENV",
                           "BASH_ENV",
                           "SHELLOPTS",
                           "BASHOPTS",
                           "PS4",
                           "LD_PRELOAD",
                           "LD_LIBRARY_PATH",
                           "DYLD_INSERT_LIBRARIES",
                           "GCONV_PATH",
                           "LOCPATH",
                           "PYTHONPATH",
                           "PYTHONSTARTUP",
                           "PERL5LIB",
                           "PERL5OPT",
                           "NODE_OPTIONS",
                           "RUBYOPT",
                           "JAVA_TOOL_OPTIONS",
                           "HOME",
                           "GIT_SSH_COMMAND",
                           "GLIBC_TUNABLES",
                           "_",
                           "PWD"}) {
    CAPTURE(name);
    CHECK(refused(name) == "column " + quote(name) +
                               " has the name of a variable that shells or loaders read; rename "
                               "it, or write 'env." +
                               name + "' if that is what you mean");
  }
  CHECK(refused("DARN_X").find("darn's own") != std::string::npos);
  CHECK(refused("env.DARN_X").find("use a name that does not begin with DARN_") !=
        std::string::npos);
  CHECK(refused("env.").find("names no variable") != std::string::npos);
  CHECK(refused("env.A-B").find("names no variable") != std::string::npos);
  CHECK(refused("env.LD_PRELOAD") == "(accepted)");  // the user's explicit wish
  test::property("what is accepted as a parameter can stand in an environment",
                 [](const std::string& name) {
                   const auto field = classify_field(name, true);
                   if (field && field->kind == Kind::parameter) {
                     RC_ASSERT(is_variable(field->name));
                   }
                 });
}

TEST_CASE("cells set fields") {
  CHECK(with("id", "a b").id == "a b");
  CHECK(with("command", " make ").command == " make ");
  CHECK(with("prompt", "do\nit").prompt == "do\nit");
  CHECK(with("agent", "claude").agent == "claude");
  CHECK(with("after", "a; b,c d\te;;").after == std::vector<std::string>{"a", "b", "c", "d", "e"});
  CHECK(with("tags", "x, y").tags == std::vector<std::string>{"x", "y"});
  CHECK(with("context_path", "a dir/x; y ,z").context_path ==
        std::vector<std::string>{"a dir/x", "y", "z"});
  CHECK(with("cwd", "sub").cwd == "sub");
  CHECK(with("timeout", "90").timeout == 90s);
  CHECK(with("idle_timeout", "2m").idle_timeout == 2min);
  CHECK(with("deadline", "1h").deadline == 1h);
  CHECK(with("retries", "0").retries == 0);
  CHECK(with("pool", "db").pool == "db");
  CHECK(with("priority", "-5").priority == -5);
  CHECK(with("output_file", "out/x").output_file == "out/x");
  CHECK(with("max_turns", "30").max_turns == 30);
  CHECK(with("model", "m").model == "m");
  CHECK(with("check", "test -s x").check == "test -s x");
  CHECK(with("budget", "$5").budget.usd == 5.0);
  CHECK(with("idempotent", "no").idempotent == false);
  CHECK(with("workspace", "worktree").workspace == WorkspaceMode::worktree);
  CHECK(with("base", "main").base == "main");
  CHECK(with("session", "s1").session == "s1");
  CHECK(with("fallback", "codex").fallback == "codex");
  CHECK(with("race", "a,b").race == std::vector<std::string>{"a", "b"});
  CHECK(with("env.PATH", "/bin").env ==
        std::vector<std::pair<std::string, std::string>>{{"PATH", "/bin"}});
  CHECK(with("colour", "red").params ==
        std::vector<std::pair<std::string, std::string>>{{"colour", "red"}});
  for (const std::string& field : task_fields(false)) {
    CAPTURE(field);
    CHECK(with(field, "") == TaskSpec{});  // empty leaves it unset
  }
}

TEST_CASE("wrong cells are refused with what would be right") {
  CHECK(refused_cell("retries", "many") == "bad number 'many'; give a whole number from 0 to 1000");
  CHECK(refused_cell("retries", "-1").starts_with("bad number '-1'"));
  CHECK(refused_cell("max_turns", "0").starts_with("bad number '0'"));
  CHECK(refused_cell("priority", "1.5").starts_with("bad number '1.5'"));
  CHECK(refused_cell("timeout", "5 parsecs") ==
        "bad duration '5 parsecs'; give one such as 90 (seconds), 250ms, 10m or 1h30m");
  CHECK(refused_cell("timeout", "0").starts_with("bad duration '0'"));
  CHECK(refused_cell("idempotent", "maybe") == "bad value 'maybe'; give true or false");
  CHECK(refused_cell("workspace", "tmp") ==
        "unknown workspace 'tmp'; give keep, fresh, worktree or none");
  CHECK(refused_cell("budget", "5") ==
        "bad budget '5'; give an amount such as 5usd, $5, 2000000tokens or 2Mtok");
  const std::string secret = "sk-ant-api03-abcdefghijklmnop";
  for (const char* field : {"env.OPENAI_API_KEY", "some_parameter"}) {
    const std::string text = refused_cell(field, secret);
    CHECK(text.find("holds what looks like a key") != std::string::npos);
    CHECK(text.find("ant-api03") == std::string::npos);
  }
}

TEST_CASE("budgets") {
  CHECK(parse_budget("5usd")->usd == 5.0);
  CHECK(parse_budget("$0.50")->usd == 0.5);
  CHECK(parse_budget("5 USD")->usd == 5.0);
  CHECK(parse_budget("2000000tokens")->tokens == 2'000'000);
  CHECK(parse_budget("2Mtok")->tokens == 2'000'000);
  CHECK(parse_budget("1.5k tokens")->tokens == 1500);
  const auto both = parse_budget("$5, 2Mtok");
  CHECK(both->usd == 5.0);
  CHECK(both->tokens == 2'000'000);
  for (const char* bad : {"", "5", "usd", "$", "$-1", "$0", "tok", "xtok", "$5,$6", "5usd,",
                          "1e99tok", "much", "nanusd"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_budget(bad).has_value());
  }
}

RunSettings with_claude() {
  RunSettings settings;
  settings.agents["claude"].name = "claude";
  settings.agents["codex"].name = "codex";
  return settings;
}

TaskSpec command(const std::string& id = "a") {
  TaskSpec spec;
  spec.id = id;
  spec.command = "true";
  return spec;
}

TaskSpec agent() {
  TaskSpec spec;
  spec.id = "a";
  spec.agent = "claude";
  spec.prompt = "do it";
  return spec;
}

std::string checked(const TaskSpec& spec) { return text_of(check_task(spec, with_claude())); }

TEST_CASE("a finished task is checked") {
  CHECK(checked(command()) == "(accepted)");
  CHECK(checked(agent()) == "(accepted)");
  CHECK(checked(command("")) == "empty id; give every task an id of its own");
  CHECK(checked(command("  ")) == "empty id; give every task an id of its own");
  CHECK(checked(command(std::string(200, 'x'))) == "(accepted)");
  CHECK(checked(command(std::string(201, 'x'))) == "an id of 201 bytes; at most 200 are allowed");
  CHECK(checked(command("a\nb")) == "a control character in id 'a b'; remove it");
  TaskSpec both = agent();
  both.command = "true";
  CHECK(checked(both) == "both a command and an agent; keep one of the two");
  TaskSpec neither = command();
  neither.command = " ";
  CHECK(checked(neither) == "neither a command nor an agent; give one of the two");
  TaskSpec silent = agent();
  silent.prompt = " \n";
  CHECK(checked(silent) == "an agent without a task; say in 'task' what it shall do");
}

TEST_CASE("agents that nobody defined") {
  TaskSpec spec = agent();
  spec.agent = "cluade";
  CHECK(checked(spec) == "unknown agent 'cluade'; did you mean 'claude'?");
  spec.agent = "elsewhere";
  CHECK(checked(spec) == "unknown agent 'elsewhere'; defined are claude, codex");
  spec = agent();
  spec.fallback = "codx";
  CHECK(find_mistake(spec, with_claude())->field == "fallback");
  spec = agent();
  spec.agent.clear();
  spec.race = {"claude", "codx"};
  CHECK(checked(spec) == "unknown agent 'codx'; did you mean 'codex'?");
  spec.race = {"claude"};
  CHECK(checked(spec) == "a race of one agent; name two or more, or use 'agent'");
  spec = agent();
  spec.race = {"claude", "codex"};
  CHECK(checked(spec) == "both 'agent' and 'race'; name all agents in 'race'");
}

TEST_CASE("paths that leave the working directory") {
  const char* outside[] = {"../x", "a/../../x", "..", "./../x", "a/b/../../../x"};
  const char* inside[] = {"x", "a/b", "./a", "a/../b", "..a", "a..", "a//b/./c"};
  const std::string mend = "; give a relative path inside of it";
  for (const char* path : outside) {
    CAPTURE(path);
    TaskSpec spec = agent();
    spec.output_file = path;
    CHECK(checked(spec) == quote(path) + " leaves the working directory" + mend);
    spec = agent();
    spec.context_path = {"fine", path};
    CHECK(checked(spec) == quote(path) + " leaves the working directory" + mend);
    spec = command();
    spec.output_file = path;
    CHECK(checked(spec) == quote(path) + " leaves the working directory" + mend);
    spec = command();
    spec.cwd = path;
    CHECK(checked(spec) == quote(path) + " leaves the working directory" + mend);
  }
  for (const char* path : inside) {
    CAPTURE(path);
    TaskSpec spec = agent();
    spec.output_file = path;
    spec.context_path = {path};
    CHECK(checked(spec) == "(accepted)");
  }
  TaskSpec spec = agent();
  spec.output_file = "/tmp/x";
  CHECK(checked(spec) == "'/tmp/x' leaves the working directory" + mend);
  spec = agent();
  spec.context_path = {"/etc"};
  CHECK(checked(spec) == "'/etc' leaves the working directory" + mend);
  spec = command();
  spec.output_file = "/tmp/x";
  spec.cwd = "/tmp";
  CHECK(checked(spec) == "(accepted)");  // a command can write there anyway
  spec.output_file = "dir/";
  CHECK(checked(spec) == "'dir/' is a directory; name a file");
}

TEST_CASE("defaults fill what a task leaves unset") {
  TaskSpec defaults;
  defaults.agent = "claude";
  defaults.prompt = "p";
  defaults.timeout = 5s;
  defaults.model = "m";
  defaults.tags = {"t"};
  defaults.idempotent = false;
  defaults.priority = 3;
  defaults.budget.usd = 1;
  defaults.env = {{"A", "default"}, {"B", "default"}};

  TaskSpec own = start_task(defaults);
  CHECK(own.priority == 3);
  CHECK_FALSE(own.idempotent);
  own.id = "x";
  own.command = "true";
  own.timeout = 1s;
  own.env = {{"A", "own"}};
  own.budget.tokens = 9;
  merge_defaults(own, defaults);
  CHECK(own.timeout == 1s);
  CHECK(own.agent.empty());  // a command stays one
  CHECK(own.prompt.empty());
  CHECK(own.model.empty());
  CHECK(own.tags == std::vector<std::string>{"t"});
  CHECK(own.env ==
        std::vector<std::pair<std::string, std::string>>{{"A", "own"}, {"B", "default"}});
  CHECK(own.budget.usd == 1.0);
  CHECK(own.budget.tokens == 9);

  TaskSpec none;
  merge_defaults(none, defaults);
  CHECK(none.agent == "claude");
  CHECK(none.prompt == "p");
  CHECK(none.model == "m");
}

TEST_CASE("what looks like a key") {
  for (const char* secret : {"sk-proj-abcdefghijklmn0123", "ghp_0123456789abcdefghijABCDEFGHIJ",
                             "AKIAIOSFODNN7EXAMPLE", "AIzaSyA0123456789abcdefghijklmnopqrstuv",
                             "Bearer abcdefghijklmnop", "-----BEGIN PRIVATE KEY-----"}) {
    CAPTURE(secret);
    CHECK(looks_like_secret(secret));
    CHECK(shown(secret).find(std::string{secret}.substr(5, 8)) == std::string::npos);
  }
  for (const char* plain : {"", "sk-learn", "OPENAI_API_KEY", "/home/me/keys", "make test",
                            "ask-me-anything-about-it"}) {
    CAPTURE(plain);
    CHECK_FALSE(looks_like_secret(plain));
  }
  CHECK(looks_like_secret("MY_API_KEY", "abcdefgh12345678"));
  CHECK_FALSE(looks_like_secret("MAX_TOKENS", "100000"));
  CHECK_FALSE(looks_like_secret("KEY_FILE", "/home/me/key1"));
  CHECK_FALSE(looks_like_secret("COLOUR", "abcdefgh12345678"));
}

}  // namespace
}  // namespace darn
