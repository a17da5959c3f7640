#include "policy/decide.hpp"

#include <stdexcept>

#include "policy/history.hpp"
#include "support/property.hpp"

namespace {

using namespace darn;
using namespace std::chrono_literals;
using std::chrono::days;

const Time kNow = time_from_ms(1'700'000'000'000);

PastAttempt failed(Category category, std::string signature = "", Cause cause = Cause::unknown) {
  PastAttempt a;
  a.end = End::exited;
  a.category = category;
  a.cause = cause;
  a.signature = std::move(signature);
  a.started = kNow - 10s;
  a.ended = kNow;
  a.charge = category == Category::rate_limit ? Charge::none : Charge::retry;
  return a;
}

PastAttempt lost() {
  auto a = failed(Category::transient);
  a.end = End::lost;
  a.cause = Cause::lost;
  a.charge = Charge::poison;
  return a;
}

PastAttempt succeeded() {
  PastAttempt a;
  a.succeeded = true;
  return a;
}

std::vector<PastAttempt> times(int n, const PastAttempt& a) {
  return std::vector<PastAttempt>(static_cast<std::size_t>(n), a);
}

Knowledge knowledge() { return {.now = kNow, .seed = 42, .task = 7}; }

Policy exact() {  // without jitter, to compare delays
  Policy p = default_policy();
  p.jitter = 0;
  return p;
}

Policy with_rule(Rule rule) {
  Policy p = exact();
  rule.name = "mine";
  p.rules.push_back(std::move(rule));
  return p;
}

Knowledge ruled() {
  auto k = knowledge();
  k.rule = 0;
  return k;
}

}  // namespace

TEST_CASE("nothing to decide about is a bug of the caller") {
  CHECK_THROWS_AS(decide({}, default_policy(), knowledge()), std::logic_error);
}

TEST_CASE("success ends a task, also when the user wants out") {
  auto k = knowledge();
  k.cancelled = true;
  const auto d = decide({failed(Category::network), succeeded()}, exact(), k);
  CHECK(d.action == Action::succeed);
  CHECK(d.rule == "success");
  CHECK(d.why == "succeeded: healed");
  CHECK(decide({succeeded()}, exact(), knowledge()).why == "succeeded");
}

TEST_CASE("network, timeout and transient: 5 retries after 5, 15, 45, 135, 300 s") {
  const std::vector<Duration> delays = {5s, 15s, 45s, 135s, 300s};
  for (const auto category : {Category::network, Category::timeout, Category::transient}) {
    for (int n = 1; n <= 5; ++n) {
      const auto d = decide(times(n, failed(category)), exact(), knowledge());
      CHECK(d.action == Action::retry);
      CHECK(d.charge == Charge::retry);
      CHECK(d.delay == delays[static_cast<std::size_t>(n - 1)]);
      CHECK(d.rule == "category." + std::string(to_string(category)));
    }
    const auto d = decide(times(6, failed(category)), exact(), knowledge());
    CHECK(d.action == Action::give_up);
    CHECK(d.rule == "retries.used");
  }
  CHECK(decide(times(2, failed(Category::network)), exact(), knowledge()).why ==
        "network failure, retry 2 of 5 in 15s");
}

TEST_CASE("resource and unknown are retried once, permanent not at all") {
  for (const auto category : {Category::resource, Category::unknown}) {
    CHECK(decide(times(1, failed(category)), exact(), knowledge()).action == Action::retry);
    const auto d = decide(times(2, failed(category)), exact(), knowledge());
    CHECK(d.action == Action::give_up);
    CHECK(d.rule == "category." + std::string(to_string(category)));
    CHECK(d.why.find("1 of 1 retries used") != std::string::npos);
  }
  const auto d = decide({failed(Category::permanent)}, exact(), knowledge());
  CHECK(d.action == Action::give_up);
  CHECK(d.rule == "category.permanent");
  CHECK(d.why == "permanent failure: not retried in place");
}

TEST_CASE("the cycle's number bounds all categories together") {
  std::vector<PastAttempt> h = {failed(Category::unknown), failed(Category::resource)};
  for (int i = 0; i < 3; ++i) {
    h.push_back(failed(Category::network));
  }
  CHECK(decide(h, exact(), knowledge()).why == "network failure, retry 5 of 5 in 45s");
  h.push_back(failed(Category::timeout));
  CHECK(decide(h, exact(), knowledge()).action == Action::give_up);
}

