#include "darn/concurrency_limit.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>
#include <optional>

#include "darn/detail/gate_error.hpp"

namespace darn {
namespace {

// What says that the other side has too much to do. A refused or unknown call says nothing of it.
bool is_overload(const error& e) {
  return e.category == category::rate_limit || e.category == category::resource ||
         e.category == category::timeout || e.category == category::transient;
}

// Enough for an average: as in WindowedLimit of Netflix's concurrency-limits.
constexpr double kRoundCalls = 10;
// A look at the latency without a queue costs about two rounds of fewer calls: 3 % at most.
constexpr int kRoundsBetweenLooks = 50;
// The part of the limit that is let through meanwhile. The limit settles below twice the capacity,
// so that a quarter surely leaves no queue.
constexpr double kLookWith = 0.25;

}  // namespace

struct concurrency_limit::State {
  // What calls that all began under the present limit say of it. To act on each call as it ends is
  // to answer to limits of long ago, and swings between least and most.
  struct Round {
    time_point began = time_point::min();
    int calls = 0;
    double latencies = 0;  // ns, their sum
    int peak = 0;          // of the calls under way

    bool includes(time_point call_began) const { return call_began >= began; }
    void add(double latency, int flying) {
      ++calls;
      latencies += latency;
      peak = std::max(peak, flying);
    }
  };

  concurrency_limit_options options;
  std::string_view who;
  std::atomic<int> in_flight{0};
  std::atomic<int> limit{1};
  std::mutex mutex;  // of what follows, but for the counters
  double exact = 1;
  Round round;
  double base_latency = 0;  // ns, when nothing queues; 0: not known
  time_point base_measured = time_point::min();
  int rounds_since = kRoundsBetweenLooks;
  std::optional<double> widen_to;  // looking: the limit to go back to
  counter admitted;
  counter refused;

  void set(double wanted) {
    exact = std::clamp(wanted, options.least, options.most);
    limit.store(static_cast<int>(exact), std::memory_order_relaxed);
  }

  // Once for all calls that began before: they tell of one and the same overload.
  void overloaded(time_point began, time_point now) {
    if (!round.includes(began)) {
      return;
    }
    if (widen_to) {
      widen_to = *widen_to * options.decrease;
    } else {
      set(exact * options.decrease);
    }
    round = {.began = now};
  }

  void aimd(double latency, int flying, time_point began, time_point now) {
    if (latency > static_cast<double>(options.target.count())) {
      overloaded(began, now);
    } else if (flying * 2 >= exact) {  // a limit that nobody needs says nothing about the room
      set(exact + 1 / exact);
    }
  }

  void gradient(double latency, int flying, time_point began, time_point now) {
    if (!round.includes(began)) {
      return;
    }
    round.add(latency, flying);
    if (round.calls < std::max(kRoundCalls, exact / 2)) {
      return;
    }
    const double mean = round.latencies / round.calls;
    const bool used = round.peak * 2 >= exact;
    ++rounds_since;
    if (widen_to || !used) {
      measured(mean, now);
    } else if (rounds_since > kRoundsBetweenLooks &&
               (base_latency == 0 || now - base_measured >= options.refresh)) {
      widen_to = exact;
      set(exact * kLookWith);
    } else {
      const double slope =
          std::clamp(options.tolerance * base_latency / std::max(mean, 1.0), 0.5, 1.0);
      const double wanted = exact * slope + std::sqrt(exact);  // a queue that short is healthy
      set(exact * (1 - options.smoothing) + wanted * options.smoothing);
    }
    round = {.began = now};
  }

  void measured(double latency, time_point now) {
    base_latency = latency;
    base_measured = now;
    rounds_since = 0;
    if (widen_to) {
      set(*widen_to);
      widen_to.reset();
    }
  }
};

concurrency_limit::concurrency_limit(concurrency_limit_options options)
    : state_(std::make_shared<State>()) {
  State& s = *state_;
  s.options = std::move(options);
  s.options.least = std::max(s.options.least, 1.0);
  s.options.most = std::clamp(s.options.most, s.options.least, 1e9);
  s.who =
      intern(s.options.name.empty() ? "concurrency_limit" : "concurrency_limit " + s.options.name);
  s.set(s.options.initial);
}

bool concurrency_limit::admit(State& s, error& why) {
  // Compared before it is taken: those who are refused never stand in the way of others.
  int flying = s.in_flight.load(std::memory_order_relaxed);
  do {
    if (flying >= s.limit.load(std::memory_order_relaxed)) {
      s.refused.add();
      why = detail::refusal("over_limit", s.who);
      return false;
    }
  } while (!s.in_flight.compare_exchange_weak(flying, flying + 1, std::memory_order_relaxed));
  s.admitted.add();
  return true;
}

void concurrency_limit::end(State& s, call* c, const error* e, time_point began) {
  const int flying = s.in_flight.fetch_sub(1, std::memory_order_relaxed);
  const bool silent = c == nullptr || c->abandoned() || (e != nullptr && e->rejected) ||
                      (e != nullptr && !is_overload(*e) && e->category != category::permanent);
  if (silent) {
    return;
  }
  const time_point now = c->now();
  const auto latency = static_cast<double>((now - began).count());
  const std::scoped_lock lock(s.mutex);
  if (e != nullptr && is_overload(*e)) {
    s.overloaded(began, now);
  } else if (s.options.how == concurrency_limit_options::algorithm::aimd) {
    s.aimd(latency, flying, began, now);
  } else {
    s.gradient(latency, flying, began, now);
  }
}

int concurrency_limit::limit() const { return state_->limit.load(std::memory_order_relaxed); }
int concurrency_limit::in_flight() const {
  return state_->in_flight.load(std::memory_order_relaxed);
}

void concurrency_limit::collect(metrics& into) const {
  const std::string label = metric_label("policy", state_->who);
  into.add("darn_concurrency_limit", "Calls at a time that are let through now",
           metrics::type::gauge, label, limit());
  into.add("darn_concurrency_limit_in_flight", "Calls under way", metrics::type::gauge, label,
           in_flight());
  into.add("darn_concurrency_limit_admitted_total", "Calls let through", label, state_->admitted);
  into.add("darn_concurrency_limit_refused_total", "Calls turned away", label, state_->refused);
}

std::string concurrency_limit::text() const {
  const concurrency_limit_options& o = state_->options;
  const bool aimd = o.how == concurrency_limit_options::algorithm::aimd;
  return "concurrency_limit(" + (o.name.empty() ? "" : o.name + ": ") +
         (aimd ? "aimd, " : "gradient, ") + std::to_string(static_cast<int>(o.least)) + " .. " +
         std::to_string(static_cast<int>(o.most)) + ")";
}

}  // namespace darn
