// What a call costs in memory when all is well, and when it is turned away: nothing. A service that
// is overloaded must not be slowed down by its own protection. Not in a sanitizer's build: the
// allocator is the sanitizer's there.
#if !defined(DARN_SANITIZE_THREAD) && !defined(DARN_SANITIZE_ADDRESS)
#include <cstdlib>
#include <new>
#include <string>

#include "darn/adaptive_backoff.hpp"
#include "darn/adaptive_throttle.hpp"
#include "darn/any_pipeline.hpp"
#include "darn/bulkhead.hpp"
#include "darn/chaos.hpp"
#include "darn/concurrency_limit.hpp"
#include "darn/fail_when.hpp"
#include "darn/fallback.hpp"
#include "darn/pipeline.hpp"
#include "darn/rate_limiter.hpp"
#include "darn/retry.hpp"
#include "support/lone_call.hpp"
#include "support/property.hpp"

namespace {

thread_local long allocations = 0;

void* counted(std::size_t size) {
  ++allocations;
  if (void* p = std::malloc(size == 0 ? 1 : size)) {
    return p;
  }
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }

namespace {

// Of a hundred calls, once everything is warm.
template <class Run>
long allocations_of(Run&& run) {
  run();
  const long before = allocations;
  for (int i = 0; i < 100; ++i) {
    run();
  }
  return allocations - before;
}

template <class... Policies>
long allocations_of_success(const Policies&... policies) {
  const auto p = darn::pipeline(policies...);
  bool good = true;
  const long count = allocations_of([&] { good = p.run([] { return 1; }) && good; });
  CHECK(good);
  return count;
}

template <class Policy>
long allocations_of_refusal(const Policy& policy) {
  const auto p = darn::pipeline(policy);
  bool refused = true;
  const long count = allocations_of([&] {
    const auto result = p.run([] { return 1; });
    refused = !result && result.error().rejected && refused;
  });
  CHECK(refused);
  return count;
}

darn::rate_limiter fast() { return darn::rate_limiter({.rate = 1e9, .burst = 1'000'000}); }

}  // namespace

TEST_CASE("the counter counts") {
  CHECK(allocations_of([] { std::string longer_than_any_small_buffer(100, 'x'); }) == 100);
}

TEST_CASE("a call that succeeds allocates nothing") {
  const darn::retry_budget budget({.share = 0.2});
  const darn::retry retry(
      {.budget = budget, .adaptive = darn::adaptive_backoff(), .adaptive_key = "host"});
  const auto substitute = darn::fallback(std::string("x").size() > 1 ? 1 : 0);
  const auto never = darn::fail_when([](int n) { return n < 0; });
  const darn::chaos quiet({.delay_rate = 0, .error_rate = 0});
  const darn::bulkhead bulkhead({.max_queue = 5});
  using algorithm = darn::concurrency_limit_options::algorithm;
  const darn::concurrency_limit aimd({.how = algorithm::aimd});
  const darn::concurrency_limit gradient({.how = algorithm::gradient});
  CHECK(allocations_of_success(retry) == 0);
  CHECK(allocations_of_success(fast()) == 0);
  CHECK(allocations_of_success(bulkhead) == 0);
  CHECK(allocations_of_success(aimd) == 0);
  CHECK(allocations_of_success(gradient) == 0);
  CHECK(allocations_of_success(darn::adaptive_throttle()) == 0);
  CHECK(allocations_of_success(substitute) == 0);
  CHECK(allocations_of_success(never) == 0);
  CHECK(allocations_of_success(quiet) == 0);
  CHECK(allocations_of_success(*darn::any_pipeline::parse(
            "timeout(2s) > retry(3, attempt_timeout=1s) > circuit_breaker > bulkhead")) == 0);
  CHECK(allocations_of_success(substitute, retry, darn::adaptive_throttle(), fast(), bulkhead,
                               gradient, never, quiet) == 0);
}

TEST_CASE("a call that is turned away allocates nothing") {
  const darn::rate_limiter slow({.rate = 1, .per = std::chrono::hours{1000}});
  CHECK(darn::pipeline(slow).run([] {}));
  CHECK(allocations_of_refusal(slow) == 0);

  const darn::bulkhead full({.max_concurrent = 1, .max_queue = 1});
  const darn::concurrency_limit at_limit({.initial = 1, .most = 1});
  darn::test::lone_call c({});
  const auto place = full.enter(c);
  const auto flying = at_limit.enter(c);
  darn::bulkhead::waiter queued;
  CHECK(full.enter_or_queue(queued) == darn::bulkhead::entry::queued);
  CHECK(allocations_of_refusal(full) == 0);
  CHECK(full.leave_queue(queued) == false);
  CHECK(allocations_of_refusal(at_limit) == 0);

  const darn::adaptive_throttle throttle;
  const auto p = darn::pipeline(throttle);
  for (int i = 0; i < 1000; ++i) {
    (void)p.run(
        []() -> darn::outcome<int> { return darn::unexpected<darn::error>(darn::error{}); });
  }
  long refused = 0;
  const long count = allocations_of([&] { refused += p.run([] { return 1; }) ? 0 : 1; });
  CHECK(count == 0);
  CHECK(refused > 0);
}

#endif