TEST_CASE("attempts of earlier cycles use up nothing of this one") {
  auto h = times(6, failed(Category::network));
  h.push_back(failed(Category::network));
  h.back().cycle = 2;
  auto k = knowledge();
  k.cycle = 2;
  const auto d = decide(h, exact(), k);
  CHECK(d.action == Action::retry);
  CHECK(d.delay == 5s);
}

TEST_CASE("a task's own retries replace the policy's numbers") {
  auto k = knowledge();
  k.task_retries = 0;
  auto d = decide({failed(Category::network)}, exact(), k);
  CHECK(d.action == Action::give_up);
  CHECK(d.why == "network failure: retries are off");

  k.task_retries = 3;
  for (int n = 1; n <= 3; ++n) {
    CHECK(decide(times(n, failed(Category::unknown)), exact(), k).action == Action::retry);
  }
  CHECK(decide(times(4, failed(Category::unknown)), exact(), k).action == Action::give_up);
  k.task_retries = 8;
  CHECK(decide(times(8, failed(Category::network)), exact(), k).action == Action::retry);

  // permanent: only a wrong result, or with a number of the user's
  k.task_retries = 3;
  CHECK(decide({failed(Category::permanent)}, exact(), k).action == Action::give_up);
  CHECK(decide({failed(Category::permanent, "", Cause::logic)}, exact(), k).action ==
        Action::retry);
  auto p = exact();
  p.of(Category::permanent).retries = 2;
  CHECK(decide(times(2, failed(Category::permanent)), p, k).action == Action::retry);
  CHECK(decide(times(3, failed(Category::permanent)), p, k).action == Action::give_up);
}

TEST_CASE("a server's Retry-After is a floor for retries too, clamped") {
  auto k = knowledge();
  k.retry_after = 2min;
  const auto asked = decide({failed(Category::transient)}, exact(), k).delay;
  CHECK(asked >= 2min);
  CHECK(asked <= 132s);  // spread by a tenth: everybody was told the same
  k.retry_after = days{30};
  const auto clamped = decide({failed(Category::transient)}, exact(), k).delay;
  CHECK(clamped <= exact().max_retry_after);
  CHECK(clamped >= exact().max_retry_after * 9 / 10);
}

TEST_CASE("a limit of somebody else is snoozed and uses up no try") {
  auto k = knowledge();
  k.retry_after = 30s;
  auto d = decide({failed(Category::rate_limit)}, exact(), k);
  CHECK(d.action == Action::snooze);
  CHECK(d.charge == Charge::none);
  CHECK(d.until >= kNow + 30s);
  CHECK(d.until <= kNow + 33s);
  CHECK(d.rule == "rate_limit");

  k.resets_at = kNow + 2h;  // the later of the two
  d = decide({failed(Category::rate_limit)}, exact(), k);
  CHECK(d.until >= kNow + 2h);
  CHECK(d.until <= kNow + 2h + 10s);

  // Nine limits and then a failure: the failure is the first try.
  auto h = times(9, failed(Category::rate_limit));
  h.push_back(failed(Category::network));
  CHECK(decide(h, exact(), knowledge()).why == "network failure, retry 1 of 5 in 5s");
}

TEST_CASE("without a time the rest doubles with each limit in a row") {
  Duration before{0};
  for (int n = 1; n <= 9; ++n) {
    const auto d = decide(times(n, failed(Category::rate_limit)), exact(), knowledge());
    CHECK(d.action == Action::snooze);
    const auto plan = std::min<Duration>(15s * (1 << (n - 1)), kLongestRest);
    CHECK(d.until - kNow >= plan);
    CHECK(d.until - kNow <= plan + plan / 10);
    before = d.until - kNow;
  }
  CHECK(before >= kLongestRest);
}

