// What starts, and when: races within their pools, jobs that a slot gives back, what opens while
// the engine is about to sleep, and what an earlier engine has left.
#include <doctest/doctest.h>

#include "engine/engine.hpp"
#include "support/engine_fixture.hpp"

namespace darn {
namespace {

using test::EngineFixture;
using test::FakeRunner;
using test::Script;

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

}  // namespace
}  // namespace darn
