// `darn status --json`: the run's state as other programs read it. Tasks are streamed, so a million
// of them need no memory.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "base/result.hpp"
#include "model/run.hpp"
#include "store/store.hpp"

namespace darn::cli {

nlohmann::json run_json(const RunRecord& run);  // everything but the tasks
nlohmann::json task_json(const TaskRecord& task);
// The whole document, with a line per task.
Status write_status_json(Store& store, const RunRecord& run, bool with_tasks,
                         const std::function<void(std::string_view)>& write);

// On one line, or indented; invalid UTF-8 is replaced, never thrown at.
std::string dump(const nlohmann::json& value, int indent = -1);

}  // namespace darn::cli
