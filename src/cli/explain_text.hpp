// An attempt's story as `darn explain` and `darn lineage` tell it. Pure; all of what a task printed
// has gone through printable().
#pragma once

#include <string>

#include "cli/terminal.hpp"
#include "model/run.hpp"

namespace darn::cli {

// "exit status 1", "killed by signal 9 (out of memory)", "timed out after 5s".
std::string end_text(const Outcome& outcome);
// All about one attempt, over several lines.
std::string explain_attempt(const AttemptRecord& attempt, const Terminal& terminal);
// One line: "attempt 2 ✗ network: connection reset by peer -> retry in 5s [category.network]".
std::string attempt_line(const AttemptRecord& attempt, const Terminal& terminal);
// Printable, on one line, shortened.
std::string one_line(const std::string& text, std::size_t bytes = 300);

}  // namespace darn::cli
