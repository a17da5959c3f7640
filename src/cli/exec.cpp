// darn exec [OPTIONS] -- COMMAND …: one command, with recovery; src/exec/ is what does it.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/say.hpp"
#include "cli/status_json.hpp"
#include "process/fd.hpp"

namespace darn::cli {
namespace {

using exec::Ending;
using exec::Report;

nlohmann::json attempt_json(const exec::Attempt& a) {
  nlohmann::json j = {{"end", to_string(a.end)},
                      {"category", to_string(a.category)},
                      {"duration_ms", a.wall.count()},
                      {"waited_ms", a.waited.count()},
                      {"fallback", a.fallback}};
  j["exit"] = a.signal == 0 && a.exit_code >= 0 ? nlohmann::json(a.exit_code) : nlohmann::json();
  j["signal"] = a.signal != 0 ? nlohmann::json(a.signal) : nlohmann::json();
  if (!a.why.empty()) {
    j["why"] = to_utf8(a.why);
  }
  return j;
}

std::string report_json(const Report& r, int status) {
  nlohmann::json history = nlohmann::json::array();
  for (const exec::Attempt& a : r.history) {
    history.push_back(attempt_json(a));
  }
  const nlohmann::json j = {{"name", r.name},
                            {"outcome", to_string(r.ending)},
                            {"status", status},
                            {"signal", r.signal != 0 ? nlohmann::json(r.signal) : nlohmann::json()},
                            {"attempts", r.attempts},
                            {"healed", r.healed},
                            {"category", to_string(r.category)},
                            {"duration_ms", r.duration.count()},
                            {"waited_ms", r.waited.count()},
                            {"fallback", r.used_fallback},
                            {"rejected", r.rejected},
                            {"history", history}};
  return dump(j);
}

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

bool write_all(const Fd& file, const std::string& text) {
  return file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

// Where GitHub Actions shows what is worth knowing of a job. What went as it should is not.
void add_to_step_summary(const Report& report) {
  const char* path = std::getenv("GITHUB_STEP_SUMMARY");
  if (path == nullptr || *path == '\0' || report.ending == Ending::ok) {
    return;
  }
  const std::string line = "- darn: " + summary_line(report) + "\n";
  const Fd file(::open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!write_all(file, line)) {
    say("darn: cannot write the step summary {}\n", printable(path));
  }
}

// Whoever started darn sees what it would have seen of the command.
void end_by(int signal) {
  std::fflush(nullptr);
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);  // the core worth having is the command's
  ::signal(signal, SIG_DFL);
  sigset_t one;
  ::sigemptyset(&one);
  ::sigaddset(&one, signal);
  ::sigprocmask(SIG_UNBLOCK, &one, nullptr);
  ::kill(::getpid(), signal);
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
  add_to_step_summary(report);
  const std::string line =
      report_json(report, report.signal != 0 ? 128 + report.signal : status) + "\n";
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
