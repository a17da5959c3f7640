// What is said of a use: lines for people, one line of JSON for machines, one line of Markdown for
// the summary of a CI step. Pure but for the times of day.
#pragma once

#include <string>

#include "exec/exec.hpp"
#include "exec/judge.hpp"

namespace darn::exec {

// "network (exit 1, connection refused)"
std::string describe(const Attempt& attempt, const std::string& program);
// "attempt 1 failed: …; retry 1 of 5 in 4.1s"
std::string retry_line(const Report& report, const std::string& program, const Next& next);
// How it ended; empty when there is nothing to say: succeeded, or failed with nothing to be done.
std::string end_line(const Report& report, const std::string& program);
// How to look at an open breaker and to close it.
std::string rejection(const std::string& breaker, Time until, Time now);

std::string report_json(const Report& report);
// Empty for a success at the first try.
std::string step_summary_line(const Report& report);

}  // namespace darn::exec
