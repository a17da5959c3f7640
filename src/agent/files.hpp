// The few file operations of this folder that must not be tricked by links: the last component is
// never followed. Blocking.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "process/fd.hpp"

namespace darn {

bool is_real_directory(const std::string& path);  // and no link to one
Result<Fd> open_directory(const std::string& path);
Status write_file(const std::string& path, std::string_view text);  // replaces it
Result<std::string> read_small_file(const std::string& path);       // at most 64 KiB of it
Status remove_tree(const std::string& path);  // a link itself, not where it leads; gone is fine
std::string parent_path(const std::string& path);
std::string base_name(const std::string& path);
// Canonical, and below `root` (canonical) or root itself.
bool lies_in(const std::string& path, const std::string& root);

}  // namespace darn
