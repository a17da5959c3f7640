// A server dies and comes back. The breaker stops calling it, so that its callers fail fast and it
// can recover; then it lets a few probes through, and closes when they go well.
#include <cstdio>
#include <thread>

#include <darn/circuit_breaker.hpp>
#include <darn/pipeline.hpp>

using namespace std::chrono_literals;

int main() {
  const darn::circuit_breaker breaker({
      .window_calls = 10,   // of the last ten calls …
      .minimum_calls = 4,   // … once there were four …
      .failure_rate = 0.5,  // … half failed: it opens,
      .open_for = 100ms,    // for so long,
      .probes = 2,          // and then two have to go well.
      .ramp = 0s,
      .on_change =
          [](darn::breaker_state from, darn::breaker_state to) {
            std::printf("breaker: %s -> %s\n", darn::to_string(from).data(),
                        darn::to_string(to).data());
          },
      .name = "payments",
  });
  const auto policy = darn::pipeline(breaker);  // copies share its state: give it to all callers

  bool server_is_up = false;
  int asked = 0;
  const auto pay = [&]() -> darn::outcome<int> {
    ++asked;
    if (!server_is_up) {
      return darn::unexpected<darn::error>(darn::classify_errno(ECONNREFUSED));
    }
    return 1;
  };

  int refused = 0;
  for (int i = 0; i < 1000; ++i) {
    const auto paid = policy.run(pay);
    refused += !paid && paid.error().rejected ? 1 : 0;
  }
  std::printf("1000 calls: the server was asked %d times, %d were refused at once\n", asked,
              refused);

  server_is_up = true;
  std::this_thread::sleep_for(120ms);
  int good = 0;
  for (int i = 0; i < 10; ++i) {
    good += policy.run(pay) ? 1 : 0;
  }
  std::printf("the server is back: %d of 10 calls succeeded\n", good);
}
