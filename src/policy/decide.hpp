// The decision as a pure function: same history, same policy, same knowledge, same decision. No
// clock, no I/O, no globals. decide.cpp is to be read on one screen.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/outcome.hpp"
#include "model/policy.hpp"

namespace darn {

struct Knowledge {
  Time now{};
  std::uint64_t seed = 0;     // of the run
  std::uint64_t task = 0;     // a hash of the task's id
  int cycle = 1;
  std::optional<int> task_retries;   // the task's own `retries`
  std::optional<Time> deadline;      // of the task, in this cycle
  std::optional<Duration> retry_after;  // a server's floor
  std::optional<Time> resets_at;        // when a limit ends, as printed
  bool idempotent = true;
  bool cancelled = false;            // the user wants the run to end
  std::string fallback_agent;        // named and not yet used; empty: none
  std::optional<std::size_t> rule;   // the index of the user's rule that matched (policy/rules.hpp)
};

// history: this task's attempts in its lineage, oldest first; the last one just ended.
Decision decide(const std::vector<PastAttempt>& history, const Policy& policy,
                const Knowledge& knowledge);

// Whether the task may run again in the next cycle (deterministic repeats and abandoned ones not).
bool worth_another_cycle(const std::vector<PastAttempt>& history, const Policy& policy,
                         std::string* why = nullptr);

// How many attempts a task can have at most with this policy: what the plan prints.
std::int64_t max_attempts_per_cycle(const Policy& policy, std::optional<int> task_retries);

}  // namespace darn
