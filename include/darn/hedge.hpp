// hedge: when an answer takes unusually long, asks again beside the first call and takes whichever
// answers first. For slow tails of idempotent reads. A handle, thread-safe; the callee is called
// from several threads at once, so it has to be, too.
//
// The first copy runs on the caller's thread, so a call that answers in time costs a timer and no
// thread. A copy that fails does not win while another may still succeed. When one has won the
// others are told to stop (take darn::call& or std::stop_token to hear it) and waited for: none is
// left running when run() returns. Dean and Barroso, "The Tail at Scale" (2013).
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "darn/call.hpp"
#include "darn/metrics.hpp"
#include "darn/order.hpp"
#include "darn/outcome.hpp"
#include "darn/retry_budget.hpp"

namespace darn {

struct hedge_options {
  duration delay = std::chrono::milliseconds{100};  // before each further copy
  // Instead: so long as this share of recent calls took, once there have been enough of them.
  // 0.95 sends about 5 % more; "The Tail at Scale" suggests that.
  std::optional<double> quantile{};
  duration at_least = std::chrono::milliseconds{1};  // the quantile is never believed below it
  int max_hedges = 1;                                // copies beside the first one
  double share = 0.1;  // of the calls, at most; in a burst up to 10 more, as tokens of a bucket
  std::string name{};
};

namespace detail {

// The last latencies of successes, and a quantile of them that is cheap to ask for.
class latency_window {
 public:
  static constexpr std::size_t kSamples = 128;
  static constexpr std::size_t kEnough = 20;

  explicit latency_window(double quantile) : quantile_(quantile) {}
  void add(duration latency);
  std::optional<duration> value() const;  // nothing until there were enough

 private:
  const double quantile_;
  mutable std::mutex mutex_;
  std::vector<duration> samples_;
  std::size_t next_ = 0;
  std::size_t since_ = 0;
  std::atomic<duration::rep> value_{-1};
};

struct hedge_state {
  explicit hedge_state(hedge_options o);
  duration delay() const;
  bool may_send(time_point now);  // whether the share allows one more copy

  hedge_options options;
  std::string_view who;
  retry_budget budget;
  std::optional<latency_window> latencies;
  counter calls;
  counter hedged;
  counter won;
  counter over_budget;
};

// The copies of one call. Copy 0 is the caller's thread; the others are threads that the timer
// starts. Everything but the scopes is guarded by the mutex.
class hedge_race {
 public:
  // Runs in the copy's own thread and returns whether it succeeded; the first that did, which
  // claim() tells, stores its result.
  using start = std::function<bool(hedge_race&, int copy, stop_scope& scope)>;

  hedge_race(hedge_state& state, call& c, start run);
  ~hedge_race();
  hedge_race(const hedge_race&) = delete;
  hedge_race& operator=(const hedge_race&) = delete;

  bool run_first() { return run_(*this, 0, scopes_.front()); }
  bool claim(int copy);  // true for the first to succeed; the others are told to stop
  // The caller's copy has ended: no more are sent, and those that are out and may still succeed are
  // waited for. No thread and no timer is left after it.
  void finish();

 private:
  void arm();
  void launch();

  hedge_state& state_;
  clock& clock_;
  start run_;
  duration delay_;
  std::mutex mutex_;
  std::deque<stop_scope> scopes_;
  std::vector<std::thread> threads_;
  clock::timer timer_ = 0;  // the last one; it may have run
  bool closed_ = false;     // no more copies are sent
  bool won_ = false;
};

}  // namespace detail

class hedge {
 public:
  static constexpr darn::layer layer = darn::layer::hedge;

  explicit hedge(hedge_options options = {})
      : state_(std::make_shared<detail::hedge_state>(std::move(options))) {}

  template <class Next>
  auto run(call& c, Next&& next) const -> decltype(next(c)) {
    using result_type = decltype(next(c));
    detail::hedge_state& state = *state_;
    state.calls.add();
    state.budget.succeeded();  // each call pays its share in
    std::optional<result_type> winner;
    std::optional<result_type> failed;
    call original = c.copy_for_hedge(0, c.scope());
    const auto run_copy = [&](detail::hedge_race& race, int copy, detail::stop_scope& scope) {
      call mine = original.copy_for_hedge(copy, scope);
      const time_point began = mine.now();
      result_type result = next(mine);
      if (!result) {
        if (copy == 0) {
          failed.emplace(std::move(result));
        }
        return false;
      }
      if (race.claim(copy)) {
        winner.emplace(std::move(result));
        if (state.latencies) {
          state.latencies->add(mine.now() - began);
        }
      }
      return true;
    };
    detail::hedge_race copies(state, c, run_copy);
    copies.run_first();
    copies.finish();
    return winner ? std::move(*winner) : std::move(*failed);
  }

  const hedge_options& options() const { return state_->options; }
  detail::hedge_state& state() const { return *state_; }
  void collect(metrics& into) const;
  std::string text() const;  // "hedge(after 100ms, 1 more)"

 private:
  std::shared_ptr<detail::hedge_state> state_;
};

}  // namespace darn
