// The two readers behind read_tasks; for plan/ only.
#pragma once

#include "plan/graph.hpp"
#include "plan/reader.hpp"

namespace darn {

Result<SourceHeader> read_csv_tasks(const TaskSource& source, const RunSettings& settings,
                                    const TaskSink& sink, TaskGraph* graph);
Result<SourceHeader> read_yaml_tasks(const TaskSource& source, const RunSettings& settings,
                                     const TaskSink& sink, TaskGraph* graph);

}  // namespace darn
