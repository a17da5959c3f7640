#include "dev/run.hpp"

#include <unistd.h>

#include <algorithm>

#include "base/text.hpp"
#include "process/stage.hpp"

namespace darn::dev {
namespace {

bool good(const exec::Report& report) { return report.status == 0 && report.signal == 0; }

// "$@" at the end, unless the command says itself where its arguments go.
std::string with_arguments(const std::string& run) {
  return run.find("$@") == std::string::npos ? std::string(trim(run)) + " \"$@\"" : run;
}

bool may_fall_back(const DevEntry& entry, const exec::Report& failed) {
  const auto& on = entry.fallback_on;
  return !entry.fallback.empty() && (on.empty() || failed.rejected ||
                                     std::find(on.begin(), on.end(), failed.category) != on.end());
}

class Runner {
 public:
  Runner(const Plan& plan, const DevEntries& entries, const Before& before)
      : plan_(plan),
        entries_(entries),
        before_(before),
        on_a_terminal_(::isatty(STDOUT_FILENO) == 1 || ::isatty(STDERR_FILENO) == 1) {}

  Result<Account> run() {
    const std::int64_t began = monotonic_ms();
    for (const DevEntry* command : plan_.commands) {
      account_.steps.push_back({command, {}});
    }
    for (std::size_t i = 0; i < account_.steps.size(); ++i) {
      DARN_TRY(take(i));
      if (account_.asked != 0 || !(account_.steps[i].succeeded() || plan_.keep_going)) {
        break;
      }
    }
    account_.duration = Duration{monotonic_ms() - began};
    return std::move(account_);
  }

 private:
  Status take(std::size_t index) {
    Step& step = account_.steps[index];
    for (const DevEntry* entry = step.entry; entry != nullptr;) {
      before_(*entry, index, !step.uses.empty());
      DARN_ASSIGN(exec::Report report, exec::run(options_of(*entry, plan_, on_a_terminal_)));
      account_.asked = report.asked;
      const bool on = !good(report) && report.asked == 0 && may_fall_back(*entry, report);
      step.uses.push_back({entry, std::move(report)});
      entry = on ? find_entry(entries_, entry->fallback) : nullptr;
    }
    return {};
  }

  const Plan& plan_;
  const DevEntries& entries_;
  const Before& before_;
  bool on_a_terminal_;
  Account account_;
};

}  // namespace

bool Step::succeeded() const { return !uses.empty() && good(uses.back().report); }

const Step* Account::first_failure() const {
  const auto it = std::find_if(steps.begin(), steps.end(), [](const Step& step) {
    return !step.uses.empty() && !step.succeeded();
  });
  return it == steps.end() ? nullptr : &*it;
}

exec::Options options_of(const DevEntry& entry, const Plan& plan, bool on_a_terminal) {
  exec::Options o;
  const bool takes_args = !plan.args.empty() && &entry == plan.commands.front();
  o.shell = takes_args ? with_arguments(entry.run) : entry.run;
  o.shell_args = takes_args ? plan.args : std::vector<std::string>{};
  o.cwd = plan.cwd;
  o.name = "dev:" + entry.name;
  o.retries = entry.retries;
  o.backoff = entry.backoff;
  o.timeout = entry.timeout;
  o.deadline = entry.deadline;
  o.retry_on = entry.retry_on;
  if (o.retry_on.empty()) {
    for (const Category category :
         {Category::network, Category::rate_limit, Category::timeout, Category::transient}) {
      o.retry_on.push_back({category, {}, {}});
    }
  }
  o.breaker = entry.breaker;
  o.budget = entry.budget;
  // Test runners say on standard output what went wrong. A terminal is left to the command, which
  // colours its output there, unless the entry asks for retries: they need what was said.
  const bool asks = entry.retries.value_or(0) > 0 || !entry.retry_on.empty();
  o.capture = asks || !on_a_terminal ? exec::Capture::always : exec::Capture::automatic;
  return o;
}

Result<Account> run(const Plan& plan, const DevEntries& entries, const Before& before) {
  return Runner(plan, entries, before).run();
}

}  // namespace darn::dev
