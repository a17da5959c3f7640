// What is proven about an attempt whose process ended well: the promised output is there and
// changed, nothing that means failure holds, the check passed, the score is reached.
#pragma once

#include <string>
#include <string_view>

#include "model/agent.hpp"
#include "model/outcome.hpp"
#include "model/task.hpp"

namespace darn {

// Inode, size and times of a file (for a directory: of everything in it); empty: not there.
// Equal fingerprints: not changed.
std::string fingerprint(const std::string& path);

struct VerifyInput {
  const TaskSpec* task = nullptr;
  const AgentDef* agent = nullptr;  // null for commands
  const Outcome* outcome = nullptr;
  const AgentReport* report = nullptr;  // null for commands
  std::string output_path;              // absolute; empty: nothing was promised
  std::string workspace;                // which the output must not lead out of; empty: it may
  std::string output_before;            // its fingerprint before the attempt
  std::string_view output, errors;      // what it printed
  std::string_view check_output;
};

// For attempts that exited with status 0; anything else is not proven and needs no reason here.
Verdict verify(const VerifyInput& input);

}  // namespace darn
