#include "cli/exec_tables.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.hpp"

namespace darn::cli {
namespace {

double percent(std::int64_t part, std::int64_t whole) {
  return whole > 0 ? 100.0 * static_cast<double>(part) / static_cast<double>(whole) : 0;
}

}  // namespace

std::string stats_table(const std::vector<exec::NameStats>& stats) {
  std::size_t width = 4;
  for (const exec::NameStats& s : stats) {
    width = std::max(width, characters(s.name));
  }
  std::string text = fmt::format("{:<{}}  {:>6} {:>12} {:>7} {:>9} {:>8} {:>9} {:>8} {:>8}\n",
                                 "name", width, "uses", "failed first", "healed", "retries",
                                 "gave up", "fallbacks", "median", "saved");
  Duration saved{};
  for (const exec::NameStats& s : stats) {
    const std::string retries =
        s.healed > 0 ? fmt::format("{:.1f}/{}", s.mean_retries, s.max_retries) : "-";
    text += fmt::format(
        "{:<{}}  {:>6} {:>12} {:>7} {:>9} {:>8} {:>9} {:>8} {:>8}\n", printable(s.name), width,
        s.uses, fmt::format("{} ({:.0f}%)", s.failed_first, percent(s.failed_first, s.uses)),
        s.healed, retries, s.gave_up, s.fell_back, format_duration(s.median),
        format_duration(s.saved));
    saved += s.saved;
  }
  return text +
         fmt::format(
             "retries: mean/most of what was healed. saved: {}, from the first failure to the "
             "success of what was healed; nobody had to watch that\n",
             format_duration(saved));
}

std::string stats_json(const std::vector<exec::NameStats>& stats) {
  auto all = nlohmann::ordered_json::array();
  for (const exec::NameStats& s : stats) {
    all.push_back({{"name", to_utf8(s.name)},
                   {"program", to_utf8(s.program)},
                   {"uses", s.uses},
                   {"failed_first", s.failed_first},
                   {"failed_first_percent", percent(s.failed_first, s.uses)},
                   {"healed", s.healed},
                   {"mean_retries", s.mean_retries},
                   {"max_retries", s.max_retries},
                   {"gave_up", s.gave_up},
                   {"fell_back", s.fell_back},
                   {"rejected", s.rejected},
                   {"interrupted", s.interrupted},
                   {"median_ms", s.median.count()},
                   {"saved_ms", s.saved.count()},
                   {"last", format_utc(s.last)}});
  }
  return all.dump(2) + "\n";
}

std::string guards_table(const std::vector<exec::BreakerState>& breakers,
                         const std::vector<exec::BudgetState>& budgets, Time now) {
  std::string text;
  for (const exec::BreakerState& b : breakers) {
    text += fmt::format("breaker {}: {}", printable(b.name), to_string(b.state));
    if (b.open_until) {
      text += fmt::format(" until {} (for {})", format_local_clock(*b.open_until),
                          format_duration(std::max(*b.open_until - now, Duration{0})));
    } else if (b.calls > 0) {
      text += fmt::format(", {:.0f}% of the last {} failed", 100 * b.failure_rate, b.calls);
    }
    text += '\n';
  }
  for (const exec::BudgetState& b : budgets) {
    text += fmt::format("budget {}: {:.1f} of {:.0f} retries left\n", printable(b.name), b.tokens,
                        exec::Ledger::kBudget);
  }
  return text.empty() ? "no breakers and no budgets\n" : text;
}

std::string guards_json(const std::vector<exec::BreakerState>& breakers,
                        const std::vector<exec::BudgetState>& budgets) {
  nlohmann::ordered_json all{{"breakers", nlohmann::ordered_json::array()},
                             {"budgets", nlohmann::ordered_json::array()}};
  for (const exec::BreakerState& b : breakers) {
    all["breakers"].push_back({{"name", to_utf8(b.name)},
                               {"state", to_string(b.state)},
                               {"calls", b.calls},
                               {"failure_rate", b.failure_rate}});
    if (b.open_until) {
      all["breakers"].back()["open_until"] = format_utc(*b.open_until);
    }
  }
  for (const exec::BudgetState& b : budgets) {
    all["budgets"].push_back({{"name", to_utf8(b.name)}, {"tokens", b.tokens}});
  }
  return all.dump(2) + "\n";
}

}  // namespace darn::cli
