// A git worktree of the user's repository as a workspace, on a branch of its own. What belongs to
// it is kept beside it ("<dir>.worktree"), as its own .git file is in the agent's hands. Blocking.
#pragma once

#include <string>

#include "base/result.hpp"

namespace darn {

struct Worktree {
  std::string common;  // the repository's git directory
  std::string branch;
  std::string base;    // the commit that it began with
  std::string prefix;  // of cwd within the repository: "" or "sub/dir/"
  bool whole = false;  // made to its end, not cut off by a crash
  std::string objects() const { return common + "/objects"; }
};

std::string worktree_file(const std::string& dir);

// Makes it at dir (which must not exist) from `base` (empty: HEAD). bad_input when cwd is in no
// repository or base is no commit of it.
Result<Worktree> add_worktree(const std::string& cwd, const std::string& dir,
                              const std::string& base, const std::string& branch);
Status mark_whole(const std::string& dir, Worktree tree);
Result<Worktree> read_worktree(const std::string& dir);

// After the files of dir are gone: its registration, and the branch when it still is where it
// began.
Status forget_worktree(const std::string& dir);

std::string branch_name(std::string_view text);  // what git refuses in a branch becomes %XX

}  // namespace darn
