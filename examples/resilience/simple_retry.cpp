// The least there is: call something flaky, and let darn call it again when that can help.
#include <cstdio>
#include <stdexcept>
#include <string>

#include <darn/retry.hpp>
#include <darn/with_retry.hpp>

using namespace std::chrono_literals;

int calls = 0;

// Stands for any function of yours. It throws, as functions do.
std::string fetch_page() {
  if (++calls < 3) {
    throw std::runtime_error("connection refused");
  }
  return "hello";
}

int main() {
  // At most 5 retries after the first attempt, at first 20 ms apart, then 40 ms, 80 ms, …
  const darn::outcome<std::string> page =
      darn::with_retry({.max_retries = 5, .base_delay = 20ms}, fetch_page);

  if (page) {
    std::printf("got \"%s\" at attempt %d\n", page->c_str(), calls);
  } else {
    std::printf("failed: %s\n", page.error().text().c_str());
  }

  // A mistake of the caller stays one however often it is repeated: this is not retried.
  const auto wrong =
      darn::with_retry({.max_retries = 5}, []() -> int { throw std::invalid_argument("page -1"); });
  std::printf("failed: %s\n", wrong.error().text().c_str());
}
