// The decision as a pure function: same history, same policy, same knowledge, same decision. No
// clock, no I/O, no globals, thread-safe. decide.cpp is to be read on one screen; history.hpp has
// the facts it reads. Throws std::logic_error on an empty history (a bug of the caller).
//
// In what order (the first that holds decides; Decision::rule in brackets):
//   succeeded [success]; lost and not idempotent, or lost too often: abandoned [lost.once, poison];
//   the user wants out [cancelled]; the deadline [deadline]; lost: again at once [lost]; the user's
//   rule [rule.NAME]; a limit of somebody else: snoozed, without using up a try [rate_limit],
//   within max_snoozes and max_snooze [snooze.limit]; the same failure over and over
//   [deterministic]; the numbers of the cycle [retries.used] and of the category [category.NAME];
//   else a retry [category.NAME]. Where the answer would be to give up, and before a snooze of more
//   than 10 minutes, a fallback agent takes over, once [fallback]; not when cancelled or out of
//   time.
//
// Which number holds: `max_retries` bounds the retries of a cycle over all categories, a category's
// own number those after failures of that category (by the same agent). A task's own `retries`
// replaces both, for every category; but a permanent failure is not retried in place, unless it is
// a wrong result (cause logic: a failing test may be a flaky one), the user set a number for the
// category permanent, or a rule says so. A rule's own number replaces the category's only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/outcome.hpp"
#include "model/policy.hpp"

namespace darn {

// A longer wait for somebody else's limit is a reason to switch to the fallback agent.
inline constexpr Duration kPatience = std::chrono::minutes{10};
// Where the rest for a limit that names no time stops doubling.
inline constexpr Duration kLongestRest = std::chrono::minutes{15};

struct Knowledge {
  Time now{};
  std::uint64_t seed = 0;  // of the run
  std::uint64_t task = 0;  // a hash of the task's id
  int cycle = 1;
  std::optional<int> task_retries;      // the task's own `retries`
  std::optional<Time> deadline;         // of the task, in this cycle
  std::optional<Duration> retry_after;  // a server's floor
  std::optional<Time> resets_at;        // when a limit ends, as printed
  bool idempotent = true;
  bool cancelled = false;           // the user wants the run to end
  std::string fallback_agent;       // named and not yet used; empty: none
  std::optional<std::size_t> rule;  // the index of the user's rule that matched (policy/rules.hpp)
};

// history: this task's attempts in its lineage, oldest first; the last one just ended. Those of
// this cycle are the last ones, as far back as their `cycle` is knowledge.cycle.
Decision decide(const std::vector<PastAttempt>& history, const Policy& policy,
                const Knowledge& knowledge);

// Whether the task may run again in the next cycle (deterministic repeats and abandoned ones not).
bool worth_another_cycle(const std::vector<PastAttempt>& history, const Policy& policy,
                         std::string* why = nullptr);

// How many attempts a task can have at most with this policy: what the plan prints. Snoozed and
// lost ones use up no try and are not in it.
std::int64_t max_attempts_per_cycle(const Policy& policy, std::optional<int> task_retries,
                                    bool has_fallback = false);

}  // namespace darn
