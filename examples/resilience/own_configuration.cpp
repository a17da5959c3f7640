// Every setting has a default with a reason; this one changes most of them, and watches.
#include <cstdio>

#include <darn/pipeline.hpp>
#include <darn/retry.hpp>
#include <darn/timeout.hpp>

using namespace std::chrono_literals;

int main() {
  darn::retry_options options{
      .max_attempts = 6,
      .backoff = darn::backoff::exponential(10ms, 200ms, 2, darn::jitter::equal()),
      .deadline = 5s,          // for all attempts and the delays between them
      .attempt_timeout = 50ms  // for each of them
  };
  // Of a limit of the other side there is an end sooner: it is not asked again after attempt 4.
  options.of(darn::category::rate_limit) = {.backoff = darn::backoff::constant(30ms),
                                            .max_attempts = 4};
  options.on_retry = [](const darn::retry_event& e) {
    std::printf("attempt %d: %s\n", e.call.attempt(), e.why->text().c_str());
  };
  options.on_healed = [](const darn::retry_event& e) {
    std::printf("attempt %d: good\n", e.call.attempt());
  };
  options.name = "orders";

  const auto policy = darn::pipeline(darn::retry(options));
  std::printf("%s\n", policy.text().c_str());

  // A callee may take darn::call&: it knows the attempt and the deadline, and hears of the timeout.
  const auto order = policy.run([](darn::call& call) -> darn::outcome<int> {
    switch (call.attempt()) {
      case 1: return darn::unexpected<darn::error>(darn::classify_http(503));
      case 2: (void)call.sleep_until(call.now() + 10s); return 0;  // hangs: 50 ms are granted
      case 3: return darn::unexpected<darn::error>(darn::classify_http(429));
      default: return 4711;
    }
  });
  std::printf("%s\n", order ? "ordered" : order.error().text().c_str());
}
