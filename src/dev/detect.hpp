// What `darn dev --init` finds in a project, and the [dev] that suits it. detect() and to_toml()
// are pure; look_at() reads the directory.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/dev.hpp"

namespace darn::dev {

// Paths below the project's root; the text of those that are looked into, else empty.
using Files = std::map<std::string, std::string>;

// Not too deep, not too much, and nothing of what tools put there (node_modules, build, target …).
Files look_at(const std::string& dir);

struct Detected {
  std::vector<std::string> languages;  // "Python (pyproject.toml, uv.lock)"
  DevEntries entries;                  // in the order to write them
};
// Only commands that there is a reason for in the files. What cannot be parsed is an error with its
// file. No languages: nothing is known here.
Result<Detected> detect(const Files& files);

// A [dev] that read_dev() reads.
std::string to_toml(const DevEntries& entries);

}  // namespace darn::dev
