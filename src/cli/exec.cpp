// darn exec [OPTIONS] -- CMD …
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/exec_tables.hpp"
#include "cli/say.hpp"
#include "exec/ledger.hpp"
#include "exec/talk.hpp"
#include "process/fd.hpp"

namespace darn::cli {
namespace {

// network | 75 | /regex/
Status add_retry_on(const std::string& what, exec::RetryOn& on) {
  if (what.size() >= 2 && what.front() == '/' && what.back() == '/') {
    on.patterns.push_back(what.substr(1, what.size() - 2));
    return {};
  }
  if (const auto number = parse_int(what); number && *number >= 1 && *number <= 255) {
    on.exits.push_back(static_cast<int>(*number));
    return {};
  }
  const auto category = parse_category(what);
  if (!category || *category == Category::none) {
    return fail(ErrorKind::usage, "--retry-on: " + quote(what) + " is no kind of failure",
                "network, timeout, transient, rate_limit, resource, unknown, permanent, an exit "
                "status from 1 to 255, or /regex/");
  }
  on.categories.push_back(*category);
  return {};
}

Result<exec::Request> make_request(const ExecOptions& o) {
  exec::Request request;
  if (o.words.empty()) {
    return fail(ErrorKind::usage, "darn exec: no command is given", "darn exec -- CMD …");
  }
  request.argv = o.words;
  request.name = o.name;
  request.retries = o.retries;
  if (!o.backoff.empty()) {
    for (const std::string_view part : split(o.backoff, ',')) {
      const auto delay = parse_duration(trim(part));
      if (!delay) {
        return fail(ErrorKind::usage,
                    "--backoff: " + quote(part) + " is not a duration such as 10ms, 5s or 1m30s");
      }
      request.backoff.push_back(*delay);
    }
  }
  request.timeout = o.timeout;
  request.deadline = o.deadline;
  request.grace = o.grace.value_or(request.grace);
  for (const std::string& what : o.retry_on) {
    DARN_TRY(add_retry_on(what, request.retry_on));
  }
  request.fallback = o.fallback;
  request.breaker = o.breaker;
  request.budget = o.budget;
  request.breaker_open = o.breaker_open.value_or(request.breaker_open);
  request.capture = o.capture;
  request.quiet = o.quiet;
  DARN_TRY(exec::check(request));
  return request;
}

// For the page that GitHub shows of a job. That it cannot be written ends nothing.
void add_to_step_summary(const exec::Report& report) {
  const char* path = std::getenv("GITHUB_STEP_SUMMARY");
  const std::string line = exec::step_summary_line(report);
  if (path == nullptr || *path == '\0' || line.empty()) {
    return;
  }
  const Fd file(::open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666));
  const std::string text = line + "\n";
  if (!file || ::write(file.get(), text.data(), text.size()) < 0) {
    say("darn: warning: the step summary cannot be written: {}\n", std::strerror(errno));
  }
}

Result<int> show(const Context& context, const ExecOptions& o) {
  const std::string path = exec::default_ledger();
  DARN_ASSIGN(exec::Ledger ledger, exec::Ledger::open(path, true));
  if (!o.reset.empty()) {
    DARN_ASSIGN(const bool found, ledger.reset(o.reset));
    if (!found) {
      return fail(ErrorKind::usage, "there is no breaker or budget " + quote(o.reset),
                  "'darn exec --breakers' lists them");
    }
    say("darn: '{}' begins anew\n", printable(o.reset));
    return 0;
  }
  if (o.breakers) {
    const Time now = context.clock->now();
    DARN_ASSIGN(const auto breakers, ledger.breakers(now));
    DARN_ASSIGN(const auto budgets, ledger.budgets(now));
    print(o.json ? guards_json(breakers, budgets) : guards_table(breakers, budgets, now));
    return 0;
  }
  DARN_ASSIGN(const auto stats, ledger.stats(o.name));
  print(o.json ? stats_json(stats) : stats_table(stats));
  return 0;
}

}  // namespace

Result<int> exec_command(const Context& context, const ExecOptions& o) {
  const int looks = int{o.stats} + int{o.breakers} + int{!o.reset.empty()};
  if (looks > 1 || (looks == 1 && !o.words.empty())) {
    return fail(ErrorKind::usage, "--stats, --breakers and --reset stand alone, without a command");
  }
  if (looks == 1) {
    return show(context, o);
  }
  DARN_ASSIGN(const exec::Request request, make_request(o));
  exec::Report report = exec::execute(request);
  add_to_step_summary(report);
  const bool not_at_first = report.healed() || report.ending == exec::Ending::fell_back;
  if (o.fail_on_healed && not_at_first) {
    report.status = 1;
  }
  if (o.json) {
    say("{}\n", exec::report_json(report));
  }
  return exec::end_like(report);
}

}  // namespace darn::cli
