// Any bytes as a CSV task file: the reader and the graph must not crash, errors must have a place
// and be one line, and a record must survive being split and joined.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "plan/graph.hpp"
#include "plan/reader.hpp"

namespace {

using namespace darn;

void require(bool holds) {
  if (!holds) {
    std::abort();
  }
}

const RunSettings& settings() {
  static const RunSettings with_agent = [] {
    RunSettings out;
    out.agents["a"].command = {"a"};
    return out;
  }();
  return with_agent;
}

void check_error(const Error& error) {
  require(error.where.file == "f" && error.where.line > 0 && error.where.column > 0);
  require(error.text().find('\n') == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const TaskSource source{"f", std::string(reinterpret_cast<const char*>(data), size),
                          TaskSource::Format::csv};
  TaskGraph graph;
  const auto sink = [](const TaskSpec& task, std::string_view raw, const Location&) -> Status {
    require(!task.id.empty() && (!task.command.empty() || task.is_agent()));
    const auto cells = split_record(raw);
    require(split_record(join_record(cells)) == cells);
    return {};
  };
  const auto header = read_tasks(source, settings(), sink, &graph);
  if (!header) {
    check_error(header.error());
    return 0;
  }
  if (const Status status = graph.finish(); !status) {
    check_error(status.error());
    return 0;
  }
  std::size_t tasks = 0;
  for (const std::size_t level : graph.level_sizes()) {
    tasks += level;
  }
  require(tasks == graph.size());
  return 0;
}
