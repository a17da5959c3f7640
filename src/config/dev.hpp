// [dev] of a project's darn.toml: its named commands, for `darn dev`. Pure but for find_project.
//
//   lint = "ruff check ."                        a command, run by sh in the directory of darn.toml
//   quality = ["format-check", "lint"]           a sequence of other names
//   test = { run = "pytest", fallback = "unit" } a command with more to it; see
//   docs/commands/dev.md
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "config/config.hpp"
#include "config/retry_on.hpp"

namespace darn {

struct DevEntry {
  std::string name;
  std::string run;                 // either this …
  std::vector<std::string> steps;  // … or these
  std::string help;
  std::optional<int> retries;
  std::vector<Duration> backoff;
  std::optional<Duration> timeout;   // of one attempt
  std::optional<Duration> deadline;  // of all of them
  std::vector<RetryOn> retry_on;
  std::string fallback;               // the name of a command
  std::vector<Category> fallback_on;  // empty: after any failure
  std::string breaker;
  std::string budget;
};
using DevEntries = std::vector<DevEntry>;  // in the order of the file

const DevEntry* find_entry(const DevEntries& entries, std::string_view name);

// Everything that can be wrong is, with its place: unknown keys and names, a cycle, an empty
// sequence. No [dev]: no entries.
Result<DevEntries> read_dev(const ConfigDocument& document, ErrorKind kind);

// The commands behind names, in their order; what came already does not come again. The names must
// be known.
std::vector<const DevEntry*> flatten(const DevEntries& entries,
                                     const std::vector<std::string>& names);

// The nearest directory, from `from` upwards, that has a darn.toml; none is looked for above one
// with a .git. Empty: there is none.
std::string find_project(const std::string& from);

}  // namespace darn
