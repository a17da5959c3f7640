// What one call costs when all goes well, on one and on several threads, and what an open breaker's
// refusal costs. Lines of JSON like those of the peers (peers.sh): the median of the repetitions,
// wall-clock time over the calls of all threads, and allocations counted for each call.
#include "darn/any_pipeline.hpp"
#include "darn/circuit_breaker.hpp"
#include "darn/pipeline.hpp"
#include "darn/retry.hpp"
#include "darn/timeout.hpp"
#include "one_call.hpp"

namespace {

using one_call::callee;
using one_call::measure;
using namespace std::chrono_literals;

darn::retry retry() {
  return darn::retry({.max_attempts = 3, .backoff = darn::backoff::exponential(100ms, 30s)});
}
const darn::circuit_breaker& breaker() {
  static const darn::circuit_breaker shared({.window_calls = 100, .failure_rate = 0.5});
  return shared;
}

template <class Pipeline>
void through(benchmark::State& state, const Pipeline& p) {
  measure(state, [&](int n) { return p.run(callee, n); });
}

void direct(benchmark::State& s) { measure(s, callee); }
void empty(benchmark::State& s) { through(s, darn::pipeline()); }
void only_retry(benchmark::State& s) { through(s, darn::pipeline(retry())); }
void only_breaker(benchmark::State& s) { through(s, darn::pipeline(breaker())); }
void only_timeout(benchmark::State& s) { through(s, darn::pipeline(darn::timeout(1s))); }
void combined(benchmark::State& s) {
  through(s, darn::pipeline(retry(), breaker(), darn::timeout(1s)));
}
// The same policies, known only at run time.
void configured(benchmark::State& s) {
  through(s, *darn::any_pipeline::make({retry(), breaker(), darn::timeout(1s)}));
}
void open(benchmark::State& s) {
  const darn::circuit_breaker isolated;
  isolated.isolate();
  through(s, darn::pipeline(isolated));
}

BENCHMARK(direct);
BENCHMARK(empty);
BENCHMARK(only_retry)->Name("retry");
BENCHMARK(only_breaker)
    ->Name("breaker")
    ->Threads(1)
    ->Threads(2)
    ->Threads(4)
    ->Threads(8)
    ->UseRealTime();
BENCHMARK(open);
BENCHMARK(only_timeout)->Name("timeout");
BENCHMARK(combined);
BENCHMARK(configured);

}  // namespace

int main(int argc, char** argv) { return one_call::run(argc, argv, "darn", DARN_VERSION); }
