#include "policy/case.hpp"

#include <algorithm>
#include <iterator>
#include <stdexcept>

#include <fmt/format.h>

#include "base/random.hpp"
#include "base/text.hpp"
#include "darn/backoff.hpp"
#include "policy/history.hpp"

namespace darn {
namespace {

constexpr Duration kForever = std::chrono::hours{24 * 365};  // keeps sums of hostile times in range

// The library counts nanoseconds: what a hostile header or file says is first brought into range.
duration in_range(Duration d) { return std::clamp<Duration>(d, Duration{0}, kForever); }

// "15s": in a sentence a wait needs no tenths.
std::string words(Duration d) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(d).count();
  return d < std::chrono::seconds{1} || seconds >= 60 ? format_duration(d)
                                                      : fmt::format("{}s", seconds);
}

// Only a limit of somebody else, or a rule that says so, uses up no try.
Charge charge_of(const Case& c) {
  if (c.last.end == End::lost) {
    return Charge::poison;
  }
  if (c.last.succeeded) {
    return Charge::retry;
  }
  const bool cancelled = c.know.cancelled || c.last.end == End::cancelled;
  const bool ruled = c.rule != nullptr && c.rule->then;
  const bool limited = c.category == Category::rate_limit && !ruled;
  return cancelled || limited || c.rule_says(Action::snooze) ? Charge::none : Charge::retry;
}

}  // namespace

Case::Case(const std::vector<PastAttempt>& h, const Policy& p, const Knowledge& k)
    : history(h),
      policy(p),
      know(k),
      last(h.empty() ? throw std::logic_error("decide: no attempt to decide about") : h.back()),
      rule(k.rule && *k.rule < p.rules.size() ? &p.rules[*k.rule] : nullptr),
      category(rule != nullptr ? rule->as_category.value_or(last.category) : last.category),
      name(rule != nullptr ? "rule." + rule->name
                           : fmt::format("category.{}", to_string(category))),
      what(phrase(category)),
      charge(charge_of(*this)),
      seed(mix64(k.seed ^ mix64(k.task ^ mix64(h.size())))) {}

Decision Case::end(Action action, std::string by, std::string why) const {
  return {.action = action, .charge = charge, .rule = std::move(by), .why = std::move(why)};
}

bool Case::can_hand_over() const {
  return !know.fallback_agent.empty() && (!know.deadline || know.now <= *know.deadline);
}

Decision Case::give_up(std::string by, std::string why) const {
  if (!can_hand_over()) {
    return end(Action::give_up, std::move(by), std::move(why));
  }
  Decision d =
      end(Action::retry, "fallback", why + "; agent " + know.fallback_agent + " takes over");
  d.agent = know.fallback_agent;
  return d;
}

Decision Case::start(Duration delay, std::string by, std::string why) const {
  if (know.deadline && know.now + delay > *know.deadline) {
    return give_up("deadline", what + ": another start would come after the task's deadline");
  }
  Decision d = end(Action::retry, std::move(by), std::move(why));
  d.delay = delay;
  return d;
}

Duration Case::rest() const {
  const auto asked = std::min(know.retry_after.value_or(Duration{0}), policy.max_retry_after);
  const bool printed = know.resets_at && *know.resets_at > know.now;
  Duration wait = std::max(asked, printed ? *know.resets_at - know.now : Duration{0});
  if (rule_says(Action::snooze) && rule->snooze) {
    wait = std::max(wait, *rule->snooze);
  } else if (wait <= Duration{0}) {  // nobody names a time: a rest that doubles while it goes on
    const auto doubling =
        backoff::exponential(in_range(policy.rest_without_hint), kLongestRest, 2, jitter::none());
    wait = std::chrono::ceil<Duration>(
        doubling.planned(snoozes_in_a_row(history, know.cycle, know.now).length + 1));
  }
  // A little later than asked, so that not everybody comes at once: up to a tenth, 10 s at most.
  wait = std::clamp<Duration>(wait, Duration{0}, kForever);
  const auto spread = std::min<Duration>(wait / 10, std::chrono::seconds{10});
  const double late = static_cast<double>(spread.count()) * unit_interval(seed);
  return wait + Duration{static_cast<std::int64_t>(late)};
}

Decision Case::snooze() const {
  const Duration wait = rest();
  const auto since = know.now - snoozes_in_a_row(history, know.cycle, know.now).began;
  if (snoozes_in_cycle(history, know.cycle) >= policy.max_snoozes) {
    return give_up("snooze.limit",
                   fmt::format("{}: put off {} times in this cycle", what, policy.max_snoozes));
  }
  if (since + wait > policy.max_snooze) {
    return give_up("snooze.limit",
                   fmt::format("{}: a start in {} would be after more than {} of waiting", what,
                               words(wait), words(policy.max_snooze)));
  }
  if (wait > kPatience && can_hand_over()) {
    return give_up("fallback", fmt::format("{}: {} to wait", what, words(wait)));
  }
  Decision d = start(wait, rule != nullptr ? name : "rate_limit",
                     fmt::format("{}: again in {}, no try used up", what, words(wait)));
  if (d.action == Action::retry && d.agent.empty()) {
    d.action = Action::snooze;
    d.until = know.now + wait;
    d.delay = Duration{0};
  }
  return d;
}

// Which numbers bound the retry after this failure: see decide.hpp.
Decision Case::retry() const {
  const bool by_rule = rule_says(Action::retry);
  const bool own_number =
      know.task_retries && (category != Category::permanent || last.cause == Cause::logic);
  const auto& kind = policy.of(category);
  const int in_cycle = std::max(0, know.task_retries.value_or(policy.max_retries));
  int of_kind = by_rule ? rule->retries.value_or(in_cycle) : own_number ? in_cycle : kind.retries;
  of_kind = std::max(0, of_kind);
  const int used = tries_in_cycle(history, know.cycle) - 1;
  const int used_kind = same_kind_in_cycle(history, know.cycle) - 1;
  const int left = std::min(in_cycle - used, of_kind - used_kind);
  if (of_kind == 0 || in_cycle == 0) {
    return give_up(in_cycle == 0 ? "retries.used" : name,
                   what + (in_cycle == 0 ? ": retries are off" : ": not retried in place"));
  }
  if (left <= 0) {
    const bool cycle_is_full = used >= in_cycle;
    return give_up(cycle_is_full ? "retries.used" : name,
                   fmt::format("{}: {} of {} retries used{}", what,
                               cycle_is_full ? used : used_kind, cycle_is_full ? in_cycle : of_kind,
                               cycle_is_full ? " in this cycle" : " for this category"));
  }
  const auto& fallback = policy.of(Category::unknown).backoff;
  const auto& schedule = by_rule && !rule->backoff.empty() ? rule->backoff
                         : kind.backoff.empty()            ? fallback
                                                           : kind.backoff;
  auto planned = backoff::schedule({}, jitter{.below = policy.jitter});
  std::transform(schedule.begin(), schedule.end(), std::back_inserter(planned.delays), in_range);
  std::optional<duration> asked;
  if (know.retry_after) {
    asked = in_range(*know.retry_after);
  }
  const auto delay = std::chrono::ceil<Duration>(
      respect_retry_after(planned.delay(used_kind + 1, mix64(seed)), asked,
                          in_range(policy.max_retry_after), mix64(seed + 1)));
  return start(delay, name,
               fmt::format("{}, retry {} of {} {}", what, used + 1, used + left,
                           delay > Duration{0} ? "in " + words(delay) : std::string("at once")));
}

}  // namespace darn
