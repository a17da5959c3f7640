// One decision in the making: the facts of a case, read once, and the answers that decide.cpp
// chooses among. Pure; borrows what it is made from and must not outlive it.
#pragma once

#include <string>
#include <vector>

#include "policy/decide.hpp"

namespace darn {

struct Case {
  // Throws std::logic_error when the history is empty.
  Case(const std::vector<PastAttempt>& history, const Policy& policy, const Knowledge& know);

  bool can_hand_over() const;  // to a fallback agent, in time
  bool rule_says(Action action) const { return rule != nullptr && rule->then == action; }

  Decision end(Action action, std::string by, std::string why) const;
  Decision give_up(std::string by, std::string why) const;  // or hand over to the fallback agent
  Decision start(Duration delay, std::string by, std::string why) const;  // not past the deadline
  Duration rest() const;  // how long somebody else's limit lasts: until the server's time or later
  Decision snooze() const;  // within max_snoozes and max_snooze
  Decision retry() const;   // within the numbers of the cycle and of the category

  const std::vector<PastAttempt>& history;
  const Policy& policy;
  const Knowledge& know;
  const PastAttempt& last;
  const Rule* rule;    // of the user's, that matched
  Category category;   // the rule's, when it says so
  std::string name;    // which rule decides when nothing special does
  std::string what;    // the failure in words
  Charge charge;       // what the attempt that just ended used up
  std::uint64_t seed;  // of this decision's jitter
};

}  // namespace darn
