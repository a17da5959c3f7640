// What runs, in which order, how often: commands, retries, cycles, pools, halts.
#include "engine/engine.hpp"

#include <doctest/doctest.h>

#include "support/engine_fixture.hpp"

namespace darn {
namespace {

using test::EngineFixture;
using test::kSecond;
using test::Script;

TEST_CASE("a batch of commands succeeds, dependents after what they depend on") {
  EngineFixture f;
  f.plan("id,command,after\na,true,\nb,true,a\nc,true,a\nd,true,b c\n");
  CHECK(f.run().state == RunState::succeeded);
  CHECK(f.world.started.front() == "a");
  CHECK(f.world.started.back() == "d");
  CHECK(f.world.started.size() == 4);
  CHECK(f.record().counts.of(TaskState::succeeded) == 4);
  CHECK(f.record().counts.healed == 0);
}

TEST_CASE("a network failure is retried after the schedule's delay and counted as healed") {
  EngineFixture f;
  f.world.script = [](const Job&, const std::string&, int nth) {
    return nth < 3
               ? Script{.exit_code = 1, .out = "curl: (6) Could not resolve host: example.org\n"}
               : Script{};
  };
  f.plan("id,command\na,fetch\n");
  const Time start = f.world.clock.now();
  CHECK(f.run().state == RunState::succeeded);
  const auto attempts = f.attempts("a");
  REQUIRE(attempts.size() == 3);
  CHECK(attempts[0].diagnosis.category == Category::network);
  CHECK(attempts[0].decision.action == Action::retry);
  // 5 s and 15 s, with jitter of up to half below.
  CHECK(attempts[1].claimed - attempts[0].outcome.ended >= Duration{2500});
  CHECK(attempts[1].claimed - attempts[0].outcome.ended <= Duration{5500});
  CHECK(attempts[2].claimed - attempts[1].outcome.ended >= Duration{7500});
  CHECK(f.world.clock.now() - start < 40 * kSecond);
  CHECK(f.task("a").healed);
  CHECK(f.record().counts.healed == 1);
}

TEST_CASE("a permanent failure is not retried in place; dependents are skipped") {
  EngineFixture f;
  f.world.script = [](const Job&, const std::string& task, int) {
    return task == "a" ? Script{.exit_code = 127, .out = "sh: 1: nope: not found\n"} : Script{};
  };
  f.plan("id,command,after\na,nope,\nb,true,a\nc,true,b\nd,true,\n");
  CHECK(f.run().state == RunState::failed);
  CHECK(f.world.starts["a"] == 1);
  CHECK(f.task("a").state == TaskState::failed);
  CHECK(f.task("b").state == TaskState::skipped);
  CHECK(f.task("c").state == TaskState::skipped);
  CHECK(f.task("d").state == TaskState::succeeded);
}

TEST_CASE("the next cycle heals and revives what was skipped") {
  EngineFixture f;
  f.settings.auto_retry = true;
  f.world.script = [](const Job&, const std::string& task, int nth) {
    return task == "a" && nth < 3
               ? Script{.exit_code = 127,
                        .out = "sh: 1: tool-" + std::to_string(nth) + ": not found\n"}
               : Script{};
  };
  f.plan("id,command,after\na,nope,\nb,true,a\nc,true,\n");
  const RunRecord run = f.run();
  CHECK(run.state == RunState::succeeded);
  CHECK(run.cycle == 3);
  CHECK(f.task("b").state == TaskState::succeeded);
  CHECK(f.world.starts["c"] == 1);
  CHECK(f.store->cycles(run.key)->size() == 3);
}

TEST_CASE("deterministic failures stop the cycles early") {
  EngineFixture f;
  f.settings.auto_retry = true;
  f.settings.max_retries = 50;
  f.world.script = [](const Job&, const std::string&, int) {
    return Script{.exit_code = 1, .out = "error: undefined reference to `frobnicate'\n"};
  };
  f.plan("id,command\na,make\n");
  const RunRecord run = f.run();
  CHECK(run.state == RunState::failed);
  CHECK(f.attempts("a").size() == 3);
}

TEST_CASE("without --auto-retry there is one cycle; max_retries bounds the cycles") {
  EngineFixture f;
  f.world.script = [](const Job&, const std::string&, int nth) {
    return Script{
        .exit_code = 127,
        .out = "sh: 1: t" + std::string(static_cast<std::size_t>(nth), 'x') + ": not found\n"};
  };
  SUBCASE("one") {
    f.plan("id,command\na,x\n");
    CHECK(f.run().cycle == 1);
  }
  SUBCASE("bounded") {
    f.settings.auto_retry = true;
    f.settings.max_retries = 2;
    f.settings.policy.deterministic_after = 100;
    f.plan("id,command\na,x\n");
    CHECK(f.run().cycle == 3);
    CHECK(f.world.starts["a"] == 3);
  }
}

TEST_CASE("pools and jobs bound what runs at a time") {
  EngineFixture f;
  std::string rows = "id,command,pool\n";
  for (int i = 0; i < 20; ++i) {
    rows += "t" + std::to_string(i) + ",true," + (i % 2 ? "slow" : "") + "\n";
  }
  f.settings.jobs = 5;
  f.settings.pools["slow"] = PoolDef{.name = "slow", .limit = 2};
  f.plan(rows);
  CHECK(f.run().state == RunState::succeeded);
  CHECK(f.world.most_at_once <= 5);
  CHECK(f.world.most_at_once >= 4);
}

TEST_CASE("a pool's rate spaces its starts") {
  EngineFixture f;
  f.settings.jobs = 10;
  f.settings.pools["api"] =
      PoolDef{.name = "api", .limit = 10, .rate = 6, .rate_per = 60 * kSecond};
  f.plan("id,command,pool\na,x,api\nb,x,api\nc,x,api\n");
  const Time start = f.world.clock.now();
  CHECK(f.run().state == RunState::succeeded);
  CHECK(f.world.clock.now() - start >= 20 * kSecond);
}

TEST_CASE("exit status 0 without the promised output is not success") {
  EngineFixture f;
  f.plan("id,command,output_file\na,true,out.txt\n");
  CHECK(f.run().state == RunState::failed);
  CHECK(f.task("a").cause == Cause::missing_output);
}

TEST_CASE("an output that was there before must change") {
  EngineFixture f;
  test::write(f.dir.path() / "out.txt", "old");
  SUBCASE("unchanged") {
    f.plan("id,command,output_file\na,true,out.txt\n");
    CHECK(f.run().state == RunState::failed);
    CHECK(f.task("a").cause == Cause::missing_output);
  }
  SUBCASE("changed") {
    f.world.on_start = [&](const Job&, const std::string&) {
      test::write(f.dir.path() / "out.txt", "newer");
    };
    f.plan("id,command,output_file\na,true,out.txt\n");
    CHECK(f.run().state == RunState::succeeded);
    CHECK(f.task("a").output_path == (f.dir.path() / "out.txt").string());
  }
}

TEST_CASE("a failing check means failure") {
  EngineFixture f;
  f.world.script = [](const Job&, const std::string&, int nth) {
    return Script{.check_exit = nth == 1 ? 1 : 0};
  };
  f.settings.auto_retry = true;
  f.plan("id,command,check\na,true,verify\n");
  CHECK(f.run().state == RunState::succeeded);
  const auto attempts = f.attempts("a");
  REQUIRE(attempts.size() == 2);
  CHECK(attempts[0].verdict.cause == Cause::check_failed);
}

TEST_CASE("fail-fast starts nothing more; halt-after waits for its share") {
  EngineFixture f;
  f.settings.jobs = 1;
  f.world.script = [](const Job&, const std::string& task, int) {
    return task <= "b" ? Script{.exit_code = 127, .out = "sh: 1: x: not found\n"} : Script{};
  };
  const std::string rows = "id,command\na,x\nb,x\nc,true\nd,true\n";
  SUBCASE("fail-fast") {
    f.settings.halt = HaltMode::fail_fast;
    f.plan(rows);
    CHECK(f.run().state == RunState::failed);
    CHECK(f.world.started == std::vector<std::string>{"a"});
    CHECK(f.task("d").state == TaskState::cancelled);
  }
  SUBCASE("halt-after 50%") {
    f.settings.halt = HaltMode::after_percent;
    f.settings.halt_percent = 50;
    f.plan(rows);
    CHECK(f.run().state == RunState::failed);
    CHECK(f.world.started == std::vector<std::string>{"a", "b"});
  }
}

TEST_CASE("fail-fast also stops a retry of what was still running") {
  EngineFixture f;
  f.settings.jobs = 2;
  f.settings.halt = HaltMode::fail_fast;
  f.world.script = [](const Job&, const std::string& task, int) {
    return task == "a" ? Script{.exit_code = 127, .out = "sh: 1: x: not found\n"}
                       : Script{.takes = 2 * kSecond,
                                .exit_code = 1,
                                .out = "curl: (6) Could not resolve host: example.org\n"};
  };
  f.plan("id,command\na,x\nb,fetch\n");
  CHECK(f.run().state == RunState::failed);
  CHECK(f.world.starts["b"] == 1);
  CHECK(f.task("b").state == TaskState::cancelled);
}

TEST_CASE("a resource failure is retried alone in its pool") {
  EngineFixture f;
  f.settings.jobs = 4;
  int beside = -1;
  f.world.script = [&](const Job&, const std::string& task, int nth) {
    if (task != "big") {
      return Script{.takes = 3 * kSecond};
    }
    if (nth == 1) {
      return Script{.exit_code = 1, .out = "std::bad_alloc: Cannot allocate memory\n"};
    }
    beside = f.world.living();
    return Script{};
  };
  f.plan("id,command\nbig,x\na,x\nb,x\nc,x\nd,x\ne,x\nf,x\n");
  CHECK(f.run().state == RunState::succeeded);
  CHECK(beside == 0);
}

}  // namespace
}  // namespace darn
