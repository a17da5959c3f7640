// `darn agents check`: whether an agent could be started here, before a night depends on it. Starts
// nothing but its version command. Values of keys are never read out, only whether they are set.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "model/agent.hpp"

namespace darn {

struct AgentCheck {
  std::string name;
  std::string source;                              // "preset", or the file that defines it
  std::string program;                             // as found on PATH; empty: not found
  std::string version;                             // the first line of its answer
  std::vector<std::pair<std::string, bool>> keys;  // a variable's name, and whether it is set
  std::vector<std::string> problems;               // each one line with its mend
  std::vector<std::string> remarks;                // worth knowing, no failure
  bool ok() const { return problems.empty(); }
};

// At most 20 s, by the version command.
AgentCheck check_installed(const AgentDef& agent);

// The program that execvp would start; empty: none.
std::string find_program(const std::string& name);

}  // namespace darn
