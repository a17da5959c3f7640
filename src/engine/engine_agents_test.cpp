// Agents: their limits, keys and money, races and fallbacks.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include <doctest/doctest.h>

#include "engine/engine.hpp"
#include "support/engine_fixture.hpp"

namespace darn {
namespace {

using test::EngineFixture;
using test::FakeRunner;
using test::kSecond;
using test::Script;

std::string read_whole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST_CASE("a rate limit parks the pool and uses up no attempt") {
  EngineFixture f;
  f.agent("coder").pool_limit = 4;
  f.world.script = [](const Job&, const std::string& task, int nth) {
    if (task == "a" && nth <= 7) {
      return Script{.exit_code = 1, .out = "HTTP 429 Too Many Requests\nRetry-After: 60\n"};
    }
    return Script{};
  };
  f.plan("id,agent,task\na,coder,work\nb,coder,work\n");
  std::vector<std::string> told;
  f.events = [&](const EngineEvent& event) {
    if (event.kind == EngineEvent::Kind::pool_parked) {
      told.push_back("parked " + event.pool);
      CHECK(event.until >= event.at + 60 * kSecond);
    } else if (event.kind == EngineEvent::Kind::pool_resumed) {
      told.push_back("resumed " + event.pool);
    }
  };
  CHECK(f.run().state == RunState::succeeded);
  REQUIRE(told.size() == 14);
  for (std::size_t i = 0; i < told.size(); ++i) {
    CHECK(told[i] == (i % 2 == 0 ? "parked coder" : "resumed coder"));
  }
  const auto attempts = f.attempts("a");
  REQUIRE(attempts.size() == 8);
  for (std::size_t i = 0; i + 1 < attempts.size(); ++i) {
    CHECK(attempts[i].decision.action == Action::snooze);
    CHECK(attempts[i].decision.charge == Charge::none);
    CHECK(attempts[i + 1].claimed - attempts[i].outcome.ended >= 60 * kSecond);
  }
  CHECK(f.task("a").healed);
}

TEST_CASE("racers that end at the same instant: one wins, the other changes nothing") {
  EngineFixture f;
  f.agent("one");
  f.agent("two");
  f.settings.defaults.race = {"one", "two"};
  bool first_wins = false;
  SUBCASE("the first") { first_wins = true; }
  SUBCASE("the second") { first_wins = false; }
  f.world.script = [&](const Job& job, const std::string&, int) {
    const bool wins = (job.argv.front() == "one") == first_wins;
    return Script{.exit_code = wins ? 0 : 1};
  };
  f.plan("id,task\na,write it\n");
  CHECK(f.run().state == RunState::succeeded);
  CHECK(f.task("a").state == TaskState::succeeded);
  const auto attempts = f.attempts("a");
  REQUIRE(attempts.size() == 2);
  for (const auto& attempt : attempts) {
    CHECK(attempt.state != AttemptState::running);
  }
}

TEST_CASE("a budget stops what it cannot pay for") {
  EngineFixture f;
  f.agent("coder").pool_limit = 1;
  f.settings.budget.usd = 1.0;
  f.world.script = [](const Job&, const std::string&, int) {
    return Script{.out = R"({"type":"result","total_cost_usd":0.4})"
                         "\n"};
  };
  f.plan("id,agent,task\na,coder,x\nb,coder,x\nc,coder,x\nd,coder,x\n");
  CHECK(f.run().state == RunState::failed);
  CHECK(f.record().cost_usd == doctest::Approx(0.8));
  CHECK(f.world.started.size() == 2);
  CHECK(f.task("c").state == TaskState::abandoned);
}

TEST_CASE("a race keeps the first that succeeds, and counts both costs") {
  EngineFixture f;
  f.agent("slow");
  f.agent("quick");
  f.settings.defaults.race = {"slow", "quick"};
  f.world.script = [](const Job& job, const std::string&, int) {
    const bool slow = job.argv.front() == "slow";
    return Script{.takes = slow ? 100 * kSecond : kSecond,
                  .out = R"({"type":"result","total_cost_usd":0.25})"
                         "\n"};
  };
  f.plan("id,task\na,write it\n");
  CHECK(f.run().state == RunState::succeeded);
  const auto attempts = f.attempts("a");
  REQUIRE(attempts.size() == 2);
  CHECK(attempts[0].agent == "slow");
  CHECK(attempts[0].state == AttemptState::cancelled);
  CHECK(attempts[1].state == AttemptState::succeeded);
  CHECK(f.record().cost_usd == doctest::Approx(0.5));
  CHECK_FALSE(f.task("a").healed);
}

TEST_CASE("a fallback agent takes over when the first gives up") {
  EngineFixture f;
  f.agent("first").fallback = "second";
  f.agent("second");
  f.world.script = [](const Job& job, const std::string&, int) {
    return job.argv.front() == "first"
               ? Script{.exit_code = 1, .out = "authentication_error: invalid x-api-key\n"}
               : Script{};
  };
  f.plan("id,agent,task\na,first,x\n");
  CHECK(f.run().state == RunState::succeeded);
  const auto attempts = f.attempts("a");
  REQUIRE(attempts.size() == 2);
  CHECK(attempts[1].agent == "second");
  CHECK(attempts[1].kind == AttemptKind::fallback);
}

TEST_CASE("keys are used in turn, and a limited one rests") {
  EngineFixture f;
  AgentDef& agent = f.agent("coder");
  agent.key_env = "API_KEY";
  agent.keys = {"KEY_A", "KEY_B"};
  agent.pool_limit = 1;
  f.world.script = [](const Job& job, const std::string&, int) {
    for (const EnvVar& var : job.env) {
      if (var.kind == EnvVar::Kind::copy_from && var.value == "KEY_A") {
        return Script{.exit_code = 1, .out = "HTTP 429 Too Many Requests\nRetry-After: 3600\n"};
      }
    }
    return Script{};
  };
  const Time start = f.world.clock.now();
  f.plan("id,agent,task\na,coder,x\nb,coder,x\nc,coder,x\n");
  CHECK(f.run().state == RunState::succeeded);
  CHECK(f.world.clock.now() - start < 3000 * kSecond);
  int limited = 0;
  for (const char* id : {"a", "b", "c"}) {
    for (const auto& attempt : f.attempts(id)) {
      limited += attempt.key_name == "KEY_A" ? 1 : 0;
    }
  }
  CHECK(limited == 1);
}

TEST_CASE("a resumed run goes on reserving what its attempts have cost") {
  EngineFixture f;
  f.agent("coder");
  f.settings.budget.usd = 1.0;
  f.world.script = [](const Job&, const std::string&, int) {
    return Script{.out = R"({"type":"result","total_cost_usd":0.4})"
                         "\n"};
  };
  f.plan("id,agent,task,after\na,coder,x,\nb,coder,x,a\nc,coder,x,a\nd,coder,x,a\n");
  FakeRunner first(f.world);
  first.on_wait = [&] { f.stop = 1; };
  CHECK(f.run(first).state == RunState::interrupted);
  f.stop = 0;
  f.reopen();
  CHECK(f.run().state == RunState::failed);
  CHECK(f.world.started == std::vector<std::string>{"a", "b"});
  CHECK(f.record().cost_usd == doctest::Approx(0.8));
}

TEST_CASE("tokens that count a whole session are counted once over its attempts") {
  EngineFixture f;
  AgentDef& agent = f.agent("coder");
  agent.resume = {"coder", "resume", "{session}"};
  agent.session.at = "/thread";
  agent.tokens.input.at = "/in";
  agent.tokens.output.at = "/out";
  agent.tokens.price_input = 1e6;  // a dollar each
  agent.cost_usd = {};
  bool cumulative = false;
  SUBCASE("of the session") { cumulative = true; }
  SUBCASE("of the attempt") { cumulative = false; }
  agent.tokens.cumulative = cumulative;
  f.world.script = [](const Job& job, const std::string&, int nth) {
    const bool resumed = job.argv.size() > 1 && job.argv[1] == "resume";
    CHECK(resumed == (nth > 1));
    const std::string in = std::to_string(nth == 1 ? 10 : 25);
    return Script{.exit_code = nth == 1 ? 1 : 0,
                  .out = (nth == 1 ? "HTTP 429 Too Many Requests\nRetry-After: 1\n" : "") +
                         std::string(R"({"type":"result","thread":"t-1","out":4,"in":)") + in +
                         "}\n"};
  };
  f.plan("id,agent,task\na,coder,x\n");
  CHECK(f.run().state == RunState::succeeded);
  const auto attempts = f.attempts("a");
  REQUIRE(attempts.size() == 2);
  CHECK(attempts[0].report.tokens_in == 10);
  CHECK(attempts[1].report.tokens_in == (cumulative ? 15 : 25));
  CHECK(attempts[1].report.tokens_out == (cumulative ? 0 : 4));
  CHECK(attempts[1].report.cost_usd == (cumulative ? 15 : 25));
  CHECK(f.record().tokens == (cumulative ? 29 : 43));
}

TEST_CASE("a race whose darn dies at any point is taken home, and starts no lane twice") {
  int crashes = 0;
  for (int crash_in = 0;; ++crash_in) {
    EngineFixture f;
    f.agent("one");
    f.agent("two");
    f.settings.defaults.race = {"one", "two"};
    std::map<std::string, int> starts;
    f.world.script = [&](const Job& job, const std::string&, int) {
      ++starts[job.argv.front()];
      return Script{.takes = (job.argv.front() == "one" ? 100 : 10) * kSecond};
    };
    f.plan("id,task\na,write it\n");
    FakeRunner first(f.world);
    first.crash_in = crash_in;
    try {
      static_cast<void>(f.run(first));
      break;  // it came home before that point
    } catch (const test::Crash&) {
      ++crashes;
    }
    f.reopen();
    CAPTURE(crash_in);
    CHECK(f.run().state == RunState::succeeded);
    CHECK(f.task("a").state == TaskState::succeeded);
    CHECK_FALSE(f.task("a").healed);
    CHECK(starts["one"] <= 1);
    CHECK(starts["two"] <= 1);
    int won = 0;
    for (const AttemptRecord& attempt : f.attempts("a")) {
      CHECK(attempt.state != AttemptState::running);
      won += attempt.state == AttemptState::succeeded ? 1 : 0;
    }
    CHECK(won == 1);
    CHECK(f.world.living() == 0);
  }
  CHECK(crashes >= 7);  // two slots, before and after two starts, and the wait
}

TEST_CASE("an output that the context brings with it proves nothing until it changes") {
  EngineFixture f;
  f.agent("coder");
  test::write(f.dir.path() / "notes.md", "as it was");
  bool changes = false;
  SUBCASE("unchanged") { changes = false; }
  SUBCASE("changed") { changes = true; }
  std::string found;
  f.world.on_start = [&](const Job& job, const std::string&) {
    found = read_whole(job.cwd + "/notes.md");
    if (changes) {
      test::write(job.cwd + "/notes.md", "rewritten");
    }
  };
  f.plan("id,agent,task,context_path,output_file\na,coder,x,notes.md,notes.md\n");
  CHECK(f.run().state == (changes ? RunState::succeeded : RunState::failed));
  CHECK(found == "as it was");
  CHECK(f.task("a").cause == (changes ? Cause::none : Cause::missing_output));
  CHECK(read_whole(f.dir.path() / "notes.md") == "as it was");
}

TEST_CASE("an agent's output must not lead out of its workspace; a command's may") {
  EngineFixture f;
  f.agent("coder");
  std::string target = f.dir.path() / "elsewhere.md";
  bool proven = false;
  std::string row = "a,coder,,x,";
  SUBCASE("a link to the outside") {}
  SUBCASE("a link within") {
    target = "inside.md";
    proven = true;
  }
  SUBCASE("a link to the outside, in the working directory itself") {
    row = "a,coder,,x,none";
    proven = true;
  }
  SUBCASE("a command") {
    row = "a,,make it,,";
    proven = true;
  }
  f.world.on_start = [&](const Job& job, const std::string&) {
    const std::filesystem::path cwd(job.cwd);
    test::write(cwd / target, "words");
    std::filesystem::remove(cwd / "out.md");  // an earlier attempt's
    std::filesystem::create_symlink(target, cwd / "out.md");
  };
  f.plan("id,agent,command,task,workspace,output_file\n" + row + ",out.md\n");
  CHECK(f.run().state == (proven ? RunState::succeeded : RunState::failed));
  CHECK(f.task("a").cause == (proven ? Cause::none : Cause::missing_output));
  const bool told = f.task("a").summary.find("leads out of the workspace") != std::string::npos;
  CHECK(told == !proven);
}

}  // namespace
}  // namespace darn
