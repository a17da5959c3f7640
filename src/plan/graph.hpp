// The run's DAG: ids, dependencies, levels. Feed it every task, then finish() says what is wrong
// (duplicate id, missing dependency, cycle: printed whole) with the place of the task's row.
// Memory: ids once, edges as 32-bit indexes. Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "model/task.hpp"

namespace darn {

class TaskGraph {
 public:
  TaskGraph();
  ~TaskGraph();
  TaskGraph(TaskGraph&&) noexcept;
  TaskGraph& operator=(TaskGraph&&) noexcept;

  // Fails at once on a duplicate id. Also on two ids with the same env_name() when one of them is a
  // dependency of the same task (DARN_OUTPUT_<id> would be ambiguous): checked in finish().
  // `where` is the place of the task's id, `after` that of its dependencies (default: the same).
  Status add(const TaskSpec& task, const Location& where, const Location& after = {});

  // Once, after the last add(). Ids that exist elsewhere and may be depended on: tasks of a live
  // run (darn add), successes of a parent run (a retry). Asked once per id that is not in this
  // file.
  Status finish(const std::function<bool(std::string_view id)>& known_elsewhere = {});

  std::size_t size() const;
  // After finish(): how many tasks stand on each level (0: no dependencies).
  const std::vector<std::size_t>& level_sizes() const;
  // Dependencies of the i-th task by index; those known elsewhere are not among them.
  std::vector<std::uint32_t> dependencies(std::size_t i) const;

 private:
  struct Data;
  std::unique_ptr<Data> data_;
};

}  // namespace darn
