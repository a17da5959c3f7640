// What one call costs when all goes well, on one and on several threads, and what an open breaker's
// refusal costs. Lines of JSON like those of the peers (peers.sh): the median of the repetitions,
// wall-clock time over the calls of all threads, and allocations counted for each call.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>

#include <benchmark/benchmark.h>

#include "darn/circuit_breaker.hpp"
#include "darn/pipeline.hpp"
#include "darn/retry.hpp"
#include "darn/timeout.hpp"

namespace {

std::atomic<std::uint64_t> allocations{0};

}  // namespace

void* operator new(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* p = std::malloc(size)) {
    return p;
  }
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }

namespace {

using namespace std::chrono_literals;

// Not inlined, so that the direct call and the ones through policies do the same.
[[gnu::noinline]] int callee(int n) {
  benchmark::DoNotOptimize(n);
  return n + 1;
}

darn::retry retry() {
  return darn::retry({.max_attempts = 3, .backoff = darn::backoff::exponential(100ms, 30s)});
}
const darn::circuit_breaker& breaker() {
  static const darn::circuit_breaker shared({.window_calls = 100, .failure_rate = 0.5});
  return shared;
}

template <class Call>
void measure(benchmark::State& state, Call call) {
  const auto before = allocations.load();
  for (auto _ : state) {
    benchmark::DoNotOptimize(call(1));
  }
  if (state.thread_index() == 0) {
    state.counters["allocs"] = benchmark::Counter(static_cast<double>(allocations.load() - before) /
                                                  static_cast<double>(state.iterations()));
  }
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

// One line of JSON for each case: the median.
class Lines : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.aggregate_name != "median") {
        continue;
      }
      const std::string name = run.run_name.function_name;
      std::printf("{\"peer\":\"darn\",\"version\":\"" DARN_VERSION
                  "\",\"case\":\"%s\",\"threads\":%d,\"ns\":%.2f,\"allocs\":%.0f,\"bytes\":null}\n",
                  name.c_str(), static_cast<int>(run.threads), run.GetAdjustedRealTime(),
                  run.counters.at("allocs").value);
      std::fflush(stdout);
    }
  }
};

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  Lines lines;
  benchmark::RunSpecifiedBenchmarks(&lines);
}
