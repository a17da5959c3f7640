// Copying what users and agents left on disk without ever leaving the two places: every directory
// is opened relative to the one before, no symlink is followed on the way, nothing existing is
// overwritten. Blocking. Fails with an Error; what is left out on purpose is noted.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "process/fd.hpp"

namespace darn {

struct CopyJob {
  std::vector<std::pair<dev_t, ino_t>> skip;  // directories that are not copied, wherever they are
  std::vector<std::string> left_out;          // "data/pipe: not a file or directory"
};

// Opens an absolute path through real directories only; ELOOP or ENOTDIR when a link is among them.
Result<Fd> open_real(const std::string& path, int flags);

// Makes the directories of a relative path ("a/b", never "..") below `root` and opens the last.
Result<Fd> make_directories(int root, std::string_view path);

// Copies `name` in directory `from` to `as` in directory `to`: a file, or a directory with all in
// it. Links are copied as links when they stay inside what is copied; those, special files, `.git`
// and `.darn` are otherwise left out. Set-id bits are dropped.
Status copy_entry(int from, const std::string& name, int to, const std::string& as, CopyJob& job);

// The entries of directory `from`, into `to`.
Status copy_entries(int from, int to, CopyJob& job);

// The names in an open directory, but for . and .., sorted.
std::vector<std::string> directory_names(int fd);

}  // namespace darn
