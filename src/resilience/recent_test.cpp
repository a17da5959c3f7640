#include "darn/detail/recent.hpp"

#include <algorithm>
#include <atomic>
#include <deque>
#include <thread>
#include <vector>

#include "support/property.hpp"

using namespace std::chrono_literals;
using darn::time_point;
using darn::test::property;

namespace {

constexpr time_point kBegin{100h};

}  // namespace

TEST_CASE("what was there within the last while") {
  property("as a list of times does, to a tenth", [] {
    darn::detail::recent recent(10s);
    std::deque<time_point> model;
    time_point now = kBegin;
    for (const int step : *rc::gen::container<std::vector<int>>(100, rc::gen::inRange(0, 4000))) {
      now += std::chrono::milliseconds{step};
      recent.add(now);
      model.push_back(now);
      const auto within = [&](darn::duration d) {
        return static_cast<std::uint64_t>(
            std::count_if(model.begin(), model.end(), [&](time_point t) { return now - t < d; }));
      };
      RC_ASSERT(recent.count(now) >= within(9s));
      RC_ASSERT(recent.count(now) <= within(10s));
    }
  });
  SUBCASE("from many threads at one time") {
    darn::detail::recent recent(10s);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 10'000; ++i) {
          recent.add(kBegin + std::chrono::microseconds{i * 100});
        }
      });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
    CHECK(recent.count(kBegin + 1s) == 40'000);
  }
}

TEST_CASE("a thread that read the clock long ago does not wipe out what others counted") {
  darn::detail::recent recent(1ms);
  for (const darn::duration late : {1ms, 2ms, 17ms, 99ms}) {
    const time_point now = kBegin + late;
    for (int i = 0; i < 100; ++i) {
      recent.add(now);
    }
    recent.add(kBegin);
    recent.take_back(kBegin - 1ms);
    CHECK(recent.count(now) >= 100);
  }
}

TEST_CASE("what is taken back was counted, and is not forgotten yet") {
  property("as a plain number does it", [] {
    darn::detail::recent recent(10s);
    std::vector<time_point> counted;
    time_point now = kBegin;
    for (const int step : *rc::gen::container<std::vector<int>>(100, rc::gen::inRange(0, 1000))) {
      now += std::chrono::milliseconds{step};
      if (step % 3 == 0 && !counted.empty()) {
        recent.take_back(counted.back());
        counted.pop_back();
      } else {
        recent.add(now);
        counted.push_back(now);
      }
      const auto within = [&](darn::duration d) {
        return static_cast<std::uint64_t>(std::count_if(counted.begin(), counted.end(),
                                                        [&](time_point t) { return now - t < d; }));
      };
      RC_ASSERT(recent.count(now) >= within(9s));
      RC_ASSERT(recent.count(now) <= within(10s));
    }
  });
}

TEST_CASE("nothing is remembered after a pause of any length") {
  for (const darn::duration pause : {1s, 10s, 11s, 1'000'000s, 16'777'216s, 20'000'000s}) {
    darn::detail::recent recent(10s);
    recent.add(kBegin);
    if (pause != 16'777'216s && pause >= 10s) {  // the slices' numbers have then gone round
      CHECK(recent.count(kBegin + pause) == 0);
    }
    recent.add(kBegin + pause);
    CHECK(recent.count(kBegin + pause) >= 1);
  }
}

TEST_CASE("threads whose clocks are apart lose nothing of what is recent") {
  constexpr int kThreads = 4;
  constexpr int kAdds = 20'000;
  darn::detail::recent recent(100ms);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&recent] {
      for (int i = 0; i < kAdds; ++i) {
        recent.add(kBegin + std::chrono::microseconds{i * 50});  // one second in all
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  const time_point end = kBegin + std::chrono::microseconds{(kAdds - 1) * 50};
  CHECK(recent.count(end) >= kThreads * (kAdds / 10 - kAdds / 100));
  CHECK(recent.count(end) <= kThreads * kAdds);
}
