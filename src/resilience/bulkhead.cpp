#include "darn/bulkhead.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>

#include "darn/detail/gate_error.hpp"

namespace darn {

struct bulkhead::State {
  bulkhead_options options;
  std::string_view who;
  std::mutex mutex;
  int in_use = 0;
  std::deque<waiter*> queue;  // first come in front
  counter admitted;
  counter waited;
  counter refused;
  counter gave_up;

  // Takes a place that is free; queued: there is none, but room in the queue. Needs the lock.
  entry look() {
    if (in_use < options.max_concurrent) {  // then nobody waits
      ++in_use;
      admitted.add();
      return entry::admitted;
    }
    if (queue.size() >= static_cast<std::size_t>(std::max(options.max_queue, 0))) {
      refused.add();
      return entry::full;
    }
    return entry::queued;
  }
};

bulkhead::bulkhead(bulkhead_options options) : state_(std::make_shared<State>()) {
  state_->options = std::move(options);
  state_->options.max_concurrent = std::max(state_->options.max_concurrent, 1);
  state_->who =
      intern(state_->options.name.empty() ? "bulkhead" : "bulkhead " + state_->options.name);
}

bulkhead::entry bulkhead::enter_or_queue(waiter& w) const {
  State& s = *state_;
  const std::scoped_lock lock(s.mutex);
  const entry now = s.look();
  if (now == entry::queued) {
    s.queue.push_back(&w);
  }
  return now;
}

bool bulkhead::leave_queue(waiter& w) const {
  State& s = *state_;
  const std::scoped_lock lock(s.mutex);
  if (!w.has_place) {
    s.gave_up.add();
    std::erase(s.queue, &w);
  }
  return w.has_place;
}

bulkhead::ticket bulkhead::take_place() const { return ticket(state_.get()); }

// The place goes to whoever has waited longest, without becoming free on the way: nobody who comes
// just now can take it.
void bulkhead::release(State& s) {
  const std::scoped_lock lock(s.mutex);
  if (s.queue.empty()) {
    --s.in_use;
    return;
  }
  waiter* first = s.queue.front();
  s.queue.pop_front();
  first->has_place = true;
  s.admitted.add();
  s.waited.add();
  first->admitted();
}

std::optional<error> bulkhead::wait_for_place(call& c) const {
  State& s = *state_;
  const entry first_look = [&s] {
    const std::scoped_lock lock(s.mutex);
    return s.look();
  }();
  if (first_look != entry::queued) {
    return first_look == entry::full ? std::optional(full()) : std::nullopt;
  }
  std::condition_variable_any changed;  // allocates: only for those who wait
  waiter me{.admitted = [&changed] { changed.notify_one(); }};
  switch (enter_or_queue(me)) {
    case entry::admitted: return std::nullopt;
    case entry::full: return full();
    case entry::queued: break;
  }
  const time_point now = c.now();
  const duration patience = std::min(s.options.max_wait, c.deadline() - now);
  {
    std::unique_lock lock(s.mutex);
    c.clock().wait_until(lock, changed, now + patience, c.stop_token(),
                         [&] { return me.has_place; });
  }
  // It may have been admitted while it gave up: then it has the place, and takes it.
  return leave_queue(me) ? std::nullopt : std::optional(waited(c.stop_requested()));
}

error bulkhead::full() const { return detail::refusal("bulkhead_full", state_->who); }

error bulkhead::waited(bool stopped) const { return detail::gave_up_waiting(state_->who, stopped); }

int bulkhead::in_use() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->in_use;
}

int bulkhead::queued() const {
  const std::scoped_lock lock(state_->mutex);
  return static_cast<int>(state_->queue.size());
}

const bulkhead_options& bulkhead::options() const { return state_->options; }

void bulkhead::collect(metrics& into) const {
  const std::string label = metric_label("policy", state_->who);
  into.add("darn_bulkhead_admitted_total", "Calls that got a place", label, state_->admitted);
  into.add("darn_bulkhead_waited_total", "Of these, calls that had to wait", label, state_->waited);
  into.add("darn_bulkhead_refused_total", "Calls turned away, the queue being full", label,
           state_->refused);
  into.add("darn_bulkhead_gave_up_total", "Calls that left the queue", label, state_->gave_up);
}

std::string bulkhead::text() const {
  const bulkhead_options& o = state_->options;
  return "bulkhead(" + (o.name.empty() ? "" : o.name + ": ") + std::to_string(o.max_concurrent) +
         " at a time, " + std::to_string(o.max_queue) + " waiting)";
}

}  // namespace darn
