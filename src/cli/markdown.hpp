// A run as Markdown: what a CI step summary shows. Pure.
#pragma once

#include <string>

#include "base/clock.hpp"
#include "cli/summary.hpp"

namespace darn::cli {

std::string markdown(const Summary& summary, Time now);

}  // namespace darn::cli
