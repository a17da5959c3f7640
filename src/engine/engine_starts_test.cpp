// What starts, and when: races within their pools, jobs that a slot gives back, what opens while
// the engine is about to sleep, and what an earlier engine has left.
#include <doctest/doctest.h>

#include "engine/engine.hpp"
#include "support/engine_fixture.hpp"

namespace darn {
namespace {

using test::EngineFixture;
using test::FakeRunner;
using test::kSecond;
using test::Script;

// An engine that would wait for ever ends here.
FakeRunner patient(EngineFixture& f, int& waits) {
  FakeRunner runner(f.world);
  runner.on_wait = [&waits] {
    if (++waits > 2000) {
      throw test::Crash{};
    }
  };
  return runner;
}

TEST_CASE("a race stays within the limit of its pool") {
  EngineFixture f;
  f.agent("one");
  f.agent("two");
  f.settings.defaults.race = {"one", "two"};
  f.settings.pools["narrow"] = PoolDef{.name = "narrow", .limit = 1};
  f.settings.pools["wide"] = PoolDef{.name = "wide", .limit = 3};
  SUBCASE("that has room for one") {
    f.plan("id,task,pool\na,write it,narrow\nb,write it,narrow\n");
    CHECK(f.run().state == RunState::succeeded);
    CHECK(f.world.most_at_once == 1);
  }
  SUBCASE("that has room for a race and a half") {
    f.plan("id,task,pool\na,write it,wide\nb,write it,wide\n");
    CHECK(f.run().state == RunState::succeeded);
    CHECK(f.world.most_at_once == 2);
    CHECK(f.attempts("b").size() == 2);
  }
}

TEST_CASE("who is to run alone does so in its fallback's pool, too") {
  EngineFixture f;
  f.agent("one").fallback = "two";
  f.agent("two");
  int beside = -1;
  f.world.script = [&](const Job&, const std::string& task, int nth) {
    if (task == "other") {
      return Script{.takes = 60 * kSecond};
    }
    beside = f.world.living();
    return nth < 3 ? Script{.exit_code = 1, .out = "std::bad_alloc: Cannot allocate memory\n"}
                   : Script{};
  };
  f.plan("id,agent,task\nbig,one,x\nother,two,x\n");
  CHECK(f.run().state == RunState::succeeded);
  CHECK(f.attempts("big").back().agent == "two");
  CHECK(beside == 0);
}

TEST_CASE("a racer's decision knows of the other that ended before it") {
  EngineFixture f;
  f.agent("slow");
  f.agent("quick");
  f.settings.defaults.race = {"slow", "quick"};
  f.settings.policy.max_retries = 1;
  f.world.script = [](const Job& job, const std::string&, int) {
    const bool slow = job.argv.front() == "slow";
    return Script{.takes = slow ? 2 * kSecond : kSecond, .exit_code = 3, .out = "boom\n"};
  };
  f.plan("id,task\na,write it\n");
  CHECK(f.run().state == RunState::failed);
  const auto attempts = f.attempts("a");
  REQUIRE(attempts.size() == 2);
  CHECK(attempts[0].decision.rule == "retries.used");
}

TEST_CASE("an agent that its slot gives back is started again, in its own pool's place") {
  EngineFixture f;
  f.settings.jobs = 1;
  f.agent("coder").pool_limit = 1;
  f.plan("id,command,agent,task\na,,coder,x\nb,true,,\nc,,coder,x\nd,true,,\n");
  int waits = 0;
  FakeRunner runner = patient(f, waits);
  std::map<std::string, int> handed_out;
  runner.gives_back = [&](const Job& job) {
    return job.separate_stderr && ++handed_out[job.attempt_name] == 1;
  };
  CHECK(f.run(runner).state == RunState::succeeded);
  for (const char* id : {"a", "b", "c", "d"}) {
    CHECK(f.world.starts[id] == 1);
    CHECK(f.attempts(id).size() == 1);
  }
}

// Time goes on between a look at what is ready and the sleep after it.
class TickingClock final : public Clock {
 public:
  TickingClock(FakeClock& clock, Duration step) : clock_(&clock), step_(step) {}
  Time now() const override {
    clock_->advance(step_);
    return clock_->now();
  }

