#include "model/policy.hpp"

namespace darn {

using std::chrono::seconds;

Policy default_policy() {
  Policy policy;
  const CategoryPolicy flaky{
      .retries = 5, .backoff = {seconds{5}, seconds{15}, seconds{45}, seconds{135}, seconds{300}}};
  policy.of(Category::network) = flaky;
  policy.of(Category::timeout) = flaky;
  policy.of(Category::transient) = flaky;
  policy.of(Category::resource) = {.retries = 1, .backoff = {seconds{5}}, .alone = true};
  policy.of(Category::unknown) = {.retries = 1, .backoff = {seconds{5}}};
  // permanent: not in place. rate_limit: snoozes instead, which is no retry.
  return policy;
}

}  // namespace darn
