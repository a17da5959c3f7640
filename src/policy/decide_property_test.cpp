// What must hold of the decision for every history: each property plays whole tasks against it.
#include <algorithm>

#include "darn/backoff.hpp"
#include "policy/decide.hpp"
#include "policy/history.hpp"
#include "support/property.hpp"

namespace {

using namespace darn;
using namespace std::chrono_literals;
using darn::test::property;

// One failure (or, rarely, the success) of a simulated task and what was known of it.
struct Blow {
  PastAttempt attempt;
  std::optional<Duration> retry_after;
  std::optional<Duration> resets_in;
};

Blow any_blow(int categories_from = 1) {
  Blow b;
  PastAttempt& a = b.attempt;
  a.category = static_cast<Category>(*rc::gen::inRange(categories_from, 8));
  a.cause = *rc::gen::element(Cause::unknown, Cause::logic, Cause::service);
  a.end = *rc::gen::weightedElement<End>(
      {{20, End::exited}, {3, End::signalled}, {3, End::timed_out}, {2, End::lost}});
  a.signature = *rc::gen::element<std::string>("1:a", "1:b", "1:c", "");
  a.changed_before = *rc::gen::inRange(0, 10) == 0;
  a.succeeded = a.end == End::exited && *rc::gen::inRange(0, 40) == 0;
  if (*rc::gen::inRange(0, 3) == 0) {
    b.retry_after = Duration{*rc::gen::inRange<std::int64_t>(0, 40'000'000)};
  }
  if (*rc::gen::inRange(0, 3) == 0) {
    b.resets_in = Duration{*rc::gen::inRange<std::int64_t>(-1'000'000, 100'000'000)};
  }
  return b;
}

Policy any_policy() {
  Policy p = default_policy();
  p.max_retries = *rc::gen::inRange(0, 9);
  for (auto& kind : p.by_category) {
    kind.retries = *rc::gen::inRange(0, 9);
  }
  p.max_snoozes = *rc::gen::inRange(0, 30);
  p.jitter = static_cast<double>(*rc::gen::inRange(0, 11)) / 10;
  p.poison_limit = *rc::gen::inRange(1, 5);
  p.deterministic_after = *rc::gen::inRange(0, 5);
  return p;
}

struct Played {
  std::vector<PastAttempt> history;
  int snoozed = 0, lost = 0, tries = 0, switched = 0;
  Decision last;
};

// Plays one cycle of a task to its end; checks each decision on the way.
Played play(const Policy& policy, Knowledge k) {
  Played p;
  for (;;) {
    RC_ASSERT(p.history.size() < 5000U);  // terminates
    const Blow b = any_blow();
    p.history.push_back(b.attempt);
    p.history.back().started = k.now;
    k.now += 1s;
    p.history.back().ended = k.now;
    k.retry_after = b.retry_after;
    k.resets_at = b.resets_in ? std::optional(k.now + *b.resets_in) : std::nullopt;
    const Decision d = decide(p.history, policy, k);
    const Decision twin = decide(p.history, policy, k);
    RC_ASSERT(d.action == twin.action && d.delay == twin.delay && d.until == twin.until &&
              d.why == twin.why && d.rule == twin.rule);  // pure
    RC_ASSERT(!d.rule.empty());
    RC_ASSERT(!d.why.empty());
    p.history.back().charge = d.charge;
    p.last = d;
    p.tries += d.charge == Charge::retry ? 1 : 0;
    p.lost += d.charge == Charge::poison ? 1 : 0;
    if (d.action == Action::snooze) {
      ++p.snoozed;
      RC_ASSERT(d.charge == Charge::none);
      RC_ASSERT(!b.resets_in || d.until >= *k.resets_at);
      RC_ASSERT(!b.retry_after ||
                d.until >= k.now + std::min(*b.retry_after, policy.max_retry_after));
      RC_ASSERT(d.until > k.now);
      RC_ASSERT(d.until - k.now <= policy.max_snooze);
      k.now = d.until;
    } else if (d.action == Action::retry) {
      RC_ASSERT(!b.attempt.succeeded);
      RC_ASSERT(d.delay >= 0ms);
      RC_ASSERT(d.delay <= std::max<Duration>(300s, policy.max_retry_after));
      k.now += d.delay;
      if (!d.agent.empty()) {
        ++p.switched;
        k.fallback_agent.clear();
      }
    } else {
      RC_ASSERT(b.attempt.succeeded == (d.action == Action::succeed));
      return p;
    }
    RC_ASSERT(!k.deadline || k.now <= *k.deadline);  // nothing starts past it
  }
}

}  // namespace

TEST_CASE("any sequence of failures ends, within its bounds") {
  property("attempts are bounded by the plan's number, snoozes and losses by theirs", [] {
    const Policy policy = any_policy();
    Knowledge k{.now = time_from_ms(1'700'000'000'000),
                .seed = *rc::gen::arbitrary<std::uint64_t>()};
    if (*rc::gen::arbitrary<bool>()) {
      k.task_retries = *rc::gen::inRange(0, 9);
    }
    k.fallback_agent = *rc::gen::element<std::string>("", "other");
    const bool fallback = !k.fallback_agent.empty();
    if (*rc::gen::inRange(0, 3) == 0) {
      k.deadline = k.now + Duration{*rc::gen::inRange<std::int64_t>(0, 3'000'000)};
    }
    const Played p = play(policy, k);
    RC_ASSERT(p.tries <= max_attempts_per_cycle(policy, k.task_retries, fallback));
    RC_ASSERT(p.snoozed <= policy.max_snoozes);
    RC_ASSERT(p.lost <= policy.poison_limit);
    RC_ASSERT(p.switched <= (fallback ? 1 : 0));
  });
}

TEST_CASE("a retry waits as long as planned, less at most the jitter") {
  property("(1-jitter)*d <= delay <= d", [](std::uint64_t seed, std::uint64_t task) {
    Policy policy = default_policy();
    policy.jitter = static_cast<double>(*rc::gen::inRange(0, 11)) / 10;
    const int n = *rc::gen::inRange(1, 6);
    PastAttempt a;
    a.category = *rc::gen::element(Category::network, Category::timeout, Category::transient);
    const auto d = decide(std::vector<PastAttempt>(static_cast<std::size_t>(n), a), policy,
                          {.now = time_from_ms(1), .seed = seed, .task = task});
    const auto planned = policy.of(a.category).backoff[static_cast<std::size_t>(n - 1)];
    RC_ASSERT(d.action == Action::retry);
    RC_ASSERT(d.delay <= planned);
    RC_ASSERT(static_cast<double>(d.delay.count()) >=
              static_cast<double>(planned.count()) * (1 - policy.jitter) - 1);
  });
}

TEST_CASE("hostile times overflow nothing") {
  property("any now, Retry-After and reset",
           [](std::int64_t now, std::int64_t after, std::int64_t reset) {
             constexpr std::int64_t kFar = 1LL << 61;
             Knowledge k{.now = time_from_ms(now % kFar)};
             k.retry_after = Duration{after};
             k.resets_at = time_from_ms(reset % kFar);
             PastAttempt a;
             a.category = *rc::gen::element(Category::rate_limit, Category::network);
             a.ended = k.now;
             const auto d = decide({a}, default_policy(), k);
             RC_ASSERT(d.action != Action::succeed);
           });
}
