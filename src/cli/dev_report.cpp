#include "cli/dev_report.hpp"

#include <string.h>

#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"
#include "cli/exec_end.hpp"
#include "cli/markdown.hpp"
#include "cli/table.hpp"

namespace darn::cli {
namespace {

using dev::Account;
using dev::Step;
using exec::Ending;
using exec::Report;
using Row = std::vector<std::string>;

std::string signal_name(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return "SIG" + (name != nullptr ? std::string(name) : std::to_string(signal));
}

// "exit 7, connection refused (network)"
std::string failure(const Report& r) {
  if (r.rejected) {
    return "not started, its breaker is open";
  }
  std::string why = r.history.empty() ? "" : darn::one_line(to_utf8(r.history.back().why));
  if (r.category == Category::unknown) {  // the last line of its output is no reason
    why = why.substr(0, why.find(", "));
  }
  return fmt::format("{} ({})", shorten(why, 60), to_string(r.category));
}

std::string how(const Step& step) {
  if (step.uses.empty()) {
    return "not run";
  }
  const Report& own = step.uses.front().report;
  const dev::Use& last = step.uses.back();
  if (last.report.ending == Ending::interrupted) {
    return "interrupted";
  }
  if (step.uses.size() == 1) {
    switch (own.ending) {
      case Ending::ok: return "ok";
      case Ending::healed:
        return fmt::format("healed at attempt {} ({})", own.attempts, to_string(own.category));
      default: return "failed: " + failure(own);
    }
  }
  if (step.succeeded()) {
    return fmt::format("fell back to {} after {}", last.entry->name, failure(own));
  }
  return fmt::format("failed: {}; {}, too: {}", failure(own), last.entry->name,
                     failure(last.report));
}

std::string_view outcome(const Step& step) {
  if (step.uses.empty()) {
    return "not_run";
  }
  const bool fell_back = step.uses.size() > 1 && step.succeeded();
  return to_string(fell_back ? Ending::fallback : step.uses.back().report.ending);
}

Duration time_of(const Step& step) {
  Duration sum{};
  for (const dev::Use& use : step.uses) {
    sum += use.report.duration;
  }
  return sum;
}

std::vector<Row> rows(const Account& account) {
  std::vector<Row> all{{"STEP", "RESULT", "ATTEMPTS", "TIME"}};
  for (const Step& step : account.steps) {
    const bool ran = !step.uses.empty();
    all.push_back({step.entry->name, how(step),
                   ran ? std::to_string(step.uses.front().report.attempts) : "-",
                   ran ? format_duration(time_of(step)) : "-"});
  }
  return all;
}

std::vector<std::string> names_of(const Account& account, std::string_view with) {
  std::vector<std::string> names;
  for (const Step& step : account.steps) {
    if (outcome(step) == with) {
      names.push_back(step.entry->name);
    }
  }
  return names;
}

// Somebody asked darn to end, and something had not succeeded yet.
bool broken_off(const Account& account) {
  return account.asked != 0 && !std::all_of(account.steps.begin(), account.steps.end(),
                                            [](const Step& step) { return step.succeeded(); });
}

std::string_view outcome(const Account& account) {
  if (broken_off(account)) {
    return "interrupted";
  }
  if (account.first_failure() != nullptr) {
    return "failed";
  }
  return !names_of(account, "fallback").empty() ? "fallback"
         : !names_of(account, "healed").empty() ? "healed"
                                                : "ok";
}

}  // namespace

bool went_well(const Account& account) {
  return std::all_of(account.steps.begin(), account.steps.end(),
                     [](const Step& step) { return outcome(step) == "ok"; });
}

DevEnd end_of(const Account& account, bool fail_on_healed) {
  if (broken_off(account) && account.steps.size() > 1) {
    return {128 + account.asked, account.asked};
  }
  if (const Step* failed = account.first_failure(); failed != nullptr) {
    // One command that was asked to end may have answered in its own way.
    const auto& uses = failed->uses;
    const Report& report = account.asked != 0 ? uses.back().report : uses.front().report;
    return {report.signal != 0 ? 128 + report.signal : report.status, report.signal};
  }
  return {fail_on_healed && !went_well(account) ? 1 : 0, 0};
}

std::string dev_table(const Account& account) { return table(rows(account), 2); }

std::string dev_markdown(const Account& account, const std::string& what) {
  std::string text = "\n| step | result | attempts | time |\n| --- | --- | ---: | ---: |\n";
  const std::vector<Row> all = rows(account);
  for (std::size_t i = 1; i < all.size(); ++i) {
    for (const std::string& text_of_cell : all[i]) {
      text += "| " + markdown_cell(text_of_cell) + " ";
    }
    text += "|\n";
  }
  return text + "\ndarn: " + markdown_cell(closing_line(account, what)) + "\n";
}

std::string closing_line(const Account& account, const std::string& what) {
  const std::size_t steps = account.steps.size();
  const auto succeeded =
      static_cast<std::size_t>(std::count_if(account.steps.begin(), account.steps.end(),
                                             [](const Step& step) { return step.succeeded(); }));
  const auto not_run = names_of(account, "not_run");
  std::string line = "dev " + what;
  if (outcome(account) == "interrupted") {
    line += fmt::format(" was interrupted by {}", signal_name(account.asked));
  } else if (const Step* failed = account.first_failure(); failed != nullptr) {
    line += " failed";
    line += failed->entry->name == what ? "" : " at " + failed->entry->name;
    line += ": " + failure(failed->uses.front().report);
  } else {
    line += " succeeded";
  }
  if (steps > 1) {
    line += succeeded == steps ? fmt::format(": {} steps", steps)
                               : fmt::format("; {} of {} steps succeeded", succeeded, steps);
  }
  for (const auto& [with, word] : {std::pair{"healed", "healed"}, {"fallback", "by a fallback"}}) {
    if (const auto names = names_of(account, with); !names.empty()) {
      line += fmt::format(", {}: {}", word, join(names, ", "));
    }
  }
  if (!not_run.empty()) {
    line += fmt::format(", {} not run", not_run.size());
  }
  return line + fmt::format("; {} in all", format_duration(account.duration));
}

nlohmann::json dev_json(const Account& account, const DevEnd& end) {
  nlohmann::json steps = nlohmann::json::array();
  for (const Step& step : account.steps) {
    nlohmann::json uses = nlohmann::json::array();
    for (const dev::Use& use : step.uses) {
      const Report& r = use.report;
      uses.push_back(report_json(r, r.signal != 0 ? 128 + r.signal : r.status));
    }
    steps.push_back({{"name", step.entry->name},
                     {"command", to_utf8(step.entry->run)},
                     {"outcome", outcome(step)},
                     {"attempts", step.uses.empty() ? 0 : step.uses.front().report.attempts},
                     {"duration_ms", time_of(step).count()},
                     {"uses", uses}});
  }
  return {{"outcome", outcome(account)},
          {"status", end.status},
          {"signal", end.signal != 0 ? nlohmann::json(end.signal) : nlohmann::json()},
          {"duration_ms", account.duration.count()},
          {"steps", steps}};
}

}  // namespace darn::cli
