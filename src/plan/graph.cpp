#include "plan/graph.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"
#include "plan/id_table.hpp"

namespace darn {
namespace {

constexpr std::uint32_t kNone = UINT32_MAX;
constexpr std::size_t kMostShown = 1000;  // ids of a cycle

struct Spot {
  std::uint32_t line = 0, column = 0, after_line = 0, after_column = 0;
};

bool is_plain(std::string_view id) {
  return std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

}  // namespace

struct TaskGraph::Data {
  std::string file;
  IdTable ids;                            // of tasks and of what they depend on
  std::vector<std::uint32_t> task_of_id;  // kNone: no task (yet)
  std::vector<std::uint32_t> id_of_task;
  std::vector<Spot> spots;
  std::vector<std::size_t> edge_begin{0};  // of each task's, in edges
  std::vector<std::uint32_t> edges;        // ids that it depends on
  std::vector<std::size_t> levels;
  bool plain = true;  // no id that env_name() changes

  std::size_t size() const { return id_of_task.size(); }

  std::uint32_t intern(const std::string& id) {
    const std::uint32_t number = ids.intern(id);
    if (number == task_of_id.size()) {
      task_of_id.push_back(kNone);
      plain = plain && is_plain(id);
    }
    return number;
  }

  // Calls visit(task) for each dependency that is a task of this file.
  template <class Visit>
  void each_dependency(std::size_t task, Visit visit) const {
    for (std::size_t e = edge_begin[task]; e < edge_begin[task + 1]; ++e) {
      if (const std::uint32_t on = task_of_id[edges[e]]; on != kNone) {
        visit(on);
      }
    }
  }

  std::string_view id(std::size_t task) const { return ids.name(id_of_task[task]); }
  Location where(std::size_t task) const { return {file, spots[task].line, spots[task].column}; }
  Location where_after(std::size_t task) const {
    return {file, spots[task].after_line, spots[task].after_column};
  }

