#include "darn/breaker_core.hpp"

#include <deque>

#include "support/property.hpp"

using namespace std::chrono_literals;
using darn::breaker_core;
using darn::breaker_settings;
using darn::breaker_state;
using darn::duration;
using darn::time_point;
using darn::test::property;
using enum darn::breaker_core::result;

namespace {

constexpr time_point kStart{100h};

void call(breaker_core& b, breaker_core::result how, time_point now, bool slow = false) {
  const auto p = b.enter(now);
  b.leave(p, how, slow, now);
}

void calls(breaker_core& b, int n, breaker_core::result how, time_point now) {
  for (int i = 0; i < n; ++i) {
    call(b, how, now);
  }
}

}  // namespace

TEST_CASE("closed, open, half-open, closed") {
  breaker_core b({.window_calls = 10, .minimum_calls = 4, .open_for = 30s, .probes = 2});
  time_point now = kStart;
  calls(b, 3, failure, now);
  CHECK(b.state(now) == breaker_state::closed);  // too few to say
  call(b, failure, now);
  CHECK(b.state(now) == breaker_state::open);
  const auto refused = b.enter(now + 10s);
  CHECK_FALSE(refused.admitted);
  CHECK(refused.wait == 20s);
  now += 30s;
  CHECK(b.state(now) == breaker_state::half_open);
  const auto first = b.enter(now);
  const auto second = b.enter(now);
  CHECK((first.admitted && second.admitted));
  CHECK_FALSE(b.enter(now).admitted);  // two probes and no more
  b.leave(first, success, false, now);
  CHECK(b.state(now) == breaker_state::half_open);
  b.leave(second, success, false, now);
  CHECK(b.state(now) == breaker_state::closed);
  CHECK(b.failure_rate(now) == 0);
}

TEST_CASE("a probe that fails opens it again") {
  breaker_core b({.minimum_calls = 1, .open_for = 30s, .probes = 1});
  call(b, failure, kStart);
  call(b, failure, kStart + 30s);
  CHECK(b.state(kStart + 59s) == breaker_state::open);
  CHECK(b.state(kStart + 60s) == breaker_state::half_open);
}

TEST_CASE("cancelled probe closes the breaker") {
  breaker_core b({.minimum_calls = 1, .open_for = 30s, .probes = 1});
  call(b, failure, kStart);
  const time_point now = kStart + 30s;
  for (int i = 0; i < 5; ++i) {  // neither closes nor opens, and the place is free again
    const auto probe = b.enter(now);
    REQUIRE(probe.admitted);
    b.leave(probe, cancelled, false, now);
    CHECK(b.state(now) == breaker_state::half_open);
  }
  call(b, success, now);
  CHECK(b.state(now) == breaker_state::closed);
}

TEST_CASE("permit lost in half-open") {
  breaker_core b({.minimum_calls = 1, .open_for = 30s, .probes = 2, .probe_wait = 10s});
  call(b, failure, kStart);
  const time_point now = kStart + 30s;
  const auto lost = b.enter(now);
  const auto also_lost = b.enter(now + 1s);
  CHECK(b.enter(now + 2s).wait == 8s);
  const auto third = b.enter(now + 10s);
  CHECK(third.admitted);  // the first one's place
  CHECK_FALSE(b.enter(now + 10s).admitted);
  b.leave(lost, failure, false, now + 11s);  // comes back after all: too late to count
  CHECK(b.state(now + 11s) == breaker_state::half_open);
  const auto fourth = b.enter(now + 11s);
  CHECK(fourth.admitted);
  b.leave(third, success, false, now + 12s);
  b.leave(fourth, success, false, now + 12s);
  CHECK(b.state(now + 12s) == breaker_state::closed);
  b.leave(also_lost, failure, false, now + 13s);
  CHECK(b.calls(now + 13s) == 0);
}

TEST_CASE("late results of an older generation are ignored") {
  breaker_core b({.window_calls = 4, .minimum_calls = 4, .open_for = 1s, .probes = 1});
  const auto old = b.enter(kStart);
  calls(b, 4, failure, kStart);
  call(b, success, kStart + 1s);
  REQUIRE(b.state(kStart + 1s) == breaker_state::closed);
  b.leave(old, failure, false, kStart + 2s);
  CHECK(b.calls(kStart + 2s) == 0);
}

