// How a command with recovery ends: what darn exec and darn dev leave behind for others to read.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "exec/exec.hpp"
#include "process/fd.hpp"

namespace darn::cli {

// `status`: as darn's parent sees it.
nlohmann::json report_json(const exec::Report& report, int status);

bool write_all(const Fd& file, const std::string& text);

// Where GitHub Actions shows what is worth knowing of a job; elsewhere nothing.
void add_to_step_summary(const std::string& text);

// Whoever started darn sees what it would have seen of the command. Returns when that is
// impossible.
void end_by(int signal);

}  // namespace darn::cli
