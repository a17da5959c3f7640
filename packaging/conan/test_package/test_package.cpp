#include <cstdio>

#include <darn/with_retry.hpp>

int main() {
  int calls = 0;
  const auto result = darn::with_retry({.base_delay = std::chrono::milliseconds{1}}, [&] {
    if (++calls < 3) {
      throw std::runtime_error("connection refused");
    }
    return calls;
  });
  std::printf("succeeded at attempt %d\n", result.value_or(0));
  return result.value_or(0) == 3 ? 0 : 1;
}