  Status check_known(const std::function<bool(std::string_view)>& known_elsewhere) const;
  Status check_variables() const;
  Status find_levels();
  tl::unexpected<Error> cycle(const std::vector<std::uint32_t>& unresolved) const;
  std::string nearest_id(std::string_view id) const;
};

TaskGraph::TaskGraph() : data_(std::make_unique<Data>()) {}
TaskGraph::~TaskGraph() = default;
TaskGraph::TaskGraph(TaskGraph&&) noexcept = default;
TaskGraph& TaskGraph::operator=(TaskGraph&&) noexcept = default;

Status TaskGraph::add(const TaskSpec& task, const Location& where, const Location& after) {
  Data& data = *data_;
  if (data.size() == kNone - 1) {
    return fail(ErrorKind::bad_input, "more than four billion tasks", "split the file", where);
  }
  const std::uint32_t id = data.intern(task.id);
  if (data.task_of_id[id] != kNone) {
    return fail(ErrorKind::bad_input, "duplicate id " + quote(task.id),
                fmt::format("line {} has it already: give each task its own",
                            data.spots[data.task_of_id[id]].line),
                where);
  }
  if (data.file.empty()) {
    data.file = where.file;
  }
  data.task_of_id[id] = static_cast<std::uint32_t>(data.size());
  data.id_of_task.push_back(id);
  const Location& deps = after.line == 0 ? where : after;
  data.spots.push_back({where.line, where.column, deps.line, deps.column});
  const auto begin = static_cast<std::ptrdiff_t>(data.edges.size());
  for (const std::string& on : task.after) {
    data.edges.push_back(data.intern(on));
  }
  // Each dependency counts once, however often it is named.
  std::sort(data.edges.begin() + begin, data.edges.end());
  data.edges.erase(std::unique(data.edges.begin() + begin, data.edges.end()), data.edges.end());
  data.edge_begin.push_back(data.edges.size());
  return {};
}

std::string TaskGraph::Data::nearest_id(std::string_view wanted) const {
  std::size_t least = std::max<std::size_t>(wanted.size() / 3, 1) + 1;
  std::string best;
  for (std::size_t task = 0; task < size() && least > 1; ++task) {
    const std::string_view other = id(task);
    const std::size_t longer = std::max(other.size(), wanted.size());
    if (longer - std::min(other.size(), wanted.size()) >= least) {
      continue;
    }
    if (const std::size_t distance = edit_distance(wanted, other);
        distance < least && distance < other.size()) {
      least = distance;
      best = other;
    }
  }
  return best;
}

Status TaskGraph::Data::check_known(
    const std::function<bool(std::string_view)>& known_elsewhere) const {
  std::vector<bool> known(ids.size());
  for (std::size_t task = 0; task < size(); ++task) {
    for (std::size_t e = edge_begin[task]; e < edge_begin[task + 1]; ++e) {
      const std::uint32_t on = edges[e];
      if (task_of_id[on] != kNone || known[on]) {
        continue;
      }
      const std::string_view id = ids.name(on);
      if (known_elsewhere && known_elsewhere(id)) {
        known[on] = true;
        continue;
      }
      const std::string near = nearest_id(id);
      return fail(ErrorKind::bad_input, "unknown dependency " + quote(id),
                  near.empty() ? "add a task with that id, or remove it from 'after'"
                               : "did you mean " + quote(near) + "?",
                  where_after(task));
    }
  }
  return {};
}

// DARN_OUTPUT_<id> must mean one of a task's dependencies.
Status TaskGraph::Data::check_variables() const {
  std::vector<std::pair<std::string, std::uint32_t>> names;
  for (std::size_t task = 0; task < size() && !plain; ++task) {
    names.clear();
    for (std::size_t e = edge_begin[task]; e < edge_begin[task + 1]; ++e) {
      names.emplace_back(env_name(ids.name(edges[e])), edges[e]);
    }
    std::sort(names.begin(), names.end());
    const auto twin =
        std::adjacent_find(names.begin(), names.end(),
                           [](const auto& a, const auto& b) { return a.first == b.first; });
    if (twin != names.end()) {
      return fail(ErrorKind::bad_input,
                  fmt::format("dependencies {} and {} would both be DARN_OUTPUT_{}",
                              quote(ids.name(twin->second)), quote(ids.name((twin + 1)->second)),
                              shorten(twin->first, 80)),
                  "rename one of them", where_after(task));
    }
  }
  return {};
}

// Kahn's algorithm: whoever waits for nobody stands on level 0, and so on.
Status TaskGraph::Data::find_levels() {
  std::vector<std::uint32_t> waits(size());    // for how many
  std::vector<std::size_t> begin(size() + 1);  // of each task's dependents, in `dependents`
  for (std::size_t task = 0; task < size(); ++task) {
    each_dependency(task, [&](std::uint32_t on) {
      ++waits[task];
      ++begin[on + 1];
    });
  }
  for (std::size_t task = 0; task < size(); ++task) {
    begin[task + 1] += begin[task];
  }
  std::vector<std::uint32_t> dependents(begin[size()]);
  std::vector<std::size_t> fill(begin.begin(), begin.end() - 1);
  for (std::size_t task = 0; task < size(); ++task) {
    each_dependency(
        task, [&](std::uint32_t on) { dependents[fill[on]++] = static_cast<std::uint32_t>(task); });
  }
  std::vector<std::uint32_t> order;  // level by level
  order.reserve(size());
  for (std::size_t task = 0; task < size(); ++task) {
    if (waits[task] == 0) {
      order.push_back(static_cast<std::uint32_t>(task));
    }
  }
  levels.clear();
  for (std::size_t at = 0; at < order.size();) {
    const std::size_t end = order.size();
    levels.push_back(end - at);
    for (; at < end; ++at) {
      for (std::size_t d = begin[order[at]]; d < begin[order[at] + 1]; ++d) {
        if (--waits[dependents[d]] == 0) {
          order.push_back(dependents[d]);
        }
      }
    }
  }
  return order.size() == size() ? Status{} : cycle(waits);
}

// Whoever still waits, waits for somebody who does: following that leads into a cycle.
tl::unexpected<Error> TaskGraph::Data::cycle(const std::vector<std::uint32_t>& waits) const {
  std::vector<std::uint32_t> path;
  std::vector<bool> seen(size());
  auto at = static_cast<std::uint32_t>(
      std::find_if(waits.begin(), waits.end(), [](std::uint32_t n) { return n > 0; }) -
      waits.begin());
  while (!seen[at]) {
    seen[at] = true;
    path.push_back(at);
    std::uint32_t next = kNone;
    each_dependency(at, [&](std::uint32_t on) {
      if (next == kNone && waits[on] > 0) {
        next = on;
      }
    });
    at = next;
  }
  path.erase(path.begin(), std::find(path.begin(), path.end(), at));
  std::rotate(path.begin(), std::min_element(path.begin(), path.end()), path.end());
  std::string text;
  for (std::size_t i = 0; i < std::min(path.size(), kMostShown); ++i) {
    text += one_line(id(path[i])) + " -> ";
  }
  if (path.size() > kMostShown) {
    text += fmt::format("… {} more … -> ", path.size() - kMostShown);
  }
  return fail(ErrorKind::bad_input, "cycle of dependencies: " + text + one_line(id(path[0])),
              "remove one of them from 'after'", where_after(path[0]));
}

Status TaskGraph::finish(const std::function<bool(std::string_view id)>& known_elsewhere) {
  DARN_TRY(data_->check_known(known_elsewhere));
  DARN_TRY(data_->check_variables());
  return data_->find_levels();
}

std::size_t TaskGraph::size() const { return data_->size(); }

const std::vector<std::size_t>& TaskGraph::level_sizes() const { return data_->levels; }

std::vector<std::uint32_t> TaskGraph::dependencies(std::size_t i) const {
  std::vector<std::uint32_t> out;
  data_->each_dependency(i, [&](std::uint32_t on) { out.push_back(on); });
  return out;
}

}  // namespace darn
