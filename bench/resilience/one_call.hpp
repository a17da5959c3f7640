// How both C++ harnesses measure one call: the same callee, allocations counted, and a line of JSON
// for the median of each case (peers.sh). Included once in a program: it replaces operator new.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

namespace one_call {

inline std::atomic<std::uint64_t> allocations{0};
inline std::atomic<std::uint64_t> bytes{0};

// Not inlined, so that the direct call and the ones through policies do the same.
[[gnu::noinline]] inline int callee(int n) {
  benchmark::DoNotOptimize(n);
  return n + 1;
}

template <class Call>
void measure(benchmark::State& state, Call call) {
  const auto allocations_before = allocations.load();
  const auto bytes_before = bytes.load();
  for (auto _ : state) {
    benchmark::DoNotOptimize(call(1));
  }
  if (state.thread_index() == 0) {
    const auto calls = static_cast<double>(state.iterations());
    state.counters["allocs"] = static_cast<double>(allocations.load() - allocations_before) / calls;
    state.counters["bytes"] = static_cast<double>(bytes.load() - bytes_before) / calls;
  }
}

class Lines : public benchmark::BenchmarkReporter {
 public:
  Lines(std::string peer, std::string version)
      : peer_(std::move(peer)), version_(std::move(version)) {}
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.aggregate_name != "median") {
        continue;
      }
      std::printf(
          "{\"peer\":\"%s\",\"version\":\"%s\",\"case\":\"%s\",\"threads\":%d,\"ns\":%.2f,"
          "\"allocs\":%.0f,\"bytes\":%.0f}\n",
          peer_.c_str(), version_.c_str(), run.run_name.function_name.c_str(),
          static_cast<int>(run.threads), run.GetAdjustedRealTime(), run.counters.at("allocs").value,
          run.counters.at("bytes").value);
      std::fflush(stdout);
    }
  }

 private:
  std::string peer_;
  std::string version_;
};

inline int run(int argc, char** argv, const char* peer, const char* version) {
  benchmark::Initialize(&argc, argv);
  Lines lines(peer, version);
  benchmark::RunSpecifiedBenchmarks(&lines);
  return 0;
}

}  // namespace one_call

void* operator new(std::size_t size) {
  one_call::allocations.fetch_add(1, std::memory_order_relaxed);
  one_call::bytes.fetch_add(size, std::memory_order_relaxed);
  if (void* p = std::malloc(size)) {
    return p;
  }
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
