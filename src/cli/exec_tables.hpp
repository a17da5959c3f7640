// What `darn exec` has recorded, as tables for people and as JSON. Pure.
#pragma once

#include <string>
#include <vector>

#include "exec/ledger.hpp"

namespace darn::cli {

std::string stats_table(const std::vector<exec::NameStats>& stats);
std::string stats_json(const std::vector<exec::NameStats>& stats);
std::string guards_table(const std::vector<exec::BreakerState>& breakers,
                         const std::vector<exec::BudgetState>& budgets, Time now);
std::string guards_json(const std::vector<exec::BreakerState>& breakers,
                        const std::vector<exec::BudgetState>& budgets);

}  // namespace darn::cli
