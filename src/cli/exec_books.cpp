// darn exec --stats, --breakers, --reset NAME: what src/exec/ keeps of all uses.
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/say.hpp"
#include "cli/status_json.hpp"
#include "cli/table.hpp"
#include "exec/ledger.hpp"

namespace darn::cli {
namespace {

using exec::NameStats;
using Row = std::vector<std::string>;

std::int64_t count(const NameStats& s, const std::string& ending) {
  const auto found = s.endings.find(ending);
  return found == s.endings.end() ? 0 : found->second;
}

// Of those that ran at all, and were not broken off by a person.
std::int64_t judged(const NameStats& s) {
  return s.uses - count(s, "rejected") - count(s, "interrupted");
}

double rate(std::int64_t part, std::int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
}

std::string percent(std::int64_t part, std::int64_t whole) {
  return whole > 0 ? fmt::format("{:.1f}%", 100 * rate(part, whole)) : "-";
}

std::int64_t retries_of_healed(const NameStats& s) {
  std::int64_t all = 0;
  for (const auto& [retries, times] : s.healed_by) {
    all += retries * times;
  }
  return all;
}

Duration saved(const NameStats& s, int minutes) {
  return std::chrono::minutes{minutes} * count(s, "healed");
}

NameStats total(const std::vector<NameStats>& all) {
  NameStats sum;
  sum.name = "all";
  for (const NameStats& s : all) {
    sum.uses += s.uses;
    sum.failed_first += s.failed_first;
    sum.waited += s.waited;
    for (const auto& [ending, n] : s.endings) {
      sum.endings[ending] += n;
    }
    for (const auto& [retries, n] : s.healed_by) {
      sum.healed_by[retries] += n;
    }
  }
  return sum;
}

Row cells(const NameStats& s, int minutes) {
  const auto n = [](std::int64_t value) { return format_count(static_cast<std::uint64_t>(value)); };
  const std::int64_t healed = count(s, "healed");
  return {s.name,
          n(s.uses),
          percent(s.failed_first, judged(s)),
          n(healed),
          healed > 0 ? fmt::format("{:.1f}", rate(retries_of_healed(s), healed)) : "-",
          n(count(s, "fallback")),
          n(count(s, "failed")),
          n(count(s, "rejected")),
          healed > 0 ? format_duration(s.waited) : "-",
          healed > 0 ? format_duration(saved(s, minutes)) : "-"};
}

nlohmann::json stats_json(const NameStats& s, int minutes) {
  nlohmann::json by_retries = nlohmann::json::object();
  for (const auto& [retries, times] : s.healed_by) {
    by_retries[std::to_string(retries)] = times;
  }
  return {{"name", s.name},
          {"uses", s.uses},
          {"failed_first", s.failed_first},
          {"first_failure_rate", rate(s.failed_first, judged(s))},
          {"failure_rate", rate(count(s, "failed"), judged(s))},
          {"outcomes", s.endings},
          {"categories", s.categories},
          {"healed", count(s, "healed")},
          {"healed_by_retries", by_retries},
          {"waited_ms", s.waited.count()},
          {"saved_minutes",
           std::chrono::duration_cast<std::chrono::minutes>(saved(s, minutes)).count()},
          {"minutes_per_healed", minutes},
          {"first", format_utc(s.first)},
          {"last", format_utc(s.last)}};
}

int show_stats(const std::vector<NameStats>& all, const ExecOptions& options) {
  const int minutes = options.minutes;
  if (options.json) {
    nlohmann::json list = nlohmann::json::array();
    for (const NameStats& s : all) {
      list.push_back(stats_json(s, minutes));
    }
    print(dump(list, 1) + "\n");
    return 0;
  }
  if (all.empty()) {
    say("darn: no uses {}are recorded\n",
        options.use.name.empty() ? "" : "of '" + options.use.name + "' ");
    return 0;
  }
  std::vector<Row> rows{{"NAME", "USES", "FAIL AT FIRST", "HEALED", "RETRIES", "FALLBACK", "FAILED",
                         "REJECTED", "WAITED", "SAVED"}};
  for (const NameStats& s : all) {
    rows.push_back(cells(s, minutes));
  }
  if (all.size() > 1) {
    rows.push_back(cells(total(all), minutes));
  }
  print(table(rows));
  print(fmt::format(
      "\nof the last 90 days; RETRIES: on average, of what was healed; WAITED: by darn, for that\n"
      "SAVED: healed x {} min to notice a failure, look at it and start again: an assumption, not "
      "a\n"
      "measurement (--minutes N for yours)\n",
      minutes));
  return 0;
}

int show_breakers(const std::vector<exec::BreakerRow>& all, bool json) {
  nlohmann::json list = nlohmann::json::array();
  std::vector<Row> rows{{"BREAKER", "STATE", "FAILED", "LAST FAILURE", "UNTIL"}};
  for (const exec::BreakerRow& b : all) {
    const bool open = b.state == breaker_state::open;
    list.push_back({{"name", b.name},
                    {"state", to_string(b.state)},
                    {"failure_rate", b.failure_rate},
                    {"attempts", b.calls},
                    {"category", b.category},
                    {"until", open ? nlohmann::json(format_utc(b.until)) : nlohmann::json()}});
    rows.push_back({b.name, std::string(to_string(b.state)),
                    b.calls > 0 ? fmt::format("{:.0f}% of {}", 100 * b.failure_rate, b.calls) : "-",
                    b.category.empty() ? "-" : b.category,
                    open ? format_local_clock(b.until) : "-"});
  }
  if (json) {
    print(dump(list, 1) + "\n");
  } else if (all.empty()) {
    say("darn: there are no breakers\n");
  } else {
    print(table(rows));
  }
  return 0;
}

}  // namespace

Result<int> exec_books(const Context& context, const ExecOptions& options) {
  const std::string path = exec::default_ledger();
  DARN_ASSIGN(const auto ledger, exec::Ledger::open(path, false).map_error(exec::in_own_words));
  const Time now = context.clock->now();
  if (!options.reset.empty()) {
    DARN_ASSIGN(const bool known, ledger ? ledger->reset(options.reset) : Result<bool>(false));
    if (!known) {
      return fail(ErrorKind::usage, "there is no breaker '" + options.reset + "'",
                  "'darn exec --breakers' lists them");
    }
    say("darn: breaker '{}' is closed\n", printable(options.reset));
    return 0;
  }
  if (options.breakers) {
    DARN_ASSIGN(const auto rows,
                ledger ? ledger->breakers(now) : Result<std::vector<exec::BreakerRow>>());
    return show_breakers(rows, options.json);
  }
  DARN_ASSIGN(const auto all,
              ledger ? ledger->stats(options.use.name) : Result<std::vector<NameStats>>());
  return show_stats(all, options);
}

}  // namespace darn::cli
