// Runs a short helper program (git, a version check, a notify command) to its end and captures it.
// Blocking; for the engine's tasks use ProcessRunner. No shell. Safe to call from one thread while
// shims run: it waits for its own child only.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace darn {

struct ToolResult {
  int exit_code = -1;  // 128 + signal when a signal ended it, as shells have it
  std::string out;     // at most 16 MiB each
  std::string err;
  bool timed_out = false;
};

struct ToolOptions {
  std::string cwd;
  std::string_view input;  // its standard input
  Duration timeout = std::chrono::minutes{2};
  std::vector<std::pair<std::string, std::string>> env;  // on top of darn's own
};

// ErrorKind::unavailable when the program cannot be started.
Result<ToolResult> run_tool(const std::vector<std::string>& argv, const ToolOptions& options = {});

}  // namespace darn
