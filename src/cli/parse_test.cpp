#include <vector>

#include <doctest/doctest.h>

#include "cli/commands.hpp"
#include "cli/flags.hpp"

namespace darn::cli {
namespace {

Result<Invoked> parse(std::vector<const char*> words) {
  words.insert(words.begin(), "darn");
  return parse_command_line(static_cast<int>(words.size()), words.data());
}

template <class Options>
Options parsed(const std::vector<const char*>& words) {
  const Result<Invoked> invoked = parse(words);
  REQUIRE_MESSAGE(invoked, invoked.error().text());
  REQUIRE(std::holds_alternative<Options>(invoked->command));
  return std::get<Options>(invoked->command);
}

std::string refused(const std::vector<const char*>& words) {
  const Result<Invoked> invoked = parse(words);
  REQUIRE_FALSE(invoked);
  CHECK(invoked.error().exit_status() == 64);
  return invoked.error().text();
}

bool contains(const std::string& text, std::string_view what) {
  return text.find(what) != std::string::npos;
}

}  // namespace

TEST_CASE("dev: names, and what stands behind '--'") {
  const auto o =
      parsed<DevOptions>({"dev", "--keep-going", "--json", "lint", "run", "--fail-on-healed"});
  CHECK(o.names == std::vector<std::string>{"lint", "run"});
  CHECK(o.keep_going);
  CHECK(o.json);
  CHECK(o.fail_on_healed);
  CHECK(o.args.empty());
  CHECK(parsed<DevOptions>({"dev", "test", "--", "-k", "--", "x"}).args ==
        std::vector<std::string>{"-k", "--", "x"});
  CHECK(parsed<DevOptions>({"dev"}).names.empty());
  CHECK(parsed<DevOptions>({"dev", "--init", "-n"}).init);
  CHECK(contains(refused({"dev", "--", "x"}), "one NAME"));
  CHECK(contains(refused({"dev", "a", "b", "--", "x"}), "one NAME"));
  CHECK(contains(refused({"dev", "--list", "a"}), "--list takes no NAME"));
  CHECK(contains(refused({"dev", "--list", "--init"}), "only one of"));
  CHECK(contains(refused({"run", "dev", "--", "x"}), "behind '--'"));
}

TEST_CASE("every flag of run") {
  const auto o = parsed<RunOptions>({"run",
                                     "tasks.csv",
                                     "-j",
                                     "8",
                                     "--auto-retry",
                                     "--max-retries",
                                     "3",
                                     "--budget",
                                     "$5",
                                     "--halt-after",
                                     "25%",
                                     "--fail-on-healed",
                                     "--timeout",
                                     "2m",
                                     "--idle-timeout",
                                     "30s",
                                     "--retries",
                                     "0",
                                     "--agent",
                                     "claude",
                                     "--parent",
                                     "last",
                                     "--force",
                                     "--durability",
                                     "power",
                                     "--grace",
                                     "1.5s",
                                     "--notify",
                                     "mail me",
                                     "--progress",
                                     "json",
                                     "--json",
                                     "--detach",
                                     "--dry-run"});
  CHECK(o.file == "tasks.csv");
  CHECK(o.jobs == 8);
  CHECK(o.auto_retry);
  CHECK(o.max_retries == 3);
  CHECK(o.budget == "$5");
  CHECK(o.halt_after == 25);
  CHECK(o.fail_on_healed);
  CHECK(o.timeout == std::chrono::minutes{2});
  CHECK(o.idle_timeout == std::chrono::seconds{30});
  CHECK(o.retries == 0);
  CHECK(o.agent == "claude");
  CHECK(o.parent == "last");
  CHECK(o.force);
  CHECK(o.durability == "power");
  CHECK(o.grace == Duration{1500});
  CHECK(o.notify == "mail me");
  CHECK(o.progress == ProgressMode::json);
  CHECK(o.json);
  CHECK(o.detach);
  CHECK(o.dry_run);
}

TEST_CASE("defaults leave everything alone") {
  const auto o = parsed<RunOptions>({"run", "-"});
  CHECK(o.file == "-");
  CHECK_FALSE(o.jobs);
  CHECK_FALSE(o.max_retries);
  CHECK_FALSE(o.timeout);
  CHECK(o.durability.empty());
  CHECK(o.progress == ProgressMode::automatic);
}

TEST_CASE("other spellings") {
  CHECK(parsed<RunOptions>({"run", "f", "--cycles", "2"}).max_retries == 2);
  CHECK(parsed<RunOptions>({"run", "f", "--halt-after=30"}).halt_after == 30);
  CHECK(parsed<RunOptions>({"run", "f", "-q"}).progress == ProgressMode::quiet);
  CHECK(parsed<RunOptions>({"run", "f", "-j2", "-j", "4"}).jobs == 4);
  CHECK(parsed<RetryOptions>({"retry", "--launch", "-j", "2"}).jobs == 2);
  CHECK(parsed<ResumeOptions>({"resume"}).run.empty());
}

TEST_CASE("ids that look like commands, and after -- like flags") {
  const auto log = parsed<LogOptions>({"log", "last", "run", "--attempt", "2", "--tail", "5"});
  CHECK(log.run == "last");
  CHECK(log.task == "run");
  CHECK(log.attempt == 2);
  CHECK(log.tail == 5);
  CHECK(parsed<ExplainOptions>({"explain", "last", "status"}).task == "status");
  CHECK(parsed<ExplainOptions>({"explain", "--", "last", "-rf"}).task == "-rf");
  CHECK(parsed<LogOptions>({"log", "--tail", "1", "--", "last", "--json"}).task == "--json");
  CHECK(parsed<RunOptions>({"run", "status"}).file == "status");
}

TEST_CASE("global flags stand before or after the command") {
  for (const auto& words : {std::vector<const char*>{"--state", "x", "status"},
                            std::vector<const char*>{"status", "--state", "x"},
                            std::vector<const char*>{"status", "last", "--state=x"}}) {
    const Result<Invoked> invoked = parse(words);
    REQUIRE(invoked);
    CHECK(invoked->global.state_dir == "x");
    CHECK(std::holds_alternative<StatusOptions>(invoked->command));
  }
  CHECK(parse({"--color", "never", "runs"})->global.color == ColorMode::never);
}

TEST_CASE("help and version") {
  CHECK(parsed<HelpOptions>({}).topic.empty());
  CHECK(parsed<HelpOptions>({"--help"}).topic.empty());
  CHECK(parsed<HelpOptions>({"run", "--help"}).topic == "run");
  CHECK(parsed<HelpOptions>({"log", "-h"}).topic == "log");
  CHECK(parsed<HelpOptions>({"help", "gc"}).topic == "gc");
  parsed<VersionOptions>({"--version"});
  parsed<VersionOptions>({"version"});
}

TEST_CASE("what is mistyped gets a suggestion") {
  CHECK(contains(refused({"rnu", "tasks.csv"}), "did you mean 'run'?"));
  CHECK(contains(refused({"run", "f", "--fial-fast"}), "did you mean '--fail-fast'?"));
  CHECK(contains(refused({"run", "--job", "4", "f"}), "did you mean '--jobs'?"));
  CHECK(contains(refused({"staus"}), "unknown command 'staus'"));
  CHECK(contains(refused({"--nonsense"}), "unknown option '--nonsense'"));
  CHECK(contains(refused({"status", "a", "b"}), "'darn status' takes no 'b'"));
}

TEST_CASE("values that make no sense name the flag and what would be right") {
  CHECK(contains(refused({"run", "f", "-j", "0"}), "number from 1"));
  CHECK(contains(refused({"run", "f", "--jobs", "many"}), "--jobs"));
  CHECK(contains(refused({"run", "f", "--timeout", "soon"}), "10m"));
  CHECK(contains(refused({"run", "f", "--progress", "loud"}), "auto|tty|plain|json|quiet"));
  CHECK(contains(refused({"run", "f", "--halt-after", "0%"}), "1% to 100%"));
  CHECK(contains(refused({"run"}), "FILE"));
  CHECK(contains(refused({"log", "last"}), "TASK"));
}

TEST_CASE("an error is one line") {
  for (const auto& words :
       {std::vector<const char*>{"run"}, std::vector<const char*>{"run", "f", "--timeout", "x"},
        std::vector<const char*>{"frob"}, std::vector<const char*>{"log"}}) {
    CHECK_FALSE(contains(refused(words), "\n"));
  }
}

TEST_CASE("flags are laid over the settings") {
  RunSettings settings;
  settings.auto_retry = true;
  settings.grace = std::chrono::seconds{7};
  RunningOptions options;
  options.jobs = 3;
  options.halt_after = 20;
  options.retries = 2;
  options.timeout = std::chrono::seconds{9};
  options.budget = "2.5";
  const Status laid = apply_flags(options, settings);
  REQUIRE_MESSAGE(laid, laid.error().text());
  CHECK(settings.jobs == 3);
  CHECK(settings.auto_retry);
  CHECK(settings.grace == std::chrono::seconds{7});
  CHECK(settings.halt == HaltMode::after_percent);
  CHECK(settings.halt_percent == 20);
  CHECK(settings.defaults.retries == 2);
  CHECK(settings.defaults.timeout == std::chrono::seconds{9});
  CHECK(settings.budget.usd == 2.5);
  options.fail_fast = true;
  CHECK_FALSE(apply_flags(options, settings));
  RunningOptions wrong;
  wrong.budget = "a lot";
  const Status status = apply_flags(wrong, settings);
  REQUIRE_FALSE(status);
  CHECK(status.error().exit_status() == 64);
  CHECK(contains(status.error().text(), "--budget"));
}

TEST_CASE("the options of a command are listed, those of no command are not") {
  CHECK(contains(options_text("run"), "--auto-retry"));
  CHECK(contains(options_text("log"), "--attempt"));
  CHECK(options_text("frob").empty());
}

}  // namespace darn::cli
