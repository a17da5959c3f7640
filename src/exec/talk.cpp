#include "exec/talk.hpp"

#include <cstring>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.hpp"

namespace darn::exec {
namespace {

constexpr std::size_t kSummary = 160;

std::string how(const Outcome& o) {
  switch (o.end) {
    case End::exited: return fmt::format("exit {}", o.exit_code);
    case End::signalled: return fmt::format("ended by SIG{}", ::sigabbrev_np(o.signal));
    case End::timed_out: return fmt::format("timed out after {}", format_duration(o.wall));
    case End::deadline: return "the deadline passed";
    case End::not_started: return ::strerror(o.start_errno);
    default: return std::string(to_string(o.end));
  }
}

std::string count(std::size_t n, const char* one, const char* many) {
  return n == 1 ? fmt::format("1 {}", one) : fmt::format("{} {}", n, many);
}

std::string attempts(const Report& r) { return count(r.attempts.size(), "attempt", "attempts"); }

}  // namespace

std::string describe(const Attempt& attempt, const std::string& program) {
  const Outcome& o = attempt.outcome;
  if (o.end == End::not_started) {
    return fmt::format("cannot start {}: {}", printable(program), how(o));
  }
  const std::string said = shorten(one_line(attempt.diagnosis.summary), kSummary);
  // What only says again how it ended is left out.
  const bool adds = !said.empty() && o.end == End::exited && !said.starts_with("exit");
  return fmt::format("{} ({}{}{})", to_string(attempt.diagnosis.category), how(o), adds ? ", " : "",
                     adds ? said : "");
}

std::string retry_line(const Report& report, const std::string& program, const Next& next) {
  return fmt::format("attempt {} failed: {}; retry {} of {} in {}", report.attempts.size(),
                     describe(report.attempts.back(), program), next.retry, next.of,
                     format_duration(next.delay));
}

std::string end_line(const Report& report, const std::string& program) {
  switch (report.ending) {
    case Ending::succeeded: return "";
    case Ending::healed:
      return fmt::format("healed: succeeded at attempt {}, after {}", report.attempts.size(),
                         format_duration(report.took));
    case Ending::fell_back:
      return fmt::format(
          "the fallback did it: {} ({})",
          report.attempts.empty() ? "nothing was started" : attempts(report) + " failed",
          report.why);
    case Ending::rejected: return report.why;
    case Ending::interrupted:
      return report.attempts.size() > 1 ? "interrupted: no more retries" : "";
    case Ending::failed: break;
  }
  const Attempt& last = report.attempts.back();
  if (report.fallback) {
    return fmt::format("the fallback failed, too ({}), after: {}", how(*report.fallback),
                       describe(last, program));
  }
  return fmt::format("{}: {}; not tried again: {}",
                     report.attempts.size() == 1 ? "failed" : "gave up after " + attempts(report),
                     describe(last, program), report.why);
}

std::string rejection(const std::string& breaker, Time until, Time now) {
  return fmt::format(
      "breaker '{}' is open until {} (for {}): not started; 'darn exec --breakers' "
      "shows it, 'darn exec --reset {}' closes it",
      breaker, format_local_clock(until), format_duration(std::max(until - now, Duration{0})),
      breaker);
}

std::string report_json(const Report& r) {
  nlohmann::ordered_json j{{"name", r.name},
                           {"ending", to_string(r.ending)},
                           {"status", r.status},
                           {"signal", r.signal},
                           {"healed", r.healed()},
                           {"used_fallback", r.used_fallback()},
                           {"rejected", r.rejected()},
                           {"category", to_string(r.category())},
                           {"why", to_utf8(r.why)},
                           {"retries", r.retries()},
                           {"began", format_utc(r.began)},
                           {"took_ms", r.took.count()},
                           {"saved_ms", r.saved.count()}};
  if (r.breaker_until) {
    j["breaker_until"] = format_utc(*r.breaker_until);
  }
  j["attempts"] = nlohmann::ordered_json::array();
  for (const Attempt& a : r.attempts) {
    j["attempts"].push_back({{"end", to_string(a.outcome.end)},
                             {"exit", a.outcome.exit_code},
                             {"signal", a.outcome.signal},
                             {"category", to_string(a.diagnosis.category)},
                             {"cause", to_string(a.diagnosis.cause)},
                             {"summary", to_utf8(a.diagnosis.summary)},
                             {"rule", a.diagnosis.rule},
                             {"waited_ms", a.waited.count()},
                             {"took_ms", a.outcome.wall.count()}});
  }
  return j.dump();
}

std::string step_summary_line(const Report& r) {
  if (r.ending == Ending::succeeded) {
    return "";
  }
  std::string what;
  switch (r.ending) {
    case Ending::healed:
      what = fmt::format("healed by {}", count(r.retries(), "retry", "retries"));
      break;
    case Ending::fell_back: what = "done by the fallback"; break;
    case Ending::rejected: what = "not started: its breaker is open"; break;
    case Ending::interrupted: what = "interrupted"; break;
    default: what = "failed after " + attempts(r); break;
  }
  std::string category(to_string(r.category()));
  return fmt::format("- `darn exec` **{}**: {}{}, {}", r.name, what,
                     r.attempts.empty() ? "" : fmt::format(" ({})", category),
                     format_duration(r.took));
}

}  // namespace darn::exec
