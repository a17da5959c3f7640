#include "darn/concurrency_limit.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>

#include "darn/detail/gate_error.hpp"

namespace darn {
namespace {

// What says that the other side has too much to do. A refused or unknown call says nothing of it.
bool is_overload(const error& e) {
  return e.category == category::rate_limit || e.category == category::resource ||
         e.category == category::timeout || e.category == category::transient;
}

}  // namespace

struct concurrency_limit::State {
  concurrency_limit_options options;
  std::string_view who;
  std::atomic<int> in_flight{0};
  std::atomic<int> limit{1};
  std::mutex mutex;  // of the two below
  double exact = 1;
  double best_latency = 0;  // ns
  counter admitted;
  counter refused;

  static constexpr double kForget = 1 + 1.0 / 1000;  // for each call

  void set(double wanted) {
    exact = std::clamp(wanted, options.least, options.most);
    limit.store(static_cast<int>(exact), std::memory_order_relaxed);
  }

  void aimd(bool overload, double latency, int flying) {
    if (overload || latency > static_cast<double>(options.target.count())) {
      set(exact * options.decrease);
    } else if (flying * 2 >= exact) {  // a limit that nobody needs says nothing about the room
      set(exact + 1 / exact);
    }
  }

  void gradient(bool overload, double latency, int flying) {
    if (overload) {
      set(exact * options.decrease);
      return;
    }
    // The best there was, slowly forgotten: an average would get used to an overload that lasts.
    best_latency = best_latency == 0 ? latency : std::min(best_latency * kForget, latency);
    if (flying < exact / 2) {
      return;
    }
    const double slope =
        std::clamp(options.tolerance * best_latency / std::max(latency, 1.0), 0.5, 1.0);
    const double wanted = exact * slope + std::sqrt(exact);  // a queue that short is healthy
    set(exact * (1 - options.smoothing) + wanted * options.smoothing);
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
  // Taken first, then looked at: of many at once none slips through between the two.
  const int flying = s.in_flight.fetch_add(1, std::memory_order_relaxed) + 1;
  if (flying > s.limit.load(std::memory_order_relaxed)) {
    s.in_flight.fetch_sub(1, std::memory_order_relaxed);
    s.refused.add();
    why = detail::refusal("over_limit", s.who);
    return false;
  }
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
  const auto latency = static_cast<double>((c->now() - began).count());
  const bool overload = e != nullptr && is_overload(*e);
  const std::scoped_lock lock(s.mutex);
  if (s.options.how == concurrency_limit_options::algorithm::aimd) {
    s.aimd(overload, latency, flying);
  } else {
    s.gradient(overload, latency, flying);
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