TEST_CASE("snoozes are bounded in number and in time") {
  auto p = exact();
  p.max_snoozes = 4;
  CHECK(decide(times(4, failed(Category::rate_limit)), p, knowledge()).action == Action::snooze);
  auto d = decide(times(5, failed(Category::rate_limit)), p, knowledge());
  CHECK(d.action == Action::give_up);
  CHECK(d.charge == Charge::none);
  CHECK(d.rule == "snooze.limit");

  auto k = knowledge();
  k.resets_at = kNow + 25h;
  d = decide({failed(Category::rate_limit)}, exact(), k);
  CHECK(d.action == Action::give_up);
  CHECK(d.rule == "snooze.limit");

  auto h = times(3, failed(Category::rate_limit));
  h.front().ended = kNow - 23h;
  k.resets_at = kNow + 30min;
  CHECK(decide(h, exact(), k).action == Action::snooze);
  k.resets_at = kNow + 61min;
  CHECK(decide(h, exact(), k).action == Action::give_up);
}

TEST_CASE("a lost attempt uses up no retry and starts again at once, until it is poison") {
  auto d = decide({lost()}, exact(), knowledge());
  CHECK(d.action == Action::retry);
  CHECK(d.delay == 0s);
  CHECK(d.charge == Charge::poison);
  CHECK(decide({lost(), lost(), failed(Category::network)}, exact(), knowledge()).why ==
        "network failure, retry 1 of 5 in 5s");
  d = decide({lost(), failed(Category::network), lost(), lost()}, exact(), knowledge());
  CHECK(d.action == Action::abandon);
  CHECK(d.rule == "poison");

  auto k = knowledge();
  k.idempotent = false;
  k.fallback_agent = "other";
  d = decide({lost()}, exact(), k);
  CHECK(d.action == Action::abandon);
  CHECK(d.rule == "lost.once");
  CHECK(d.why.find("not idempotent") != std::string::npos);
}

TEST_CASE("the same failure over and over is deterministic") {
  auto k = knowledge();
  k.task_retries = 9;
  auto h = times(3, failed(Category::unknown, "1:aa"));
  auto d = decide(h, exact(), k);
  CHECK(d.action == Action::give_up);
  CHECK(d.rule == "deterministic");
  std::string why;
  CHECK_FALSE(worth_another_cycle(h, exact(), &why));
  CHECK(why.find("3 times running") != std::string::npos);

  SUBCASE("not when something changed in between") {
    h[1].changed_before = true;
    CHECK(decide(h, exact(), k).action == Action::retry);
    CHECK(worth_another_cycle(h, exact()));
  }
  SUBCASE("not by different failures") {
    h[1].signature = "1:bb";
    CHECK(decide(h, exact(), k).action == Action::retry);
  }
  SUBCASE("not by failures without a signature") {
    for (auto& a : h) {
      a.signature.clear();
    }
    CHECK(decide(h, exact(), k).action == Action::retry);
  }
  SUBCASE("not when another agent failed") {
    h[0].agent = "other";
    CHECK(decide(h, exact(), k).action == Action::retry);
  }
  SUBCASE("not in a transient category") {
    for (const auto category : {Category::network, Category::rate_limit, Category::timeout,
                                Category::transient, Category::resource}) {
      CHECK(repeats(times(3, failed(category, "1:aa"))) == 0);
    }
  }
  SUBCASE("lost and snoozed attempts in between do not break the row") {
    h.insert(h.begin() + 1, lost());
    h.insert(h.begin() + 3, failed(Category::rate_limit, "1:cc"));
    CHECK(decide(h, exact(), k).rule == "deterministic");
  }
  SUBCASE("over cycles too") {
    for (int i = 0; i < 3; ++i) {
      h[static_cast<std::size_t>(i)].cycle = i + 1;
    }
    k.cycle = 3;
    CHECK(decide(h, exact(), k).rule == "deterministic");
  }
}

TEST_CASE("another cycle") {
  CHECK(worth_another_cycle({}, exact()));  // skipped until now
  CHECK(worth_another_cycle({failed(Category::permanent, "1:aa")}, exact()));
  CHECK(worth_another_cycle(times(9, failed(Category::network, "1:aa")), exact()));
  CHECK_FALSE(worth_another_cycle({succeeded()}, exact()));
  CHECK_FALSE(worth_another_cycle(times(3, lost()), exact()));
}

