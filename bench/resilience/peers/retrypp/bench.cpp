// What one call costs through RetryPP, in the same harness as darn's success_path.cpp. It only
// retries: no circuit breaker, no timeout around a call (its TimeLimit limits the retrying), and no
// policy without a strategy and a limit: no breaker, open, timeout, combined and empty here.
#include <coroutine>  // RetryPP uses this, <mutex> and <vector> without including them
#include <mutex>
#include <vector>

#include <RetryPP/RetryPP.h>

#include "one_call.hpp"

namespace {

using one_call::callee;
using one_call::measure;
using namespace std::chrono_literals;

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

}  // namespace

int main(int argc, char** argv) { return one_call::run(argc, argv, "RetryPP", RETRYPP_VERSION); }
