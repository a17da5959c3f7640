#include "policy/budget.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"

namespace darn {
namespace {

// Costs are sums of printed decimals: what is equal on paper is equal here.
constexpr double kRounding = 1e-9;

}  // namespace

double reservation(const Budget& task, double agent_reserve, double highest_seen) {
  if (task.usd) {
    return std::max(*task.usd, 0.0);
  }
  return agent_reserve > 0 ? agent_reserve : std::max(highest_seen, 0.0);
}

std::int64_t token_reservation(const Budget& task, std::int64_t highest_seen) {
  return std::max<std::int64_t>(task.tokens.value_or(highest_seen), 0);
}

std::string over_budget(const Budget& budget, const Spending& now, double reserve_usd,
                        std::int64_t reserve_tokens) {
  if (budget.usd) {
    const double bound = now.usd + now.reserved_usd;
    const bool full = bound >= *budget.usd - kRounding;
    if (full || bound + reserve_usd > *budget.usd + kRounding) {
      return fmt::format("budget {}: {} spent, {} reserved, the next attempt may take {}",
                         format_usd(*budget.usd), format_usd(now.usd), format_usd(now.reserved_usd),
                         format_usd(reserve_usd));
    }
  }
  if (budget.tokens) {
    const std::int64_t bound = now.tokens + now.reserved_tokens;
    if (bound >= *budget.tokens || reserve_tokens > *budget.tokens - bound) {
      const auto count = [](std::int64_t n) {
        return format_count(static_cast<std::uint64_t>(std::max<std::int64_t>(n, 0)));
      };
      return fmt::format("budget {} tokens: {} spent, {} reserved, the next attempt may take {}",
                         count(*budget.tokens), count(now.tokens), count(now.reserved_tokens),
                         count(reserve_tokens));
    }
  }
  return {};
}

}  // namespace darn
