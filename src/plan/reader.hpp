// Task files in: CSV (RFC 4180) and YAML become a stream of checked TaskSpecs. One pass, bounded
// memory but for ids and edges: a million rows is a normal file. The first thing wrong ends the
// reading with one Error that has file, line, column and the mend; nothing has been started by
// then.
#pragma once

#include <functional>
#include <istream>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "model/run.hpp"

namespace darn {

class TaskGraph;  // plan/graph.hpp

struct TaskSource {
  std::string path;  // as given; "-" is standard input
  std::string text;  // the whole file (mapped or read)
  enum class Format : std::uint8_t { csv, yaml } format = Format::csv;
};

// Reads PATH ("-": standard input), refuses directories, empty files, NUL and non-UTF-8. The format
// follows the extension (.csv, .yaml, .yml); otherwise the first significant bytes decide.
Result<TaskSource> load_source(const std::string& path);

struct SourceHeader {
  std::vector<std::string> columns;  // of a CSV
};

// What a YAML file says beside its tasks (agents, pools, policy, defaults, run settings) is laid
// over `settings`; a CSV changes nothing. Call before read_tasks.
Status read_settings(const TaskSource& source, RunSettings& settings);

// `raw` is the CSV record's exact text (without the line end), empty for YAML.
// `where` is the place of the id. The sink may refuse a task (the store failed); that ends the
// reading.
using TaskSink =
    std::function<Status(const TaskSpec& task, std::string_view raw, const Location& where)>;

// Reads, merges settings.defaults, validates each row on its own (columns, numbers, durations,
// paths, an agent that is not defined in settings.agents) and hands it on in file order. A `graph`
// is given each task before the sink is, with the exact places that its errors then show; the
// caller calls its finish().
Result<SourceHeader> read_tasks(const TaskSource& source, const RunSettings& settings,
                                const TaskSink& sink, TaskGraph* graph = nullptr);

// Splits one CSV record (a `raw` from above) into its cells; the inverse quotes where needed.
std::vector<std::string> split_record(std::string_view record);
std::string join_record(const std::vector<std::string>& cells);

}  // namespace darn
