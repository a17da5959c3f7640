#include "darn/clock.hpp"

#include <condition_variable>
#include <map>
#include <random>
#include <thread>
#include <utility>

namespace darn {
namespace {

// One thread that calls what is due. Starts with the first timer.
class TimerThread {
 public:
  ~TimerThread() {
    {
      const std::scoped_lock lock(mutex_);
      ending_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) {
      thread_.join();
    }
  }

  clock::timer add(time_point at, std::function<void()> action) {
    const std::scoped_lock lock(mutex_);
    if (!thread_.joinable()) {
      thread_ = std::thread([this] { serve(); });
    }
    const clock::timer id = ++last_;
    const bool first = due_.empty() || at < due_.begin()->first.first;
    due_.emplace(std::pair{at, id}, std::move(action));
    times_.emplace(id, at);
    if (first) {
      changed_.notify_all();
    }
    return id;
  }

  void cancel(clock::timer id) {
    std::function<void()> dropped;  // destroyed without the lock
    std::unique_lock lock(mutex_);
    if (const auto time = times_.find(id); time != times_.end()) {
      const auto entry = due_.find({time->second, id});
      dropped = std::move(entry->second);
      due_.erase(entry);
      times_.erase(time);
      return;
    }
    if (std::this_thread::get_id() != thread_.get_id()) {
      changed_.wait(lock, [&] { return running_ != id; });
    }
  }

 private:
  void serve() {
    std::unique_lock lock(mutex_);
    while (!ending_) {
      if (due_.empty()) {
        changed_.wait(lock);
        continue;
      }
      const auto first = due_.begin();
      if (const time_point at = first->first.first; at > detail::steady_now()) {
        changed_.wait_until(lock, at);
        continue;
      }
      running_ = first->first.second;
      auto action = std::move(first->second);
      times_.erase(running_);
      due_.erase(first);
      lock.unlock();
      action();
      action = nullptr;
      lock.lock();
      running_ = 0;
      changed_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::pair<time_point, clock::timer>, std::function<void()>> due_;
  std::map<clock::timer, time_point> times_;
  clock::timer last_ = 0;
  clock::timer running_ = 0;
  bool ending_ = false;
  std::thread thread_;
};

class RealClock final : public clock {
 public:
  time_point now() override { return detail::steady_now(); }
  wall_time wall_now() override { return std::chrono::system_clock::now(); }

  bool sleep_until(time_point until, const std::stop_token& stop) override {
    if (!stop.stop_possible()) {
      std::this_thread::sleep_until(until);
      return true;
    }
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    never.wait_until(lock, stop, until, [] { return false; });
    return !stop.stop_requested();
  }

  bool wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable_any& changed,
                  time_point until, const std::stop_token& stop,
                  const std::function<bool()>& ready) override {
    if (until == time_point::max()) {  // to be converted, it would overflow
      return changed.wait(lock, stop, ready);
    }
    return changed.wait_until(lock, stop, until, ready);
  }

  timer call_at(time_point at, std::function<void()> action) override {
    return timers_.add(at, std::move(action));
  }
  void cancel(timer which) override { timers_.cancel(which); }

 private:
  TimerThread timers_;
};

class RealRandom final : public random_source {
 public:
  std::uint64_t next() override {
    thread_local std::uint64_t state = [] {
      std::random_device device;
      return std::uint64_t{device()} << 32U | device();
    }();
    state += 0x9e3779b97f4a7c15ULL;
    return detail::mix64(state);
  }
};

}  // namespace

clock& real_clock() {
  static RealClock instance;
  return instance;
}

random_source& real_random() {
  static RealRandom instance;
  return instance;
}

std::uint64_t seeded_random::next() {
  constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15ULL;
  return detail::mix64(state_.fetch_add(kStep, std::memory_order_relaxed));
}

namespace detail {

const duration kCoarseTick = [] {
#if defined(__linux__) && defined(CLOCK_MONOTONIC_COARSE)
  timespec tick{};
  if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick) == 0) {
    return duration{std::chrono::seconds{tick.tv_sec} + std::chrono::nanoseconds{tick.tv_nsec}};
  }
#endif
  return duration{0};
}();

}  // namespace detail
}  // namespace darn
