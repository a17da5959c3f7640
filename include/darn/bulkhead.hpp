// bulkhead: at most so many calls at a time, so that one slow destination cannot take all threads
// with it; a short queue in front, first come first served. A handle: copies share the places.
// Thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "darn/detail/gate.hpp"
#include "darn/metrics.hpp"
#include "darn/order.hpp"

namespace darn {

struct bulkhead_options {
  int max_concurrent = 10;                      // 1 or more
  int max_queue = 0;                            // calls that may wait; 0: turned away when full
  duration max_wait = std::chrono::seconds{1};  // for a place, of those that wait
  std::string name{};
};

class bulkhead {
 public:
  static constexpr darn::layer layer = darn::layer::bulkhead;
  class ticket;

  // Somebody in the queue. admitted() is called once, by whoever makes room, under the lock: it
  // must only wake, and not call the bulkhead.
  struct waiter {
    std::function<void()> admitted;
    bool has_place = false;  // guarded by the bulkhead
  };
  enum class entry : std::uint8_t { admitted, queued, full };

  explicit bulkhead(bulkhead_options options = {});

  template <class Next>
  auto run(call& c, Next&& next) const -> decltype(next(c)) {
    return detail::run_gated(*this, c, next);
  }
  outcome<ticket> enter(call& c) const;  // waits

  // The same in parts, for those who wait without a thread. A waiter that is queued stays where it
  // is until it is admitted or has left; leave_queue() tells whether it had got a place by then.
  entry enter_or_queue(waiter& w) const;
  bool leave_queue(waiter& w) const;
  ticket take_place() const;  // of one that was admitted
  error full() const;
  error waited(bool stopped) const;

  int in_use() const;
  int queued() const;
  const bulkhead_options& options() const;
  void collect(metrics& into) const;
  std::string text() const;  // "bulkhead(10 at a time, 5 waiting)"

 private:
  struct State;
  static void release(State& s);
  std::optional<error> wait_for_place(call& c) const;
  std::shared_ptr<State> state_;
};

class bulkhead::ticket {
 public:
  ticket(ticket&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  ticket& operator=(ticket&&) = delete;
  ~ticket() {
    if (state_ != nullptr) {
      release(*state_);
    }
  }
  void leave(call&, const error*) { release(*std::exchange(state_, nullptr)); }

 private:
  friend class bulkhead;
  explicit ticket(State* state) : state_(state) {}
  State* state_;
};

inline outcome<bulkhead::ticket> bulkhead::enter(call& c) const {
  if (auto refused = wait_for_place(c)) {
    return unexpected<error>(std::move(*refused));
  }
  return ticket(state_.get());
}

}  // namespace darn
