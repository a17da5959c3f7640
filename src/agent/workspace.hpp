// An agent's working directory: made once per task, kept over attempts (or fresh, or a git
// worktree), context copied in, predecessors' outputs under inputs/<id>/, what it changed as a diff.
// Touches nothing outside `dir`, but for the branch of a worktree. Blocking file operations.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "model/task.hpp"

namespace darn {

struct WorkspaceRequest {
  std::string dir;   // absolute; its parent exists
  std::string cwd;   // absolute: the run's working directory, root of context paths
  WorkspaceMode mode = WorkspaceMode::keep;
  std::string base;    // for worktree; empty: HEAD
  std::string branch;  // for worktree: "darn/<run>/<id>"
  std::vector<std::string> context_path;           // relative to cwd, files or directories
  std::map<std::string, std::string> inputs;       // predecessor id -> its output (file or directory)
};

struct Workspace {
  std::string dir;
  std::vector<std::string> context_paths;  // relative to dir, in the order asked
  bool reused = false;
};

// Makes it or goes on with what is there. Refuses context paths that leave cwd (also by symlink),
// ids that are not a plain name, special files. Symlinks inside a context are copied as links only
// when they stay inside it.
Result<Workspace> prepare_workspace(const WorkspaceRequest& request);

// What changed since it was prepared, as a unified diff (git; empty: nothing), written to diff_file.
Status save_changes(const std::string& workspace, const std::string& diff_file);

// Removes a workspace; for a worktree also its registration (the branch stays if it has commits).
Status remove_workspace(const std::string& dir);

}  // namespace darn
