#include "cli/watch.hpp"

#include <chrono>
#include <thread>

namespace darn::cli {

Status wait_for_change(Store& store, std::int64_t& version) {
  constexpr int kLooks = 10;
  for (int look = 0; look < kLooks; ++look) {
    DARN_ASSIGN(const std::int64_t now, store.data_version());
    if (now != version) {
      version = now;
      return {};
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{100});
  }
  return {};
}

}  // namespace darn::cli
