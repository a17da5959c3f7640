#include "darn/adaptive_backoff.hpp"

#include <algorithm>
#include <list>
#include <mutex>
#include <string>
#include <unordered_map>

namespace darn {

struct adaptive_backoff::State {
  struct Learned {
    std::string key;
    double failure_rate = 0;
  };
  adaptive_backoff_options options;
  std::mutex mutex;
  std::list<Learned> recent;  // the one used last in front
  std::unordered_map<std::string_view, std::list<Learned>::iterator> by_key;
};

adaptive_backoff::adaptive_backoff(adaptive_backoff_options options)
    : state_(std::make_shared<State>()) {
  state_->options = options;
}

void adaptive_backoff::record(std::string_view key, bool success) const {
  State& s = *state_;
  const std::scoped_lock lock(s.mutex);
  auto found = s.by_key.find(key);
  if (found == s.by_key.end()) {
    if (success) {
      return;  // as good as a key never seen
    }
    s.recent.push_front({std::string(key), 0});
    found = s.by_key.emplace(s.recent.front().key, s.recent.begin()).first;
    if (s.by_key.size() > std::max<std::size_t>(s.options.keys, 1)) {
      s.by_key.erase(s.recent.back().key);
      s.recent.pop_back();
    }
  } else {
    s.recent.splice(s.recent.begin(), s.recent, found->second);
  }
  double& rate = found->second->failure_rate;
  rate += ((success ? 0.0 : 1.0) - rate) / std::max(s.options.memory, 1.0);
}

double adaptive_backoff::failure_rate(std::string_view key) const {
  State& s = *state_;
  const std::scoped_lock lock(s.mutex);
  const auto found = s.by_key.find(key);
  return found == s.by_key.end() ? 0 : found->second->failure_rate;
}

double adaptive_backoff::factor(std::string_view key) const {
  return 1 + (std::max(state_->options.most, 1.0) - 1) * failure_rate(key);
}

}  // namespace darn