TEST_CASE("cancelled and out of time") {
  auto k = knowledge();
  k.cancelled = true;
  k.fallback_agent = "other";
  CHECK(decide({failed(Category::network)}, exact(), k).rule == "cancelled");
  CHECK(decide({failed(Category::network)}, exact(), k).action == Action::give_up);

  k = knowledge();
  auto a = failed(Category::unknown);
  a.end = End::cancelled;
  CHECK(decide({a}, exact(), k).rule == "cancelled");
  a.end = End::deadline;
  CHECK(decide({a}, exact(), k).rule == "deadline");

  k.deadline = kNow + 4s;
  CHECK(decide({failed(Category::network)}, exact(), k).rule == "deadline");
  k.deadline = kNow + 5s;
  CHECK(decide({failed(Category::network)}, exact(), k).action == Action::retry);
  k.deadline = kNow + 10s;
  CHECK(decide({failed(Category::rate_limit)}, exact(), k).rule == "deadline");
  k.deadline = kNow - 1s;
  CHECK(decide({lost()}, exact(), k).rule == "deadline");
}

TEST_CASE("a fallback agent takes over instead of giving up") {
  auto k = knowledge();
  k.fallback_agent = "other";
  auto d = decide({failed(Category::permanent)}, exact(), k);
  CHECK(d.action == Action::retry);
  CHECK(d.agent == "other");
  CHECK(d.rule == "fallback");
  CHECK(d.delay == 0s);
  CHECK(d.why == "permanent failure: not retried in place; agent other takes over");
  CHECK(decide(times(6, failed(Category::network)), exact(), k).agent == "other");
  CHECK(decide({failed(Category::network)}, exact(), k).agent.empty());

  k.resets_at = kNow + 9min;
  CHECK(decide({failed(Category::rate_limit)}, exact(), k).action == Action::snooze);
  k.resets_at = kNow + 11min;
  d = decide({failed(Category::rate_limit)}, exact(), k);
  CHECK(d.action == Action::retry);
  CHECK(d.agent == "other");
  CHECK(d.charge == Charge::none);

  // Its own failures are counted anew per category, within the cycle's number.
  auto h = times(2, failed(Category::unknown));
  h.push_back(failed(Category::unknown));
  h.back().agent = "other";
  k = knowledge();
  CHECK(decide(h, exact(), k).action == Action::retry);

  k.fallback_agent = "other";
  k.deadline = kNow - 1s;
  CHECK(decide({failed(Category::permanent)}, exact(), k).action == Action::give_up);
}

TEST_CASE("the user's rules come first") {
  auto d = decide({failed(Category::network)}, with_rule({.then = Action::give_up}), ruled());
  CHECK(d.action == Action::give_up);
  CHECK(d.rule == "rule.mine");
  d = decide({failed(Category::network)}, with_rule({.then = Action::abandon}), ruled());
  CHECK(d.action == Action::abandon);
  d = decide({failed(Category::permanent, "1:aa")},
             with_rule({.then = Action::retry, .retries = 2, .backoff = {7s}}), ruled());
  CHECK(d.action == Action::retry);
  CHECK(d.delay == 7s);
  CHECK(d.why == "permanent failure, retry 1 of 2 in 7s");
  d = decide(times(3, failed(Category::permanent, "1:aa")),
             with_rule({.then = Action::retry, .retries = 2, .backoff = {7s}}), ruled());
  CHECK(d.action == Action::give_up);
  d = decide({failed(Category::unknown)}, with_rule({.then = Action::snooze, .snooze = 1h}),
             ruled());
  CHECK(d.action == Action::snooze);
  CHECK(d.charge == Charge::none);
  CHECK(d.until >= kNow + 1h);
  d = decide({failed(Category::unknown)}, with_rule({.as_category = Category::network}), ruled());
  CHECK(d.why == "network failure, retry 1 of 5 in 5s");
  d = decide({failed(Category::unknown)}, with_rule({.as_category = Category::rate_limit}),
             ruled());
  CHECK(d.action == Action::snooze);
  // An index out of range (rules were changed since) is no rule.
  auto k = ruled();
  k.rule = 9;
  CHECK(decide({failed(Category::network)}, exact(), k).rule == "category.network");
}

TEST_CASE("what the plan prints") {
  CHECK(max_attempts_per_cycle(default_policy(), std::nullopt) == 6);
  CHECK(max_attempts_per_cycle(default_policy(), 0) == 1);
  CHECK(max_attempts_per_cycle(default_policy(), 9) == 10);
  CHECK(max_attempts_per_cycle(default_policy(), 0, true) == 2);
  Policy none;
  CHECK(max_attempts_per_cycle(none, std::nullopt) == 1);
}
