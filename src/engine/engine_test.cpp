#include "engine/engine.hpp"

#include <filesystem>
#include <set>

#include <doctest/doctest.h>

#include "engine/planner.hpp"
#include "engine/pools.hpp"
#include "support/engine_fixture.hpp"

namespace darn {
namespace {

using test::EngineFixture;
using test::FakeRunner;
using test::Script;

constexpr Duration kSecond{1000};

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
  CHECK(f.run().state == RunState::succeeded);
  const auto attempts = f.attempts("a");
  REQUIRE(attempts.size() == 8);
  for (std::size_t i = 0; i + 1 < attempts.size(); ++i) {
    CHECK(attempts[i].decision.action == Action::snooze);
    CHECK(attempts[i].decision.charge == Charge::none);
    CHECK(attempts[i + 1].claimed - attempts[i].outcome.ended >= 60 * kSecond);
  }
  CHECK(f.task("a").healed);
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

TEST_CASE("the first stop drains, and a later engine goes on") {
  EngineFixture f;
  f.settings.jobs = 1;
  f.plan("id,command\na,true\nb,true\nc,true\n");
  FakeRunner first(f.world);
  first.on_wait = [&] { f.stop = 1; };
  CHECK(f.run(first).state == RunState::interrupted);
  CHECK(f.world.started == std::vector<std::string>{"a"});
  CHECK(f.task("a").state == TaskState::succeeded);
  f.stop = 0;
  CHECK(f.run().state == RunState::succeeded);
  CHECK(f.world.started == std::vector<std::string>{"a", "b", "c"});
  CHECK(f.record().counts.healed == 0);
}

TEST_CASE("the second stop ends what runs; it starts again on resume, unless idempotent=false") {
  EngineFixture f;
  f.world.script = [](const Job&, const std::string&, int nth) {
    return Script{.takes = nth == 1 ? 1000 * kSecond : kSecond};
  };
  f.settings.jobs = 2;
  f.plan("id,command,idempotent\na,true,\nb,true,false\n");
  FakeRunner first(f.world);
  first.on_wait = [&] { f.stop = 2; };
  CHECK(f.run(first).state == RunState::interrupted);
  CHECK(f.world.living() == 0);
  f.stop = 0;
  CHECK(f.run().state == RunState::failed);
  CHECK(f.task("a").state == TaskState::succeeded);
  CHECK_FALSE(f.task("a").healed);
  CHECK(f.task("b").state == TaskState::abandoned);
  CHECK(f.world.starts["b"] == 1);
}

TEST_CASE("cancel ends everything") {
  EngineFixture f;
  f.settings.jobs = 1;
  f.world.script = [](const Job&, const std::string&, int) {
    return Script{.takes = 1000 * kSecond};
  };
  f.plan("id,command\na,true\nb,true\n");
  FakeRunner runner(f.world);
  bool asked = false;
  runner.on_wait = [&] {
    if (!std::exchange(asked, true)) {
      f.other_store()->request_cancel(f.key, true);
    }
  };
  CHECK(f.run(runner).state == RunState::cancelled);
  CHECK(f.task("a").state == TaskState::cancelled);
  CHECK(f.task("b").state == TaskState::cancelled);
  CHECK(f.world.starts["b"] == 0);
}

TEST_CASE("tasks added to a live run are taken up") {
  EngineFixture f;
  f.plan("id,command\na,true\n");
  FakeRunner runner(f.world);
  bool added = false;
  runner.on_wait = [&] {
    if (std::exchange(added, true)) {
      return;
    }
    const auto store = f.other_store();
    const auto run = store->run(f.key);
    REQUIRE(run);
    const TaskSource source{"more.csv", "id,command,after\nb,true,a\n", TaskSource::Format::csv};
    REQUIRE(add_to_run(*store, source, *run) == 1);
  };
  CHECK(f.run(runner).state == RunState::succeeded);
  CHECK(f.world.started == std::vector<std::string>{"a", "b"});
}

TEST_CASE("a lost attempt costs no retry, and too many of them abandon the task") {
  EngineFixture f;
  f.world.script = [](const Job&, const std::string&, int) {
    return Script{.takes = 100 * kSecond};
  };
  f.plan("id,command,retries\na,true,0\n");
  for (int i = 0; i < 3; ++i) {
    FakeRunner runner(f.world);
    if (i > 0) {
      runner.after_power_loss();
    }
    runner.crash_in = i == 0 ? 3 : 4;
    CHECK_THROWS_AS(f.run(runner), test::Crash);
    f.world.power_loss();
    f.reopen();
  }
  FakeRunner last(f.world);
  last.after_power_loss();
  CHECK(f.run(last).state == RunState::failed);
  CHECK(f.task("a").state == TaskState::abandoned);
  const auto attempts = f.attempts("a");
  REQUIRE(attempts.size() == 3);
  for (const auto& attempt : attempts) {
    CHECK(attempt.decision.charge == Charge::poison);
  }
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