TEST_CASE("slow calls open it, too") {
  breaker_core b({.minimum_calls = 4, .slow_call = 1s, .slow_rate = 0.5, .probes = 2});
  calls(b, 2, success, kStart);
  call(b, success, kStart, true);
  CHECK(b.state(kStart) == breaker_state::closed);
  call(b, success, kStart, true);
  CHECK(b.state(kStart) == breaker_state::open);
}

TEST_CASE("a window of time forgets") {
  breaker_core b({.window_time = 10s, .minimum_calls = 4});
  calls(b, 3, failure, kStart);
  calls(b, 1, success, kStart + 9s);
  CHECK(b.failure_rate(kStart + 9s) == 0.75);
  CHECK(b.failure_rate(kStart + 12s) == 0);
  calls(b, 2, failure, kStart + 12s);
  CHECK(b.state(kStart + 12s) == breaker_state::closed);
}

TEST_CASE("herd after recovery") {
  breaker_core b({.minimum_calls = 1, .open_for = 1s, .probes = 1, .ramp = 10s, .ramp_from = 0.1});
  call(b, failure, kStart);
  const time_point closed = kStart + 1s;
  call(b, success, closed);
  REQUIRE(b.state(closed) == breaker_state::closed);
  const auto admitted = [&](time_point now) {
    int n = 0;
    for (int i = 0; i < 1000; ++i) {
      n += b.enter(now, i / 1000.0).admitted ? 1 : 0;
    }
    return n;
  };
  CHECK(admitted(closed) == 100);
  CHECK(admitted(closed + 5s) == 550);
  CHECK(admitted(closed + 10s) == 1000);
  b.reset();
  CHECK(admitted(closed) == 1000);
}

TEST_CASE("by hand") {
  breaker_core b({.minimum_calls = 1});
  b.isolate();
  CHECK(b.state(kStart) == breaker_state::isolated);
  CHECK_FALSE(b.enter(kStart + 1000h).admitted);
  b.reset();
  CHECK(b.enter(kStart).admitted);
}

TEST_CASE("a clock that is set back does not keep it open for longer") {
  breaker_core b({.minimum_calls = 1, .open_for = 30s});
  call(b, failure, kStart + 10h);
  CHECK(b.enter(kStart).wait == 30s);
  CHECK(b.enter(kStart + 30s).admitted);
}

TEST_CASE("the window counts the last calls exactly") {
  property("as a list of them does", [] {
    const int size = *rc::gen::inRange(1, 30);
    // Never opens: only the counting is looked at.
    breaker_core b({.window_calls = size, .failure_rate = 2, .slow_call = 1s, .slow_rate = 2});
    std::deque<std::pair<bool, bool>> model;
    const auto count = [&](bool failed, bool slow) {
      model.emplace_back(failed, slow);
      if (model.size() > static_cast<std::size_t>(size)) {
        model.pop_front();
      }
    };
    for (const int step : *rc::gen::container<std::vector<int>>(100, rc::gen::inRange(0, 6))) {
      if (step == 5) {
        const auto n = *rc::gen::inRange<std::uint64_t>(0, 40);
        b.add_successes(n, kStart);
        for (std::uint64_t i = 0; i < n; ++i) {
          count(false, false);
        }
        continue;
      }
      call(b, step % 2 != 0 ? failure : success, kStart, step >= 3);
      count(step % 2 != 0, step >= 3);
    }
    const auto share = [&](auto pick) {
      const auto n = std::count_if(model.begin(), model.end(), pick);
      return model.empty() ? 0 : static_cast<double>(n) / static_cast<double>(model.size());
    };
    RC_ASSERT(b.calls(kStart) == model.size());
    RC_ASSERT(b.failure_rate(kStart) == share([](const auto& c) { return c.first; }));
    RC_ASSERT(b.slow_rate(kStart) == share([](const auto& c) { return c.second; }));
  });
}

namespace {

breaker_settings any_settings() {
  return {.window_calls = *rc::gen::inRange(1, 20),
          .window_time = *rc::gen::inRange(0, 2) == 0 ? std::nullopt : std::optional<duration>(10s),
          .minimum_calls = *rc::gen::inRange(1, 10),
          .failure_rate = *rc::gen::inRange(1, 11) / 10.0,
          .slow_call = 1s,
          .slow_rate = *rc::gen::inRange(1, 11) / 10.0,
          .open_for = std::chrono::seconds{*rc::gen::inRange(1, 40)},
          .probes = *rc::gen::inRange(1, 5),
          .probe_wait = std::chrono::seconds{*rc::gen::inRange(1, 20)},
          .ramp = std::chrono::seconds{*rc::gen::inRange(0, 20)}};
}

}  // namespace

