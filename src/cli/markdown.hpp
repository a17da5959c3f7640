// A run as Markdown: what a CI step summary shows. Pure.
#pragma once

#include <string>

#include "base/clock.hpp"
#include "cli/summary.hpp"

namespace darn::cli {

// Text of tasks inside a table cell: neither markup nor HTML of theirs takes effect.
std::string markdown_cell(const std::string& text);

std::string markdown(const Summary& summary, Time now);

}  // namespace darn::cli
