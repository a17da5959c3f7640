#include "policy/decide.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "policy/case.hpp"
#include "policy/history.hpp"

namespace darn {

Decision decide(const std::vector<PastAttempt>& history, const Policy& policy,
                const Knowledge& know) {
  const Case c(history, policy, know);
  const bool lost = c.last.end == End::lost;
  if (c.last.succeeded) {
    return c.end(Action::succeed, "success",
                 history.size() == 1 ? "succeeded" : "succeeded: healed");
  }
  if (lost && !know.idempotent) {
    return c.end(Action::abandon, "lost.once",
                 "its process was lost and the task is not idempotent: it may have done its work, "
                 "so it is not started again");
  }
  if (lost && losses(history) >= policy.poison_limit) {
    return c.end(
        Action::abandon, "poison",
        fmt::format("its process was lost {} times: it may be what brings the machine down",
                    losses(history)));
  }
  if (know.cancelled || c.last.end == End::cancelled) {
    return c.end(Action::give_up, "cancelled", "cancelled by the user");
  }
  if (c.last.end == End::deadline) {
    return c.end(Action::give_up, "deadline", "the task's deadline has passed");
  }
  if (lost) {
    return c.start(Duration{0}, "lost", "its process was lost: again at once, no try used up");
  }
  if (c.rule_says(Action::abandon)) {
    return c.end(Action::abandon, c.name, c.what + ": abandoned by a rule");
  }
  if (c.rule_says(Action::give_up)) {
    return c.give_up(c.name, c.what + ": given up by a rule");
  }
  if (c.charge == Charge::none) {
    return c.snooze();
  }
  if (is_deterministic(history, policy) && !is_transient(c.category) &&
      !c.rule_says(Action::retry)) {
    return c.give_up(
        "deterministic",
        fmt::format("the same failure {} times running, nothing having changed: trying "
                    "again will not help",
                    repeats(history)));
  }
  return c.retry();
}

bool worth_another_cycle(const std::vector<PastAttempt>& history, const Policy& policy,
                         std::string* why) {
  std::string reason;
  if (!history.empty() && history.back().succeeded) {
    reason = "it has succeeded";
  } else if (losses(history) >= std::max(1, policy.poison_limit)) {
    reason = fmt::format("its process was lost {} times", losses(history));
  } else if (is_deterministic(history, policy)) {
    reason =
        fmt::format("the same failure {} times running, nothing having changed", repeats(history));
  }
  if (why != nullptr) {
    *why = reason;
  }
  return reason.empty();
}

std::int64_t max_attempts_per_cycle(const Policy& policy, std::optional<int> task_retries,
                                    bool has_fallback) {
  std::int64_t of_kinds = 0;
  for (const auto& kind : policy.by_category) {
    of_kinds += std::max(0, kind.retries);
  }
  const std::int64_t in_cycle = std::max(0, task_retries.value_or(policy.max_retries));
  const bool unbounded_kinds = task_retries || !policy.rules.empty() || has_fallback;
  return 1 + (unbounded_kinds ? in_cycle : std::min(in_cycle, of_kinds)) + (has_fallback ? 1 : 0);
}

}  // namespace darn
