// darn lineage [RUN] [TASK]: the tree of runs, cycles and attempts, from the root down.
#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/explain_text.hpp"
#include "cli/status_json.hpp"
#include "engine/events.hpp"

namespace darn::cli {
namespace {

// What the tree is made of: a run or a cycle, a line of text and what hangs below.
struct Node {
  std::string text;
  nlohmann::json json;
  std::vector<Node> below;
};

std::string count(std::int64_t n) { return format_count(static_cast<std::uint64_t>(n)); }

std::string run_line(const RunRecord& run, const Terminal& terminal) {
  std::string text = fmt::format(
      "{}  {}  {} of {} succeeded", styled(terminal, Style::bold, run.id), to_string(run.state),
      count(run.counts.of(TaskState::succeeded)), count(run.counts.total()));
  if (run.counts.healed > 0) {
    text += fmt::format(", {} healed", count(run.counts.healed));
  }
  return text + "  " + one_line(run.source, 80);
}

class Tree {
 public:
  Tree(Store& store, const Context& context, const LineageOptions& options)
      : store_(store), context_(context), options_(options) {}

  Result<Node> of_run(const RunRecord& run, const std::vector<RunRecord>& all) {
    Node node;
    node.text = run_line(run, context_.out);
    node.json = run_json(run);
    DARN_ASSIGN(const std::vector<AttemptRecord> attempts, attempts_of_task(run));
    DARN_ASSIGN(const std::vector<CycleRecord> cycles, store_.cycles(run.key));
    for (const CycleRecord& cycle : cycles) {
      DARN_ASSIGN(Node below, of_cycle(run, cycle, attempts));
      if (options_.task.empty() || !below.below.empty()) {
        node.json["cycles"].push_back(below.json);
        node.below.push_back(std::move(below));
      }
    }
    for (const RunRecord& child : all) {
      if (child.parent == run.id && child.id != run.id) {
        DARN_ASSIGN(Node below, of_run(child, all));
        node.json["runs"].push_back(below.json);
        node.below.push_back(std::move(below));
      }
    }
    return node;
  }

  bool task_seen() const { return task_seen_; }

 private:
  Result<std::vector<AttemptRecord>> attempts_of_task(const RunRecord& run) {
    if (options_.task.empty()) {
      return std::vector<AttemptRecord>();
    }
    // Not every run of a lineage has every task.
    if (!store_.task(run.key, options_.task)) {
      return std::vector<AttemptRecord>();
    }
    task_seen_ = true;
    return store_.attempts(run.key, options_.task);
  }

  Result<Node> of_cycle(const RunRecord& run, const CycleRecord& cycle,
                        const std::vector<AttemptRecord>& attempts) {
    Node node;
    node.text = fmt::format("cycle {}  {}", cycle.cycle, cycle.batch);
    node.json = {{"cycle", cycle.cycle},
                 {"batch", cycle.batch},
                 {"started", time_json(cycle.started)},
                 {"ended", time_json(cycle.ended)}};
    if (options_.task.empty()) {
      DARN_ASSIGN(const std::int64_t tasks, tasks_in(run, cycle));
      node.text += fmt::format("  {} {}", count(tasks), tasks == 1 ? "task" : "tasks");
      node.json["tasks"] = tasks;
      return node;
    }
    node.json["attempts"] = nlohmann::json::array();
    for (const AttemptRecord& attempt : attempts) {
      if (attempt.cycle == cycle.cycle) {
        node.below.push_back({attempt_line(attempt, context_.out), attempt_json(attempt), {}});
        node.json["attempts"].push_back(node.below.back().json);
      }
    }
    return node;
  }

  // All tasks stand in the first cycle but those that were done before.
  Result<std::int64_t> tasks_in(const RunRecord& run, const CycleRecord& cycle) {
    std::int64_t tasks = 0;
    DARN_TRY(
        store_.each_task(run.key, {.cycle = cycle.cycle}, false, [&](const TaskRecord&) -> Status {
          ++tasks;
          return {};
        }));
    return tasks;
  }

  Store& store_;
  const Context& context_;
  const LineageOptions& options_;
  bool task_seen_ = false;
};

void print_tree(const Node& node, const std::string& before, const std::string& indent,
                const Terminal& terminal) {
  print(before + node.text + "\n");
  const Signs& sign = signs(terminal);
  for (std::size_t i = 0; i < node.below.size(); ++i) {
    const bool last = i + 1 == node.below.size();
    const std::string more = last ? "   " : std::string(sign.trunk);
    print_tree(node.below[i], indent + std::string(last ? sign.last_branch : sign.branch),
               indent + more, terminal);
  }
}

}  // namespace

Result<int> lineage(const Context& context, const LineageOptions& options) {
  DARN_ASSIGN(const Opened opened, open_run(context, options.run));
  DARN_ASSIGN(std::vector<RunRecord> runs, opened.store->lineage_of(opened.run.root));
  for (RunRecord& run : runs) {
    run.state = shown_state(context.paths, run);
  }
  const auto root = std::find_if(runs.begin(), runs.end(),
                                 [&](const RunRecord& run) { return run.id == opened.run.root; });
  if (root == runs.end()) {
    return fail(ErrorKind::io, "the root of run " + opened.run.id + " is gone: " + opened.run.root);
  }
  Tree tree(*opened.store, context, options);
  DARN_ASSIGN(const Node node, tree.of_run(*root, runs));
  if (!options.task.empty() && !tree.task_seen()) {
    // The store knows the nearest id.
    DARN_TRY(opened.store->task(opened.run.key, options.task));
  }
  if (options.json) {
    print(dump(node.json, 1) + "\n");
    return 0;
  }
  if (!options.task.empty()) {
    print("task " + one_line(options.task) + "\n");
  }
  print_tree(node, "", "", context.out);
  return 0;
}

}  // namespace darn::cli
