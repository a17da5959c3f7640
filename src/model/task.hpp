// A task as the user wrote it: one row of a CSV, one entry of a YAML file. Plain data.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/clock.hpp"

namespace darn {

// An upper bound on what may be spent; unset means unbounded.
struct Budget {
  std::optional<double> usd;
  std::optional<std::int64_t> tokens;
  bool operator==(const Budget&) const = default;
};

// How an agent's working directory comes about.
enum class WorkspaceMode : std::uint8_t {
  keep,      // one directory for the task, kept over its attempts (a resumed session needs it)
  fresh,     // a new one for each attempt
  worktree,  // a git worktree on a branch of its own, from `base`
  none,      // the run's working directory itself
};

// A reading taken from a successful attempt's check (or output), to be held against pass_score.
struct ScoreRule {
  std::string regex;    // one group: a number; two groups: passed and total
  std::string pointer;  // JSON pointer into the last JSON document of the check's output
  std::optional<double> pass_score;
  bool operator==(const ScoreRule&) const = default;
};

struct TaskSpec {
  std::string id;
  std::string command;  // text for the shell, or plain words; exactly one of command and agent/race
  std::string agent;
  std::string prompt;              // column `task` or `prompt`
  std::vector<std::string> after;  // ids; `;`, `,` or blanks separate them in a cell
  std::vector<std::string> tags;
  std::string cwd;  // relative to the run's working directory
  std::optional<Duration> timeout;
  std::optional<Duration> idle_timeout;
  std::optional<Duration> deadline;  // over all attempts of a cycle (YAML, defaults)
  std::optional<int> retries;        // within a cycle; replaces the policy's number
  std::string pool;
  int priority = 0;  // higher starts first
  std::vector<std::string> context_path;
  std::string output_file;
  std::optional<int> max_turns;
  std::string model;
  std::string check;  // a command; exit 0 proves success
  bool idempotent = true;
  std::optional<WorkspaceMode> workspace;
  std::string base;     // a git revision for worktree
  std::string session;  // an agent's session to go on with
  Budget budget;
  std::vector<std::pair<std::string, std::string>> env;     // env.NAME
  std::vector<std::pair<std::string, std::string>> params;  // any other column
  // YAML and defaults only:
  std::string fallback;                  // an agent
  std::vector<std::string> race;         // agents
  std::vector<std::string> failed_when;  // predicates, see agent/predicate.hpp
  ScoreRule score;

  bool is_agent() const { return !agent.empty() || !race.empty(); }
  bool operator==(const TaskSpec&) const = default;
};

// Sparse: fields with their default value are left out.
std::string json_text(const TaskSpec&);
TaskSpec task_from_json(const nlohmann::json&);

std::string_view to_string(WorkspaceMode);
std::optional<WorkspaceMode> parse_workspace_mode(std::string_view);

}  // namespace darn
