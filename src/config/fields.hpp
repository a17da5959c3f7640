// The names of a task's fields; for the readers of config/ only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace darn {

// All reserved names that have a meaning; `cell_only`: those that a CSV column may have.
const std::vector<std::string>& task_fields(bool cell_only);

// Letters, digits, '_', no digit first.
bool is_variable(std::string_view name);

// "column 'x'", "key 'x'"
std::string fmt_column(std::string_view word, std::string_view name);

}  // namespace darn
