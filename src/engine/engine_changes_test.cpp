// Runs that are stopped, killed, resumed, cancelled and added to while they live.
#include <utility>

#include <doctest/doctest.h>

#include "engine/engine.hpp"
#include "engine/planner.hpp"
#include "support/engine_fixture.hpp"

namespace darn {
namespace {

using test::EngineFixture;
using test::FakeRunner;
using test::kSecond;
using test::Script;

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

TEST_CASE("tasks added at any moment, a run's last too, run or are refused") {
  int taken = 0;
  int refused = 0;
  bool reached = true;
  for (int moment = 1; reached; ++moment) {
    EngineFixture f;
    f.plan("id,command\na,true\n");
    bool added = false;
    int now = 0;
    reached = false;
    const auto pass = [&] {
      if (++now != moment) {
        return;
      }
      reached = true;
      const auto store = f.other_store();
      const TaskSource source{"more.csv", "id,command,after\nb,true,a\n", TaskSource::Format::csv};
      const auto count = add_to_run(*store, source, store->run(f.key).value());
      added = count.has_value();
      if (!added) {
        CHECK(count.error().message.find("has just ended") != std::string::npos);
      }
    };
    FakeRunner runner(f.world);
    runner.on_wait = pass;
    f.events = [&](const EngineEvent&) { pass(); };
    CAPTURE(moment);
    const RunRecord ended = f.run(runner);
    CHECK(ended.state == RunState::succeeded);
    CHECK(f.world.starts["b"] == (added ? 1 : 0));
    CHECK(ended.counts.of(TaskState::succeeded) == (added ? 2 : 1));
    taken += added ? 1 : 0;
    refused += reached && !added ? 1 : 0;
  }
  CHECK(taken >= 3);
  CHECK(refused >= 1);  // once its end is committed
}

}  // namespace
}  // namespace darn
