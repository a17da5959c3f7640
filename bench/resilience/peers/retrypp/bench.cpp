// What one call costs through RetryPP, in the same harness as darn's success_path.cpp. It only
// retries: no circuit breaker, no timeout around a call (its TimeLimit limits the retrying), and no
// policy without a strategy and a limit: no breaker, open, timeout, combined and empty here.
#include <coroutine>  // RetryPP uses this, <mutex> and <vector> without including them
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>

#include <RetryPP/RetryPP.h>
#include <benchmark/benchmark.h>

namespace {

std::uint64_t allocations = 0;
std::uint64_t bytes = 0;

}  // namespace

void* operator new(std::size_t size) {
  ++allocations;
  bytes += size;
  if (void* p = std::malloc(size)) {
    return p;
  }
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }

namespace {

using namespace std::chrono_literals;

// Not inlined, so that the direct call and the one through the policy do the same.
[[gnu::noinline]] int callee(int n) {
  benchmark::DoNotOptimize(n);
  return n + 1;
}

template <class Call>
void measure(benchmark::State& state, Call call) {
  const auto allocations_before = allocations;
  const auto bytes_before = bytes;
  for (auto _ : state) {
    benchmark::DoNotOptimize(call(1));
  }
  const auto calls = static_cast<double>(state.iterations());
  state.counters["allocs"] = static_cast<double>(allocations - allocations_before) / calls;
  state.counters["bytes"] = static_cast<double>(bytes - bytes_before) / calls;
}

void direct(benchmark::State& s) { measure(s, callee); }

void through(benchmark::State& s, RetryPP::PolicyBuilder builder) {
  const auto policy = builder.withStrategy<RetryPP::Exponential>(100ms)
                          .withModifier<RetryPP::Cap>(30s)
                          .withLimit<RetryPP::RetryLimit>(3)
                          .build();
  const auto transient = RetryPP::Classification::Transient;
  const auto classifier = RetryPP::ClassifierBuilder<int>()
                              .withSuccessCode(callee(1))
                              .withUndefinedCodeClassification(transient)
                              .withExceptionClassifier([=](auto) { return transient; })
                              .build();
  measure(s, [&](int n) { return RetryPP::withRetry(policy, classifier, callee, n).code; });
}

void retry(benchmark::State& s) {
  through(s, RetryPP::PolicyBuilder().withModifier<RetryPP::Jitter<RetryPP::Algorithm::Full>>());
}
// Its jitter makes a std::random_device for every call, also for one that succeeds at once. With
// g++'s library that asks the processor what it has, which a virtual machine answers in
// microseconds.
void retry_no_jitter(benchmark::State& s) { through(s, RetryPP::PolicyBuilder()); }

BENCHMARK(direct);
BENCHMARK(retry);
BENCHMARK(retry_no_jitter);

// One line of JSON for each case: the median.
class Lines : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.aggregate_name != "median") {
        continue;
      }
      std::printf("{\"peer\":\"RetryPP\",\"version\":\"" RETRYPP_VERSION
                  "\",\"case\":\"%s\",\"threads\":1,\"ns\":%.2f,\"allocs\":%.0f,\"bytes\":%.0f}\n",
                  run.run_name.function_name.c_str(), run.GetAdjustedRealTime(),
                  run.counters.at("allocs").value, run.counters.at("bytes").value);
    }
  }
};

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  Lines lines;
  benchmark::RunSpecifiedBenchmarks(&lines);
}
