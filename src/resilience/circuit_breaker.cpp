#include "darn/circuit_breaker.hpp"

#include <algorithm>
#include <cmath>
#include <list>
#include <mutex>
#include <unordered_map>

#include "darn/backoff.hpp"

namespace darn {

struct circuit_breaker::Shared::Slow {
  explicit Slow(circuit_breaker_options o) : options(std::move(o)), core(options.settings()) {}

  const circuit_breaker_options options;
  std::mutex mutex;
  breaker_core core;
  std::atomic<std::uint64_t> told{0};  // successes that the core has been told of
  counter failures;
  counter slow_calls;
  counter opened;
};

namespace {

duration slice_length(const breaker_settings& s) { return *s.window_time / 10; }

// Which of the last states the core was in, for hooks and for the fast way.
struct Change {
  breaker_state before;
  breaker_state after;
};

}  // namespace

circuit_breaker::Shared::Shared(circuit_breaker_options o)
    : slow(std::make_unique<Slow>(std::move(o))) {
  const std::string& name = slow->options.name;
  who = intern(name.empty() ? "circuit_breaker" : "circuit_breaker " + name);
  is_open = refusal("circuit_open", who, {});
  const auto& s = slow->core.settings();
  reads_clock = s.slow_call || s.window_time;
  slow_call = s.slow_call.value_or(duration::max());
  longest_open = s.open_for;
  coarse = slow_call >= detail::kCoarseTicks * detail::kCoarseTick;
  fast = slow->core.generation() << 1U;
}

circuit_breaker::Shared::~Shared() = default;

namespace {

// Under the lock: everything that was added up beside it, then the question, then what the fast way
// may do from now on.
template <class Shared, class Question>
void with_core(Shared& s, time_point now, Question question) {
  auto& slow = *s.slow;
  Change change{};
  {
    const std::scoped_lock lock(slow.mutex);
    std::uint64_t successes = 0;
    for (auto& stripe : s.stripes) {
      successes += stripe.successes.exchange(0, std::memory_order_relaxed);
    }
    slow.told.fetch_add(successes, std::memory_order_relaxed);
    slow.core.add_successes(successes, now);
    // The state as it was left, not as time would have it: that open becomes half-open is a change.
    const std::uint64_t generation = slow.core.generation();
    change.before = slow.core.state(time_point::min());
    question(slow.core);
    change.after = slow.core.state(time_point::min());
    const bool plain = change.after == breaker_state::closed && !slow.core.ramping(now);
    if (slow.core.generation() != generation && change.after == breaker_state::open) {
      slow.opened.add();
    }
    s.refuse_until.store(slow.core.refuses_until().time_since_epoch().count(),
                         std::memory_order_relaxed);
    s.fast.store(slow.core.generation() << 1U | (plain ? 0U : 1U), std::memory_order_release);
    if (slow.core.settings().window_time) {
      const auto slice = slice_length(slow.core.settings());
      s.slice_ends.store((now.time_since_epoch() / slice + 1) * slice.count(),
                         std::memory_order_relaxed);
    }
  }
  if (change.before != change.after && slow.options.on_change) {
    slow.options.on_change(change.before, change.after);
  }
}

}  // namespace

circuit_breaker::circuit_breaker(circuit_breaker_options options)
    : shared_(std::make_shared<Shared>(std::move(options))), state_(shared_.get()) {}

circuit_breaker::circuit_breaker(std::string_view name, circuit_breaker_options options)
    : circuit_breaker([&] {
        options.name = name;
        return std::move(options);
      }()) {}

void circuit_breaker::Shared::ask(call& c, ticket& t, error& why) {
  const time_point now = c.now();
  breaker_core::permit p;
  breaker_state state{};
  const double chance = detail::unit_interval(c.random());
  with_core(*this, now, [&](breaker_core& core) {
    p = core.enter(now, chance);
    state = core.state(now);
  });
  if (p.admitted) {
    t.generation_ = p.generation;
    t.probe_ = p.probe;
    return;
  }
  t.shared_ = nullptr;
  rejections.add();
  why = refusal(state == breaker_state::closed ? "recovering" : "circuit_open", who,
                std::max(p.wait, duration{0}));
}

void circuit_breaker::ticket::settle(call& c, const error* e) {
  Shared& s = *shared_;
  Shared::Slow& slow = *s.slow;
  const time_point ended = !s.reads_clock ? time_point{} : s.coarse ? c.coarse_now() : c.now();
  const bool late = s.reads_clock && ended - began_ >= s.slow_call;
  if (e == nullptr && !late && probe_ == 0 &&
      s.fast.load(std::memory_order_relaxed) == generation_ << 1U &&
      (!slow.core.settings().window_time ||
       ended.time_since_epoch().count() < s.slice_ends.load(std::memory_order_relaxed))) {
    s.stripes[stripe_of_thread()].successes.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  using enum breaker_core::result;
  breaker_core::result how = success;
  if (e != nullptr) {
    const bool silent = e->rejected || c.abandoned();
    const bool counts =
        slow.options.counts ? slow.options.counts(*e) : e->category != category::permanent;
    how = silent ? cancelled : counts ? failure : success;
  }
  if (how == failure) {
    slow.failures.add();
  }
  if (late) {
    slow.slow_calls.add();
  }
  const time_point now = c.now();
  with_core(s, now, [&](breaker_core& core) {
    core.leave({.admitted = true, .generation = generation_, .probe = probe_}, how, late, now);
    if (how == success) {
      slow.told.fetch_add(1, std::memory_order_relaxed);
    }
  });
}

void circuit_breaker::ticket::give_back() {
  Shared::Slow& slow = *shared_->slow;
  const std::scoped_lock lock(slow.mutex);
  slow.core.leave({.admitted = true, .generation = generation_, .probe = probe_},
                  breaker_core::result::cancelled, false, time_point{});
}

breaker_state circuit_breaker::state(time_point now) const {
  const std::scoped_lock lock(shared_->slow->mutex);
  return shared_->slow->core.state(now);
}

void circuit_breaker::isolate() const {
  with_core(*shared_, time_point{}, [](breaker_core& core) { core.isolate(); });
}

void circuit_breaker::reset() const {
  with_core(*shared_, time_point{}, [](breaker_core& core) { core.reset(); });
}

const circuit_breaker_options& circuit_breaker::options() const { return shared_->slow->options; }

void circuit_breaker::collect(metrics& into) const {
  const Shared::Slow& slow = *shared_->slow;
  const std::string label = metric_label("policy", shared_->who);
  std::uint64_t successes = slow.told.load(std::memory_order_relaxed);
  for (const Stripe& stripe : shared_->stripes) {
    successes += stripe.successes.load(std::memory_order_relaxed);
  }
  const auto calls = [&](std::string_view result, std::uint64_t n) {
    into.add("darn_circuit_breaker_calls_total", "Calls by what became of them",
             metrics::type::counter, label + "," + metric_label("result", result),
             static_cast<double>(n), shared_.get());
  };
  calls("success", successes);
  calls("failure", slow.failures.value());
  calls("rejected", shared_->rejections.value());
  into.add("darn_circuit_breaker_slow_total", "Calls that were slow", label, slow.slow_calls);
  into.add("darn_circuit_breaker_opened_total", "How often it opened", label, slow.opened);
  // From the word that calls read too: no lock.
  into.add("darn_circuit_breaker_closed", "1: closed and at full load", metrics::type::gauge, label,
           (shared_->fast.load(std::memory_order_relaxed) & 1U) == 0 ? 1 : 0);
}

std::string circuit_breaker::text() const {
  const circuit_breaker_options& o = shared_->slow->options;
  const auto percent = [](double share) { return std::to_string(std::lround(share * 100)) + "%"; };
  std::string out = "circuit_breaker(" + (o.name.empty() ? "" : o.name + ": ") + "opens at " +
                    percent(o.failure_rate) + " of ";
  out += o.window_time ? "calls within " + to_string(*o.window_time)
                       : std::to_string(o.window_calls) + " calls";
  if (o.slow_call) {
    out += " or " + percent(o.slow_rate) + " slower than " + to_string(*o.slow_call);
  }
  return out + ", for " + to_string(o.open_for) + ")";
}

struct keyed_circuit_breaker::State {
  struct Entry {
    std::string key;
    circuit_breaker breaker;
  };
  circuit_breaker_options options;
  std::size_t most;
  std::mutex mutex;
  std::list<Entry> entries;  // the one used last in front
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_key;
};

keyed_circuit_breaker::keyed_circuit_breaker(circuit_breaker_options options, std::size_t keys)
    : state_(std::make_shared<State>()) {
  state_->options = std::move(options);
  state_->most = std::max<std::size_t>(keys, 1);
}

circuit_breaker keyed_circuit_breaker::at(std::string_view key) const {
  State& s = *state_;
  const std::scoped_lock lock(s.mutex);
  if (const auto found = s.by_key.find(key); found != s.by_key.end()) {
    s.entries.splice(s.entries.begin(), s.entries, found->second);
    return found->second->breaker;
  }
  s.entries.push_front({std::string(key), circuit_breaker(s.options)});
  s.by_key.emplace(s.entries.front().key, s.entries.begin());
  if (s.entries.size() > s.most) {
    s.by_key.erase(s.entries.back().key);
    s.entries.pop_back();
  }
  return s.entries.front().breaker;
}

std::size_t keyed_circuit_breaker::size() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->entries.size();
}

void keyed_circuit_breaker::collect(metrics& into) const {
  const time_point now = detail::steady_now();
  std::array<double, 4> in_state{};
  {
    const std::scoped_lock lock(state_->mutex);
    for (const State::Entry& entry : state_->entries) {
      in_state[static_cast<std::size_t>(entry.breaker.state(now))] += 1;
    }
  }
  for (std::size_t i = 0; i < in_state.size(); ++i) {
    into.add("darn_circuit_breakers", "Breakers of a family by state", metrics::type::gauge,
             metric_label("family", state_->options.name) + "," +
                 metric_label("state", to_string(static_cast<breaker_state>(i))),
             in_state[i]);
  }
}

}  // namespace darn
