// darn exec [OPTIONS] -- COMMAND …: one command, with recovery; src/exec/ is what does it.
#include <string>

#include <fmt/format.h>

#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/exec_end.hpp"
#include "cli/say.hpp"
#include "cli/status_json.hpp"
#include "process/fd.hpp"

namespace darn::cli {
namespace {

using exec::Ending;
using exec::Report;

std::string summary_line(const Report& r) {
  std::string name = r.name;
  std::erase_if(name, [](char c) { return c == '`'; });
  const std::string of = fmt::format("`{}` ", name);
  const auto after = [&] {
    return fmt::format(" (last failure: {}; {} in all)", to_string(r.category),
                       format_duration(r.duration));
  };
  switch (r.ending) {
    case Ending::healed: return of + fmt::format("healed at attempt {}", r.attempts) + after();
    case Ending::fallback:
      return of + fmt::format("failed {} times; its fallback succeeded", r.attempts) + after();
    case Ending::rejected: return of + "was not started: its breaker is open";
    case Ending::interrupted: return of + "was interrupted";
    default:
      return of + fmt::format("failed after {} attempt{}", r.attempts, r.attempts == 1 ? "" : "s") +
             after();
  }
}

}  // namespace

Result<int> exec_command(const Context& context, const ExecOptions& options) {
  if (options.use.argv.empty()) {
    return exec_books(context, options);
  }
  Fd file;
  if (!options.report.empty()) {  // before anything is started, so that it can be refused
    file.reset(::open(options.report.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (!file) {
      return fail_errno("cannot write " + printable(options.report));
    }
  }
  DARN_ASSIGN(const Report report, exec::run(options.use));
  const bool strict = options.fail_on_healed && report.status == 0 && report.signal == 0 &&
                      report.ending != Ending::ok;
  if (strict && !options.use.quiet) {
    say("darn: exit status 1, because it did not succeed at the first try (--fail-on-healed)\n");
  }
  const int status = strict ? 1 : report.status;
  if (report.ending != Ending::ok) {  // what went as it should needs no line
    add_to_step_summary("- darn: " + summary_line(report) + "\n");
  }
  const std::string line =
      dump(report_json(report, report.signal != 0 ? 128 + report.signal : status)) + "\n";
  if (options.json) {
    say("{}", line);
  }
  if (file && !write_all(file, line)) {
    say("darn: cannot write {}\n", printable(options.report));
  }
  if (report.signal != 0) {
    end_by(report.signal);
    return 128 + report.signal;  // it could not be raised
  }
  return status;
}

}  // namespace darn::cli
