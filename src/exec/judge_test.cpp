#include "exec/judge.hpp"

#include <doctest/doctest.h>

#include "base/random.hpp"
#include "support/property.hpp"

namespace darn::exec {
namespace {

using namespace std::chrono_literals;

Failure of(Category category) { return {.exit_code = 1, .category = category}; }

int retries(Judge& judge, const Failure& failure) {
  int n = 0;
  while (n < 100 && judge.next(failure, 7, {}).again) {
    ++n;
  }
  return n;
}

}  // namespace

TEST_CASE("by default each category has its retries, five in all") {
  const Request request;
  for (const auto& [category, expected] : {std::pair{Category::network, 5},
                                           {Category::timeout, 5},
                                           {Category::transient, 5},
                                           {Category::rate_limit, 5},
                                           {Category::resource, 1},
                                           {Category::unknown, 1},
                                           {Category::permanent, 0}}) {
    Judge judge(request);
    CAPTURE(to_string(category));
    CHECK(retries(judge, of(category)) == expected);
  }
  Judge judge(request);
  CHECK(retries(judge, of(Category::unknown)) == 1);
  CHECK(retries(judge, of(Category::network)) == 4);
  CHECK(retries(judge, of(Category::timeout)) == 0);
}

TEST_CASE("the waits are those of the policy, half of each to all of it") {
  const Request request;
  Judge judge(request);
  for (const Duration planned : {5s, 15s, 45s, 135s, 300s}) {
    const Next next = judge.next(of(Category::network), 12345, {});
    CHECK(next.delay >= planned / 2);
    CHECK(next.delay <= planned);
    CHECK(next.of == 5);
  }
}

TEST_CASE("--retries holds for every kind but permanent ones") {
  Request request;
  request.retries = 3;
  for (const Category category : {Category::network, Category::unknown, Category::resource}) {
    Judge judge(request);
    CHECK(retries(judge, of(category)) == 3);
  }
  Judge judge(request);
  CHECK(retries(judge, of(Category::permanent)) == 0);
}

TEST_CASE("--retry-on names what is tried again, permanent failures too") {
  Request request;
  request.retry_on = {.categories = {Category::permanent}, .exits = {75}, .patterns = {"^later$"}};
  CHECK(retries(*std::make_unique<Judge>(request), of(Category::permanent)) == 5);
  CHECK(retries(*std::make_unique<Judge>(request), of(Category::network)) == 0);
  Failure failure = of(Category::network);
  failure.exit_code = 75;
  CHECK(retries(*std::make_unique<Judge>(request), failure) == 5);
  failure.exit_code = 1;
  failure.text = "now\nlater\n";
  CHECK(retries(*std::make_unique<Judge>(request), failure) == 5);
  failure.text = "sooner or later\n";
  CHECK(retries(*std::make_unique<Judge>(request), failure) == 0);
}

TEST_CASE("what the other side asks for is a floor, up to six hours") {
  const Request request;
  Judge judge(request);
  Failure failure = of(Category::rate_limit);
  failure.ask_again_after = 20min;
  CHECK(judge.next(failure, 1, {}).delay >= 20min);
  failure.ask_again_after = 7h;
  CHECK_FALSE(judge.next(failure, 1, {}).again);
}

TEST_CASE("no wait passes the deadline, and no use is longer than its retries") {
  test::property("bounded", [](std::uint64_t random) {
    Request request;
    request.retries = static_cast<int>(random % 7);
    request.backoff = {Duration{static_cast<Duration::rep>(random % 1000)}, 2s};
    Judge judge(request);
    int n = 0;
    for (;; ++n) {
      const Duration left{static_cast<Duration::rep>((random >> 20U) % 3000)};
      const Next next = judge.next(of(Category::network), mix64(random + 1), left);
      if (!next.again) {
        RC_ASSERT(!next.why.empty());
        break;
      }
      RC_ASSERT(next.delay < left);
      RC_ASSERT(next.retry <= next.of);
    }
    RC_ASSERT(n <= *request.retries);
  });
}

}  // namespace darn::exec
