// Agents: their limits, keys and money, races and fallbacks.
#include <doctest/doctest.h>

#include "engine/engine.hpp"
#include "support/engine_fixture.hpp"

namespace darn {
namespace {

using test::EngineFixture;
using test::Script;

constexpr Duration kSecond{1000};

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

}  // namespace
}  // namespace darn
