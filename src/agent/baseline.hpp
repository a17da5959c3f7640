// What a workspace looked like when it was made, and what changed since: a private git directory
// beside it ("<workspace>.git-baseline"), so that the agent sees no .git that is not its own. None
// of the user's or the agent's git configuration, hooks or filters is ever run. Blocking; needs
// git.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"

namespace darn {

inline constexpr std::uint64_t kBiggestFile = 10U << 20U;       // bigger ones are not looked at
inline constexpr std::uint64_t kBiggestSnapshot = 2ULL << 30U;  // of all files; beyond: no diff

std::string baseline_dir(const std::string& workspace);

// `tree`: where its files are now (a workspace that is not in its place yet); `objects`: the object
// directory of the repository that it is a worktree of, or empty. unavailable: no git here.
Status make_baseline(const std::string& workspace, const std::string& tree,
                     const std::string& objects);
bool has_baseline(const std::string& workspace);

// The unified diff (git's, with binary parts) from the baseline to now; at most 16 MiB.
Result<std::string> changes_since(const std::string& workspace);

}  // namespace darn