 private:
  FakeClock* clock_;
  Duration step_;
};

TEST_CASE("a pool that opens while the engine is about to sleep is not slept over") {
  for (int interval = 20; interval < 40; ++interval) {
    EngineFixture f;
    f.settings.jobs = 10;
    f.settings.pools["api"] =
        PoolDef{.name = "api", .limit = 10, .rate = 1, .rate_per = Duration{interval}};
    f.world.script = [](const Job&, const std::string&, int) {
      return Script{.takes = Duration{1}};
    };
    f.plan("id,command,pool\na,x,api\nb,x,api\nc,x,api\n");
    int waits = 0;
    FakeRunner runner = patient(f, waits);
    const TickingClock clock(f.world.clock, Duration{3});
    EngineParts parts;
    parts.store = f.store.get();
    parts.runner = &runner;
    parts.clock = &clock;
    parts.state_dir = f.dir.path();
    CAPTURE(interval);
    CHECK(run_engine(parts, f.key)->state == RunState::succeeded);
  }
}

TEST_CASE("what went down with the machine is recorded before a slot is used again") {
  EngineFixture f;
  f.world.script = [](const Job&, const std::string&, int) {
    return Script{.takes = 100 * kSecond};
  };
  f.plan("id,command\na,true\nb,true\nc,true\n");
  FakeRunner first(f.world);
  first.crash_in = 8;  // both run
  CHECK_THROWS_AS(f.run(first), test::Crash);
  REQUIRE(f.world.living() == 2);
  f.world.power_loss();
  f.reopen();
  FakeRunner second(f.world);
  second.after_power_loss();
  second.crash_at_acquire = true;
  CHECK_THROWS_AS(f.run(second), test::Crash);
  f.reopen();
  CHECK(f.attempts("a").front().state == AttemptState::lost);
  CHECK(f.attempts("b").front().state == AttemptState::lost);
}

TEST_CASE("what cannot be handed out for a moment is no failure of its task") {
  EngineFixture f;
  f.plan("id,command\na,true\nb,true\n");
  FakeRunner runner(f.world);
  int refusals = 3;
  runner.refuses = [&](const Job&) -> std::optional<Error> {
    if (f.world.living() == 0 || refusals == 0) {
      return std::nullopt;
    }
    --refusals;
    return Error{ErrorKind::try_again, "a supervisor does not take its job", "", {}};
  };
  CHECK(f.run(runner).state == RunState::succeeded);
  CHECK(refusals == 0);
  CHECK(f.attempts("a").size() == 1);
  CHECK(f.attempts("b").size() == 1);
  CHECK_FALSE(f.task("b").healed);
}

TEST_CASE(
    "when nothing can be handed out and nothing runs, the engine says so, and a resume goes on") {
  EngineFixture f;
  f.plan("id,command\na,true\nb,true\n");
  FakeRunner runner(f.world);
  runner.refuses = [](const Job&) {
    return std::optional(Error{ErrorKind::unavailable, "cannot start a supervisor", "", {}});
  };
  const auto ended = run_engine({.store = f.store.get(),
                                 .runner = &runner,
                                 .clock = &f.world.clock,
                                 .events = {},
                                 .stop = &f.stop,
                                 .state_dir = f.dir.path()},
                                f.key);
  REQUIRE(!ended);
  CHECK(ended.error().kind == ErrorKind::unavailable);
  CHECK_FALSE(ended.error().mend.empty());
  f.reopen();
  CHECK(f.run().state == RunState::succeeded);
  CHECK(f.world.starts["a"] == 1);
  CHECK(f.world.starts["b"] == 1);
}

}  // namespace
}  // namespace darn
