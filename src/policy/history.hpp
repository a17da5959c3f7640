// The facts of a task's history that the decision reads: how many tries, losses, snoozes and
// repeats. Pure, thread-safe; the last attempt of a history is the one that just ended and has no
// charge yet.
#pragma once

#include <string>
#include <vector>

#include "model/outcome.hpp"
#include "model/policy.hpp"

namespace darn {

// Failures that say nothing about the task itself: repeating them proves nothing.
bool is_transient(Category category);

// Tries of this cycle that are used up, the last attempt among them (as if charged as a try).
int tries_in_cycle(const std::vector<PastAttempt>& history, int cycle);

// ... of them those that failed with the last one's category, by the same agent.
int same_kind_in_cycle(const std::vector<PastAttempt>& history, int cycle);

// Snoozed attempts of this cycle before the last one.
int snoozes_in_cycle(const std::vector<PastAttempt>& history, int cycle);

// Snoozed attempts of this cycle that directly precede the last one, and when their row began (the
// end of its first attempt; `now` when the last attempt begins it).
struct SnoozeRow {
  int length = 0;
  Time began{};
};
SnoozeRow snoozes_in_a_row(const std::vector<PastAttempt>& history, int cycle, Time now);

// Lost attempts in the lineage, the last one included.
int losses(const std::vector<PastAttempt>& history);

// How often the last failure came about in a row with the same signature and nothing changed in
// between; 0 when it has none or is transient. Lost and snoozed attempts in between do not count.
int repeats(const std::vector<PastAttempt>& history);

// Whether the last failure came as often as the policy takes to call it deterministic.
bool is_deterministic(const std::vector<PastAttempt>& history, const Policy& policy);

// "network failure", "timeout": a category in a sentence.
std::string_view phrase(Category category);

}  // namespace darn
