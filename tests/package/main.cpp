// A stranger's program: each policy in one call that has to work, whatever the archive was compiled
// with. Says which `expected` it has.
#include <cstdio>
#include <cstdlib>
#include <string>

#include <darn/adaptive_throttle.hpp>
#include <darn/bulkhead.hpp>
#include <darn/chaos.hpp>
#include <darn/circuit_breaker.hpp>
#include <darn/concurrency_limit.hpp>
#include <darn/fail_when.hpp>
#include <darn/fallback.hpp>
#include <darn/hedge.hpp>
#include <darn/pipeline.hpp>
#include <darn/rate_limiter.hpp>
#include <darn/retry.hpp>
#include <darn/testing.hpp>
#include <darn/timeout.hpp>
#include <darn/with_retry.hpp>

using namespace std::chrono_literals;

namespace {

void require(bool good, const char* what) {
  if (!good) {
    std::fprintf(stderr, "wrong: %s\n", what);
    std::exit(1);
  }
}

}  // namespace

int main() {
  darn::fake_clock clock;
  const darn::circuit_breaker breaker("server", {.minimum_calls = 3});
  const auto all = darn::pipeline(
      darn::fallback([](const darn::error& why) { return "substitute for " + why.code; }),
      darn::timeout(1min), darn::retry({.max_attempts = 3}), darn::hedge(), breaker,
      darn::adaptive_throttle(), darn::rate_limiter({.rate = 1000, .burst = 100}), darn::bulkhead(),
      darn::concurrency_limit(), darn::fail_when([](const std::string& s) { return s.empty(); }),
      darn::chaos());

  // The throttle is hard on who has had nothing but failures.
  for (int i = 0; i < 20; ++i) {
    require(all.run({.clock = &clock}, [] { return std::string("x"); }).has_value(), "a call");
  }

  int calls = 0;
  const auto flaky = [&]() -> darn::outcome<std::string> {
    if (++calls < 3) {
      return darn::unexpected<darn::error>(
          darn::error{.category = darn::category::network, .code = "ECONNREFUSED"});
    }
    return std::string(100, 'x');
  };
  const auto healed = all.run({.clock = &clock}, flaky);
  require(healed && healed->size() == 100 && calls == 3, "a call that heals");
  require(clock.sleeps().size() == 2, "two delays");

  const auto replaced = all.run({.clock = &clock}, [] { return std::string(); });
  require(replaced && *replaced == "substitute for bad_result", "a result that is none");

  breaker.isolate();
  const auto refused = darn::pipeline(darn::retry(), breaker).run([] { return 1; });
  require(!refused && refused.error().rejected && refused.error().attempts == 0, "an open breaker");
  require(darn::prometheus_text(all).find("darn_retry_healed_total") != std::string::npos,
          "metrics");
  try {
    darn::pipeline(darn::retry()).run_or_throw([]() -> int { throw std::invalid_argument("x"); });
    require(false, "nothing thrown");
  } catch (const std::invalid_argument&) {
  }

#if defined(__cpp_lib_expected) && __cpp_lib_expected >= 202202L
  std::puts("ok with std::expected");
#else
  std::puts("ok with tl::expected");
#endif
}
