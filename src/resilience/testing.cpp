#include "darn/testing.hpp"

#include <algorithm>

namespace darn {

// Without the lock: a waiter asks with its own lock held, and advance() takes theirs within ours.
time_point fake_clock::now() { return now_; }

wall_time fake_clock::wall_now() {
  const std::scoped_lock lock(mutex_);
  return wall_time{
      std::chrono::duration_cast<wall_time::duration>(now().time_since_epoch() + wall_ahead_)};
}

// Timers on the way are called at their own time, in order; one may stop whoever sleeps here.
void fake_clock::advance_to(time_point target, const std::stop_token* stop) {
  std::unique_lock lock(mutex_);
  while (!due_.empty() && due_.begin()->first.first <= target) {
    auto entry = due_.extract(due_.begin());
    const timer id = entry.key().second;
    now_ = std::max(now(), entry.key().first);
    running_.insert(id);
    lock.unlock();
    entry.mapped()();
    lock.lock();
    running_.erase(id);
    ran_.notify_all();
    if (stop != nullptr && stop->stop_requested()) {
      return;
    }
  }
  now_ = std::max(now(), target);
}

bool fake_clock::sleep_until(time_point until, const std::stop_token& stop) {
  {
    const std::scoped_lock lock(mutex_);
    sleeps_.push_back(std::max(until - now(), duration{0}));
  }
  if (mode_ == mode::jump) {
    if (!stop.stop_requested()) {
      advance_to(until, &stop);
    }
    return !stop.stop_requested();
  }
  std::mutex mutex;
  std::condition_variable_any changed;
  std::unique_lock lock(mutex);
  wait_standing(lock, changed, until, stop, [] { return false; });
  return !stop.stop_requested();
}

bool fake_clock::wait_until(std::unique_lock<std::mutex>& lock,
                            std::condition_variable_any& changed, time_point until,
                            const std::stop_token& stop, const std::function<bool()>& ready) {
  if (mode_ == mode::stand || until == time_point::max()) {
    return wait_standing(lock, changed, until, stop, ready);
  }
  if (!ready() && !stop.stop_requested()) {
    lock.unlock();
    advance_to(until, &stop);
    lock.lock();
  }
  return ready();
}

bool fake_clock::wait_standing(std::unique_lock<std::mutex>& lock,
                               std::condition_variable_any& changed, time_point until,
                               const std::stop_token& stop, const std::function<bool()>& ready) {
  // advance() takes our lock while it holds its own: on the list and off it without ours.
  lock.unlock();
  std::uint64_t id = 0;
  {
    const std::scoped_lock own(mutex_);
    id = ++last_waiter_;
    waiters_[id] = {lock.mutex(), &changed};
  }
  lock.lock();
  changed.wait(lock, stop, [&] { return ready() || now() >= until; });
  lock.unlock();
  {
    const std::scoped_lock own(mutex_);
    waiters_.erase(id);
  }
  lock.lock();
  return ready();
}

clock::timer fake_clock::call_at(time_point at, std::function<void()> action) {
  const std::scoped_lock lock(mutex_);
  due_.emplace(std::pair{at, ++last_timer_}, std::move(action));
  return last_timer_;
}

void fake_clock::cancel(timer which) {
  std::function<void()> dropped;
  std::unique_lock lock(mutex_);
  const auto found = std::find_if(due_.begin(), due_.end(),
                                  [&](const auto& entry) { return entry.first.second == which; });
  if (found != due_.end()) {
    dropped = std::move(found->second);
    due_.erase(found);
    lock.unlock();
    return;
  }
  ran_.wait(lock, [&] { return !running_.contains(which); });
}

void fake_clock::advance(duration d) {
  time_point target;
  {
    const std::scoped_lock lock(mutex_);
    target = now() + d;
  }
  advance_to(target, nullptr);
  const std::scoped_lock lock(mutex_);
  for (const auto& [id, waiter] : waiters_) {
    // Through its lock, so that it is not between looking at the time and falling asleep.
    { const std::scoped_lock theirs(*waiter.mutex); }
    waiter.changed->notify_all();
  }
}

void fake_clock::jump_wall_clock(duration d) {
  const std::scoped_lock lock(mutex_);
  wall_ahead_ += d;
}

std::vector<duration> fake_clock::sleeps() const {
  const std::scoped_lock lock(mutex_);
  return sleeps_;
}

std::size_t fake_clock::sleepers() const {
  const std::scoped_lock lock(mutex_);
  return waiters_.size();
}

std::size_t fake_clock::timers() const {
  const std::scoped_lock lock(mutex_);
  return due_.size();
}

}  // namespace darn
