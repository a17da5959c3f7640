// An agent's definition + a task -> what is started: argv, environment, standard input. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "model/agent.hpp"
#include "model/task.hpp"

namespace darn {

struct InvocationInput {
  const AgentDef* agent = nullptr;
  const TaskSpec* task = nullptr;
  std::string workspace;                   // absolute
  std::vector<std::string> context_paths;  // as the agent shall see them (inside the workspace)
  std::string output_file;                 // absolute
  std::string task_file;                   // absolute; holds the prompt
  std::string session;                     // a session to resume; empty: a new one
  std::string prompt;                      // task->prompt, or an enriched one
};

struct Invocation {
  std::vector<std::string> argv;
  std::vector<std::pair<std::string, std::string>> env;
  std::string stdin_text;
  bool resumed = false;
};

// An element that is exactly "{context_path}" with several paths becomes several elements. Unknown
// {names} are an error naming the known ones; "{{" and "}}" are braces. A prompt that would not fit
// argv (128 KiB an argument) or starts with '-' as a word of its own is refused with the mend.
Result<Invocation> make_invocation(const InvocationInput& input);

// For darn agents check and config: every {name} is known or a parameter is plausible.
Status check_agent(const AgentDef& agent);

}  // namespace darn
