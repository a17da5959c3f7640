#include "policy/pool.hpp"

#include <algorithm>

#include "support/property.hpp"

namespace {
using namespace darn;
using namespace std::chrono_literals;
using darn::test::property;
const Time kNow = time_from_ms(1'700'000'000'000);
const PoolDef kPool{.name = "claude", .limit = 8};
}  // namespace

TEST_CASE("a pool starts at its definition's limit, or the run's jobs") {
  CHECK(room(initial_pool(kPool, 2), 0, kNow) == 8);
  CHECK(room(initial_pool({.name = "default"}, 3), 1, kNow) == 2);
  CHECK(room(initial_pool({.name = "default"}, 0), 0, kNow) == 1);
  CHECK(room(initial_pool(kPool, 2), 12, kNow) == 0);
}

TEST_CASE("a limit halves and parks it, once for a burst") {
  auto pool = initial_pool(kPool, 2);
  on_limited(pool, kPool, 2, "", {}, kNow, kNow + 30s);
  CHECK(pool.limit == 4);
  CHECK(room(pool, 0, kNow) == 0);
  CHECK(pool.parked_until == kNow + 30s);
  on_limited(pool, kPool, 2, "", {}, kNow + 1s, kNow + 40s);  // the same moment's
  CHECK(pool.limit == 4);
  CHECK(pool.parked_until == kNow + 40s);
  CHECK(room(pool, 0, kNow + 40s) == 4);
  on_limited(pool, kPool, 2, "", {}, kNow + 41s, kNow + 60s);
  on_limited(pool, kPool, 2, "", {}, kNow + 61s, kNow + 70s);
  on_limited(pool, kPool, 2, "", {}, kNow + 71s, kNow + 80s);
  CHECK(pool.limit == 1);
  CHECK(pool.limited_in_a_row == 4);
}

TEST_CASE("it recovers additively, up to its definition") {
  auto pool = initial_pool(kPool, 2);
  on_limited(pool, kPool, 2, "", {}, kNow, kNow + 30s);
  on_success(pool, kPool, 2, kNow + 1s);  // started before: no growth while it rests
  CHECK(pool.limit == 4);
  for (int i = 0; i < 5; ++i) {
    on_success(pool, kPool, 2, kNow + 31s);
  }
  CHECK(room(pool, 0, kNow + 31s) == 5);
  CHECK(pool.limited_in_a_row == 0);
  for (int i = 0; i < 100; ++i) {
    on_success(pool, kPool, 2, kNow + 31s);
  }
  CHECK(pool.limit == 8);
}

TEST_CASE("a limited key rests while the others go on") {
  const std::vector<std::string> keys = {"A", "B"};
  auto pool = initial_pool(kPool, 2);
  CHECK(*next_key(pool, keys, 0, kNow) == "A");
  CHECK(*next_key(pool, keys, 1, kNow) == "B");
  on_limited(pool, kPool, 2, "A", keys, kNow, kNow + 30s);
  CHECK(room(pool, 0, kNow) == 4);  // not parked
  CHECK(*next_key(pool, keys, 0, kNow) == "B");
  CHECK(*next_key(pool, keys, 2, kNow + 30s) == "A");
  on_limited(pool, kPool, 2, "B", keys, kNow + 1s, kNow + 60s);
  CHECK(next_key(pool, keys, 0, kNow + 1s) == nullptr);
  CHECK(room(pool, 0, kNow + 1s) == 0);
  CHECK(pool.parked_until == kNow + 30s);  // until the first is back
  CHECK(next_key(pool, {}, 0, kNow) == nullptr);
}

TEST_CASE("what holds of any pool") {
  property("the limit stays between 1 and the definition's, parked pools have no room", [] {
    const PoolDef def{.name = "p", .limit = *rc::gen::inRange(1, 20)};
    auto pool = initial_pool(def, 4);
    Time now = kNow;
    for (int i = 0; i < 200; ++i) {
      now += Duration{*rc::gen::inRange(0, 20'000)};
      if (*rc::gen::inRange(0, 3) == 0) {
        on_limited(pool, def, 4, "", {}, now, now + Duration{*rc::gen::inRange(0, 60'000)});
      } else {
        on_success(pool, def, 4, now);
      }
      RC_ASSERT(pool.limit >= 1.0);
      RC_ASSERT(pool.limit <= def.limit);
      RC_ASSERT((room(pool, 0, now) == 0) == (pool.parked_until > now));
    }
  });
  property("no more than `rate` starts in any stretch of rate_per, and none is starved", [] {
    PoolDef def{.name = "p", .rate = *rc::gen::inRange(1, 50)};
    def.rate_per = Duration{*rc::gen::inRange(10, 100'000)};
    StartRate rate(def);
    std::vector<Time> starts;
    Time now = kNow;
    while (starts.size() < 120) {
      if (rate.take(now)) {
        starts.push_back(now);
      } else {
        RC_ASSERT(rate.next(now) > now);
        now = *rc::gen::element(rate.next(now), now + 1ms);
      }
    }
    for (std::size_t i = 0; i + static_cast<std::size_t>(def.rate) < starts.size(); ++i) {
      RC_ASSERT(starts[i + static_cast<std::size_t>(def.rate)] - starts[i] >= def.rate_per - 1ms);
    }
  });
}

TEST_CASE("no rate: any number at once") {
  StartRate rate(PoolDef{});
  for (int i = 0; i < 1000; ++i) {
    CHECK(rate.take(kNow));
  }
  CHECK(rate.next(kNow) == kNow);
}
