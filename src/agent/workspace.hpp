// An agent's working directory: made once per task, kept over attempts (or fresh, or a git
// worktree), context copied in, predecessors' outputs under inputs/<id>/, what it changed as a
// diff. Touches nothing outside `dir` but what stands beside it under its name
// ("<dir>.git-baseline", …) and the branch of a worktree. A workspace that is gone on with is not
// written to: its agent had it. Blocking file operations; not thread-safe for one dir.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "model/task.hpp"

namespace darn {

struct WorkspaceRequest {
  std::string dir;  // absolute; its parent exists
  std::string cwd;  // absolute: the run's working directory, root of context paths
  WorkspaceMode mode = WorkspaceMode::keep;
  std::string base;    // for worktree; empty: HEAD
  std::string branch;  // for worktree: "darn/<run>/<id>"; what git forbids in it becomes %XX
  std::vector<std::string> context_path;      // relative to cwd, files or directories
  std::map<std::string, std::string> inputs;  // predecessor id -> its output (file or directory)
  std::string
      state_dir;  // absolute; inputs lie in it or in cwd, contexts leave it out; empty: <cwd>/.darn
};

struct Workspace {
  std::string dir;
  std::vector<std::string> context_paths;  // relative to dir, in the order asked
  bool reused = false;
  std::vector<std::string> notes;  // what was left out and why, for the attempt's log
};

// Makes it or goes on with what is there; a workspace that was only half made (a crash) is made
// anew. Refuses context paths that leave cwd (also by symlink) or are no file or directory, inputs
// that lie elsewhere, a workspace that was replaced by a link. Symlinks inside a context are copied
// as links only when they stay inside it; .git is left out. `none`: dir is cwd, nothing is copied.
Result<Workspace> prepare_workspace(const WorkspaceRequest& request);

// What changed since it was prepared, as a unified diff (git's; empty: nothing), to diff_file.
// Writes nothing where no beginning was kept (mode none, no git). Files over 10 MiB and what a
// .gitignore of the workspace names are not in it.
Status save_changes(const std::string& workspace, const std::string& diff_file);

// Makes the directories of a path below a workspace ("docs/api"), through real directories only: an
// agent may have left a link in their place.
Status make_directories_in(const std::string& workspace, const std::string& path);

// Removes a workspace and what stands beside it; for a worktree also its registration (the branch
// stays if it has commits).
Status remove_workspace(const std::string& dir);

}  // namespace darn
