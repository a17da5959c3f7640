#include "exec/talk.hpp"

#include <cstdio>

#include <fmt/format.h>

#include "base/text.hpp"

namespace darn::exec {
namespace {

void say(const std::string& text, bool open = false) {
  const std::string line = (open ? "\ndarn: " : "darn: ") + one_line(text) + "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);
}

std::string seconds(Duration d) {
  using namespace std::chrono_literals;
  if (d < 100ms) {
    return fmt::format("{} ms", d.count());
  }
  return d < 1min ? fmt::format("{:.1f} s", static_cast<double>(d.count()) / 1000)
                  : format_duration(d);
}

const char* plural(int n) { return n == 1 ? "" : "s"; }

}  // namespace

void Talk::retrying(const Report& report, const std::string& why, const Next& plan,
                    bool open) const {
  if (!quiet_) {
    say(fmt::format("attempt {} failed: {} ({}); retry {} of {} in {}", report.attempts,
                    to_string(report.category), why, plan.number, plan.of, seconds(plan.delay)),
        open);
  }
}

void Talk::gave_up(const Report& report, const std::string& why, const std::string& why_not,
                   bool open) const {
  if (!quiet_) {
    const std::string what = report.attempts > 1
                                 ? fmt::format("gave up after {} attempts", report.attempts)
                                 : std::string("attempt 1 failed");
    say(fmt::format("{}: {} ({}){}{}", what, to_string(report.category), why,
                    why_not.empty() ? "" : "; ", why_not),
        open);
  }
}

void Talk::healed(const Report& report) const {
  if (!quiet_) {
    say(fmt::format("healed: attempt {} succeeded after {} {} failure{}, {} waited",
                    report.attempts, report.attempts - 1, to_string(report.category),
                    plural(report.attempts - 1), seconds(report.waited)));
  }
}

void Talk::breaker_open(const std::string& name, const std::string& until, int attempts) const {
  // Nothing ran: without this line nobody would know why.
  if (!quiet_ || attempts == 0) {
    say(fmt::format(
        "{}breaker '{}' is open {}; look: darn exec --breakers; reset: darn exec --reset {}",
        attempts == 0 ? "not started: " : "no more retries: ", name, until,
        name.find(' ') == std::string::npos ? name : "'" + name + "'"));
  }
}

void Talk::falling_back() const { note("runs the fallback"); }

void Talk::note(const std::string& text) const {
  if (!quiet_) {
    say(text);
  }
}

void Talk::warn(const std::string& text) const { say(text); }

}  // namespace darn::exec
