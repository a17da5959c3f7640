#include "cli/flags.hpp"

#include <cstdio>
#include <string>

#include <fmt/format.h>

#include "base/text.hpp"
#include "cli/say.hpp"
#include "config/config.hpp"

namespace darn::cli {
namespace {

tl::unexpected<Error> wrong_flag(const std::string& flag, const std::string& what,
                                 const std::string& mend = {}) {
  return fail(ErrorKind::usage, flag + ": " + what, mend);
}

Status apply_budget(const std::string& text, RunSettings& settings) {
  // Written as in a task file; a bare number is what most mean: dollars.
  TaskSpec cell;
  const std::string amount = parse_number(text) ? text + "usd" : text;
  if (const Status set = set_field(cell, "budget", amount); !set) {
    return wrong_flag("--budget", set.error().message, set.error().mend);
  }
  settings.budget = cell.budget;
  return {};
}

Status apply_halt(const RunningOptions& options, RunSettings& settings) {
  const int given =
      int{options.keep_going} + int{options.fail_fast} + int{options.halt_after.has_value()};
  if (given > 1) {
    return fail(ErrorKind::usage, "--keep-going, --fail-fast and --halt-after exclude each other",
                "give one of them");
  }
  if (options.keep_going) {
    settings.halt = HaltMode::keep_going;
  }
  if (options.fail_fast) {
    settings.halt = HaltMode::fail_fast;
  }
  if (options.halt_after) {
    settings.halt = HaltMode::after_percent;
    settings.halt_percent = *options.halt_after;
  }
  return {};
}

void apply_cycles(const RunningOptions& options, RunSettings& settings) {
  settings.auto_retry = settings.auto_retry || options.auto_retry;
  if (options.max_retries) {
    settings.max_retries = *options.max_retries;
    if (!settings.auto_retry && *options.max_retries > 0) {
      say("darn: --max-retries does nothing without --auto-retry\n");
    }
  }
}

}  // namespace

Status apply_flags(const RunningOptions& options, RunSettings& settings) {
  if (options.jobs) {
    settings.jobs = *options.jobs;
  }
  apply_cycles(options, settings);
  if (!options.budget.empty()) {
    DARN_TRY(apply_budget(options.budget, settings));
  }
  DARN_TRY(apply_halt(options, settings));
  settings.fail_on_healed = settings.fail_on_healed || options.fail_on_healed;
  if (options.timeout) {
    settings.defaults.timeout = options.timeout;
  }
  if (options.idle_timeout) {
    settings.defaults.idle_timeout = options.idle_timeout;
  }
  if (options.retries) {
    settings.defaults.retries = options.retries;
  }
  settings.grace = options.grace.value_or(settings.grace);
  if (!options.durability.empty()) {
    settings.durability = options.durability;
  }
  if (!options.notify.empty()) {
    settings.notify = options.notify;
  }
  return {};
}

}  // namespace darn::cli
