// An agent's definition + a task -> what is started: argv, environment, standard input. Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "model/agent.hpp"
#include "model/task.hpp"

namespace darn {

bool running_as_root();

struct InvocationInput {
  const AgentDef* agent = nullptr;
  const TaskSpec* task = nullptr;
  std::string workspace;                   // absolute
  std::vector<std::string> context_paths;  // as the agent shall see them (inside the workspace)
  std::string output_file;                 // absolute
  std::string task_file;                   // absolute; holds the prompt
  std::string session;                     // a session to resume; empty: a new one
  std::string prompt;                      // task->prompt, or an enriched one
  bool root = running_as_root();           // {root} is "1" then and empty otherwise
};

struct Invocation {
  std::vector<std::string> argv;
  std::vector<std::pair<std::string, std::string>> env;
  std::string stdin_text;
  bool resumed = false;
};

// Each element of the definition's command becomes one word, whatever is in the values.
// - An element with {context_path} in it is repeated for each path, and is left out without one; in
//   an option the whole option is repeated, as "--add-dir A --add-dir B" is understood everywhere.
// - An element that comes out of a value and begins with '-' is refused (it would be an option),
//   unless "--" stands before it; so is one that does not fit argv (128 KiB).
// - Unknown {names} are an error naming the known ones; "{{" and "}}" are braces.
// - An entry of the environment with names in it that comes out empty is not set.
// git in a workspace never finds a repository around it (GIT_CEILING_DIRECTORIES).
Result<Invocation> make_invocation(const InvocationInput& input);

// For darn agents check and config: every {name} is known or a parameter is plausible, predicates,
// pointers and regexes can be read.
Status check_agent(const AgentDef& agent);

}  // namespace darn
