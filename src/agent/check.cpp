#include "agent/check.hpp"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "agent/invocation.hpp"
#include "base/text.hpp"
#include "process/command.hpp"
#include "process/run_tool.hpp"

namespace darn {
namespace {

bool is_set(const std::string& name) {
  const char* value = ::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): nothing sets it
  return value != nullptr && *value != '\0';
}

bool can_run(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
         ::access(path.c_str(), X_OK) == 0;
}

void check_program(const AgentDef& agent, AgentCheck& check) {
  const std::string& name = agent.command.front();
  check.program = find_program(name);
  if (check.program.empty()) {
    check.problems.push_back(fmt::format(
        "'{}' is not on PATH; install it, or name it in [agents.{}] command", name, agent.name));
    return;
  }
  const auto argv = agent.version_command.empty() ? std::vector<std::string>{name, "--version"}
                                                  : command_argv(agent.version_command);
  const auto answer = run_tool(argv, {.timeout = std::chrono::seconds{20}});
  const std::string asked = join(argv, " ");
  if (!answer) {
    check.problems.push_back(fmt::format("'{}': {}", asked, answer.error().message));
  } else if (answer->timed_out) {
    check.problems.push_back(fmt::format("'{}' did not answer within 20 s; run it by hand", asked));
  } else if (answer->exit_code != 0) {
    check.problems.push_back(
        fmt::format("'{}' ended with exit status {}; run it by hand", asked, answer->exit_code));
  } else {
    const std::string text = printable(trim(answer->out.empty() ? answer->err : answer->out));
    check.version = shorten(split(text, '\n').front(), 100);
  }
}

void check_keys(const AgentDef& agent, AgentCheck& check) {
  for (const std::string& name : agent.keys) {
    check.keys.emplace_back(name, is_set(name));
    if (is_set(name)) {
      continue;
    }
    check.problems.push_back(
        fmt::format("the key variable {} is not set; export it or remove it from keys", name));
  }
  if (!agent.keys.empty() && agent.key_env.empty()) {
    check.problems.emplace_back(
        "keys without key_env; name the variable that it reads its key from");
  }
  if (!agent.keys.empty() || agent.key_env.empty()) {
    return;
  }
  check.keys.emplace_back(agent.key_env, is_set(agent.key_env));
  if (!is_set(agent.key_env)) {
    check.remarks.push_back(
        fmt::format("{} is not set; it works only where it is logged in", agent.key_env));
  }
}

}  // namespace

std::string find_program(const std::string& name) {
  if (name.empty()) {
    return {};
  }
  if (name.find('/') != std::string::npos) {
    return can_run(name) ? name : std::string();
  }
  const char* path = ::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): nothing sets it
  for (const std::string_view dir : split(path != nullptr ? path : "/usr/bin:/bin", ':')) {
    std::string file = fmt::format("{}/{}", dir.empty() ? "." : dir, name);
    if (can_run(file)) {
      return file;
    }
  }
  return {};
}

AgentCheck check_installed(const AgentDef& agent) {
  AgentCheck check;
  check.name = agent.name;
  check.source = agent.source;
  if (const auto checked = check_agent(agent); !checked) {
    check.problems.push_back(checked.error().text());
  }
  if (!agent.command.empty()) {
    check_program(agent, check);
  }
  check_keys(agent, check);
  return check;
}

}  // namespace darn
