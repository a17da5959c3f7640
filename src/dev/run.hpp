// Commands of [dev] in turn, each with recovery (exec/exec.hpp): the first one that fails for good
// ends the sequence. Blocks until it is over, as exec::run does, and fails only as it does.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/dev.hpp"
#include "exec/exec.hpp"

namespace darn::dev {

struct Use {
  const DevEntry* entry = nullptr;
  exec::Report report;
};

struct Step {
  const DevEntry* entry = nullptr;
  std::vector<Use> uses;  // of the command itself, then of its fallbacks; empty: it was not run

  bool succeeded() const;
};

struct Account {
  std::vector<Step> steps;
  int asked = 0;  // the signal by which somebody asked darn to end; then nothing more was started
  Duration duration{};

  const Step* first_failure() const;  // null: none
};

struct Plan {
  std::vector<const DevEntry*> commands;
  std::vector<std::string> args;  // for the only command
  std::string cwd;                // where darn.toml is
  bool keep_going = false;        // after a failure
};

// Called before a command starts: which step it is of, from 0, and whether as a fallback.
using Before = std::function<void(const DevEntry&, std::size_t step, bool fallback)>;

Result<Account> run(const Plan& plan, const DevEntries& entries, const Before& before);

// What exec is asked to do. Only what may pass is tried again, unless the entry says otherwise.
exec::Options options_of(const DevEntry& entry, const Plan& plan, bool on_a_terminal);

}  // namespace darn::dev
