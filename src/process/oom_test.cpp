#include "process/oom.hpp"

#include <doctest/doctest.h>

namespace darn {
namespace {

TEST_CASE("the counter of out-of-memory kills") {
  CHECK(oom_kills_in("low 0\nhigh 3\nmax 9\noom 2\noom_kill 17\noom_group_kill 1\n") == 17);
  CHECK(oom_kills_in("oom_kill 0\n") == 0);
  CHECK(oom_kills_in("pgfault 5\nold_oom_kill 3\noom_kill 4") == 4);
  CHECK(oom_kills_in("old_oom_kill 3\n") == -1);
  CHECK(oom_kills_in("oom 1\n") == -1);
  CHECK(oom_kills_in("") == -1);
}

TEST_CASE("nothing struck while nothing happened") {
  OomWatch watch;
  watch.refresh(10'000);
  CHECK_FALSE(watch.struck());
}

}  // namespace
}  // namespace darn
