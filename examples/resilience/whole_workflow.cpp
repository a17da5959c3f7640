// All of it together: a client of a bad server. Two seconds for everything, retries that stay a
// fraction of the calls, a breaker, a substitute at the end; chaos plays the server, with the same
// faults in each run. At the end: what happened, as Prometheus reads it.
#include <cstdio>
#include <string>

#include <darn/chaos.hpp>
#include <darn/circuit_breaker.hpp>
#include <darn/fallback.hpp>
#include <darn/pipeline.hpp>
#include <darn/retry.hpp>
#include <darn/timeout.hpp>

using namespace std::chrono_literals;

int main() {
  const darn::retry_budget budget({.capacity = 20, .per_success = 0.1, .name = "quotes"});
  const darn::circuit_breaker breaker({.minimum_calls = 20, .name = "quotes"});
  const darn::chaos bad_server({.error_rate = 0.3});

  const auto policy = darn::pipeline(                    // from outside to inside:
      darn::fallback(std::string("yesterday's quote")),  // better than nothing
      darn::timeout(2s, "call"),                         // nobody waits longer, all in all
      darn::retry({.max_attempts = 3,                    // most faults pass
                   .backoff = darn::backoff::exponential(1ms, 20ms),
                   .budget = budget,  // but not with everyone retrying
                   .name = "quotes"}),
      breaker,                          // sees each attempt
      darn::timeout(200ms, "attempt"),  // for each attempt
      bad_server);                      // in production: leave it out
  std::printf("%s\n\n", policy.text().c_str());

  darn::seeded_random random(7);  // for this show; leave it out, too
  const auto ask = [] { return std::string("today's quote"); };
  int fresh = 0;
  int substituted = 0;
  const auto ask_often = [&](int times) {
    for (int i = 0; i < times; ++i) {
      const auto quote = policy.run({.random = &random}, ask);
      (*quote == "today's quote" ? fresh : substituted) += 1;
    }
    std::printf("%d fresh, %d substituted, breaker %s, %.1f tokens for retries\n", fresh,
                substituted, darn::to_string(breaker.state()).data(), budget.tokens());
  };
  ask_often(100);
  breaker.isolate();  // somebody takes the server out by hand
  ask_often(20);
  breaker.reset();
  ask_often(20);

  std::printf("\n%s", darn::prometheus_text(policy, budget).c_str());
}