TEST_CASE("whatever happens") {
  property("never more probes than allowed, and never wedged", [] {
    const auto settings = any_settings();
    breaker_core b(settings);
    struct Given {
      breaker_core::permit permit;
      time_point at;
      bool told = false;
    };
    std::vector<Given> out;
    time_point now = kStart;
    for (int step = 0; step < 200; ++step) {
      now += std::chrono::milliseconds{*rc::gen::inRange(0, 3000)};
      switch (*rc::gen::inRange(0, 4)) {
        case 0:
        case 1: {
          const auto p = b.enter(now, *rc::gen::inRange(0, 100) / 100.0);
          RC_ASSERT(p.admitted || p.wait >= 0s);
          if (p.admitted) {
            out.push_back({p, now});
          }
          break;
        }
        case 2:
          if (!out.empty()) {
            const auto i = *rc::gen::inRange<std::size_t>(0, out.size());
            b.leave(out[i].permit, *rc::gen::element(success, failure, cancelled),
                    *rc::gen::inRange(0, 4) == 0, now);
            out[i].told = true;
            if (*rc::gen::inRange(0, 2) == 0) {  // or it is told again, which must not count
              out.erase(out.begin() + static_cast<std::ptrdiff_t>(i));
            }
          }
          break;
        default: break;
      }
      const auto probing = std::count_if(out.begin(), out.end(), [&](const Given& g) {
        return g.permit.probe != 0 && g.permit.generation == b.generation() && !g.told &&
               now - g.at < settings.probe_wait;
      });
      RC_ASSERT(probing <= settings.probes);
    }
    // However it was left: patience and good answers close it.
    for (int i = 0; i < 20 && (b.state(now) != breaker_state::closed || b.ramping(now)); ++i) {
      now += settings.open_for + settings.probe_wait + settings.ramp;
      for (int n = 0; n < settings.probes; ++n) {
        call(b, success, now);
      }
    }
    RC_ASSERT(b.state(now) == breaker_state::closed);
    RC_ASSERT(b.enter(now, 0.999).admitted);
  });
  property("what is saved goes on as if nothing had been", [] {
    const auto settings = any_settings();
    breaker_core b(settings);
    time_point now = kStart;
    for (int step = 0; step < 100; ++step) {
      now += std::chrono::milliseconds{*rc::gen::inRange(0, 2000)};
      const auto how = *rc::gen::element(success, failure, cancelled);
      const auto p = b.enter(now);
      b.leave(p, how, *rc::gen::inRange(0, 5) == 0, now);
      const auto text = b.save(now);
      auto again = breaker_core::load(settings, text, now);
      RC_ASSERT(again.has_value());
      RC_ASSERT(again->save(now) == text);
      RC_ASSERT(again->state(now) == b.state(now));
      RC_ASSERT(again->calls(now) == b.calls(now));
      RC_ASSERT(again->failure_rate(now) == b.failure_rate(now));
      if (*rc::gen::inRange(0, 2) == 0) {
        b = std::move(*again);
      }
    }
  });
  property("no text makes loading fail", [](const std::string& text) {
    (void)breaker_core::load({}, text, kStart);
    (void)breaker_core::load({.window_time = 10s}, "1 0 1 0 0 0 0 0 0 t" + text, kStart);
  });
  property("a saved text with a change in it is refused or harmless", [] {
    breaker_core b({.minimum_calls = 1, .probes = 3});
    call(b, failure, kStart);
    (void)b.enter(kStart + 40s);
    std::string text = b.save(kStart + 40s);
    const auto at = *rc::gen::inRange<std::size_t>(0, text.size());
    text[at] = *rc::gen::inRange<char>(' ', '~');
    if (auto again = breaker_core::load({.minimum_calls = 1, .probes = 3}, text, kStart + 40s)) {
      const auto p = again->enter(kStart + 100h);
      again->leave(p, success, false, kStart + 100h);
    }
  });
}
