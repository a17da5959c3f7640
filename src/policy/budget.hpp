// Budgets belong to the lineage's root (DESIGN invariant 6): nothing starts when spent + reserved
// would exceed them. Pure.
#pragma once

#include <string>

#include "model/task.hpp"

namespace darn {

struct Spending {
  double usd = 0;
  std::int64_t tokens = 0;
  double reserved_usd = 0;
  std::int64_t reserved_tokens = 0;
};

// What to reserve for the next attempt of an agent: the task's own budget, else the agent's
// setting, else the highest cost seen in its lineage, else 0.
double reservation(const Budget& task, double agent_reserve, double highest_seen);
std::int64_t token_reservation(const Budget& task, std::int64_t highest_seen);

// Empty when it may start; otherwise why not: "budget $5.00: $4.80 spent, $0.30 reserved, …".
std::string over_budget(const Budget& budget, const Spending& now, double reserve_usd,
                        std::int64_t reserve_tokens);

}  // namespace darn
