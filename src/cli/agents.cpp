// darn agents [list|check] [NAME…]
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sysexits.h>

#include "agent/invocation.hpp"
#include "agent/presets.hpp"
#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/explain_text.hpp"
#include "cli/status_json.hpp"
#include "cli/suggest.hpp"
#include "config/config.hpp"
#include "process/command.hpp"
#include "process/run_tool.hpp"

namespace darn::cli {
namespace {

struct Checked {
  std::vector<std::string> problems;
  std::string program;  // where it was found
  std::string version;
};

Result<std::vector<AgentDef>> pick(const RunSettings& settings, const AgentsOptions& options) {
  std::vector<AgentDef> picked;
  std::vector<std::string> known;
  for (const auto& [name, agent] : settings.agents) {
    known.push_back(name);
    if (options.names.empty()) {
      picked.push_back(agent);
    }
  }
  for (const std::string& name : options.names) {
    const auto agent = settings.agents.find(name);
    if (agent == settings.agents.end()) {
      return fail(ErrorKind::usage, "no agent '" + name + "'",
                  did_you_mean(name, known, "define [agents." + name + "] in darn.toml"));
    }
    picked.push_back(agent->second);
  }
  return picked;
}

std::string program_of(const AgentDef& agent) {
  return agent.command.empty() ? "" : agent.command.front();
}

// As execvp() would find it; empty: nowhere.
std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    return ::access(name.c_str(), X_OK) == 0 ? name : "";
  }
  const char* path = std::getenv("PATH");
  for (const std::string_view dir : split(path == nullptr ? "/usr/bin:/bin" : path, ':')) {
    const std::string candidate = (dir.empty() ? "." : std::string(dir)) + "/" + name;
    if (::access(candidate.c_str(), X_OK) == 0) {
      return candidate;
    }
  }
  return "";
}

void check_keys(const AgentDef& agent, Checked& checked) {
  std::vector<std::string> missing;
  for (const std::string& key : agent.keys) {
    const char* value = std::getenv(key.c_str());
    if (value == nullptr || *value == '\0') {
      missing.push_back(key);
    }
  }
  if (!missing.empty()) {
    checked.problems.push_back("no key in the environment: " + join(missing, ", "));
  }
}

void check_version(const AgentDef& agent, Checked& checked) {
  const std::vector<std::string> argv =
      agent.version_command.empty() ? std::vector<std::string>{program_of(agent), "--version"}
                                    : command_argv(agent.version_command);
  ToolOptions options;
  options.timeout = std::chrono::seconds{20};
  const Result<ToolResult> result = run_tool(argv, options);
  const std::string command = "'" + join(argv, " ") + "'";
  if (!result) {
    checked.problems.push_back(result.error().text());
  } else if (result->timed_out) {
    checked.problems.push_back(command + " did not end within 20 s");
  } else if (result->exit_code != 0) {
    const std::string said = one_line(std::string(last_lines(trim(result->err), 1)), 200);
    checked.problems.push_back(fmt::format("{} ended with status {}{}", command, result->exit_code,
                                           said.empty() ? "" : ": " + said));
  } else {
    checked.version = one_line(std::string(trim(result->out)), 80);
  }
}

Checked check(const AgentDef& agent) {
  Checked checked;
  if (const Status definition = check_agent(agent); !definition) {
    checked.problems.push_back(definition.error().text());
    return checked;
  }
  checked.program = find_program(program_of(agent));
  if (checked.program.empty()) {
    checked.problems.push_back("program '" + program_of(agent) + "' is not on the PATH");
  } else {
    check_version(agent, checked);
  }
  check_keys(agent, checked);
  return checked;
}

nlohmann::json agent_json(const AgentDef& agent) {
  return {{"name", agent.name},
          {"source", agent.source},
          {"program", program_of(agent)},
          {"command", agent.command},
          {"pool", agent.pool.empty() ? agent.name : agent.pool},
          {"pool_limit", agent.pool_limit},
          {"timeout_s", agent.timeout.count() / 1000},
          {"idle_timeout_s", agent.idle_timeout.count() / 1000},
          {"keys", agent.keys},
          {"resumes", !agent.resume.empty()},
          {"fallback", agent.fallback.empty() ? nlohmann::json() : nlohmann::json(agent.fallback)}};
}

std::string list_line(const AgentDef& agent) {
  return fmt::format(
      "{:<12} {:<10} {} at a time, timeout {}, {}  {}\n", agent.name,
      one_line(program_of(agent), 60), agent.pool_limit, format_duration(agent.timeout),
      agent.resume.empty() ? "no resume" : "resumes its session", one_line(agent.source, 200));
}

std::string check_text(const AgentDef& agent, const Checked& checked, const Terminal& terminal) {
  const bool well = checked.problems.empty();
  std::string text = fmt::format("{} {:<12} {}\n",
                                 well ? styled(terminal, Style::green, signs(terminal).ok)
                                      : styled(terminal, Style::red, signs(terminal).failed),
                                 agent.name, one_line(checked.program + "  " + checked.version));
  for (const std::string& problem : checked.problems) {
    text += "    " + one_line(problem, 1000) + "\n";
  }
  return text;
}

// Presets whose program is not installed are no reason to fail, unless they were asked for.
int status_of(std::size_t asked_for, std::size_t well, std::size_t all) {
  const bool enough = asked_for > 0 ? well == all : well > 0;
  return enough ? 0 : EX_UNAVAILABLE;
}

}  // namespace

Result<int> agents(const Context& context, const AgentsOptions& options) {
  DARN_ASSIGN(const RunSettings settings, load_config(context.cwd, agent_presets()));
  DARN_ASSIGN(const std::vector<AgentDef> picked, pick(settings, options));
  nlohmann::json list = nlohmann::json::array();
  std::size_t well = 0;
  for (const AgentDef& agent : picked) {
    nlohmann::json entry = agent_json(agent);
    std::string text = list_line(agent);
    if (options.check) {
      const Checked checked = check(agent);
      well += static_cast<std::size_t>(checked.problems.empty());
      entry["ok"] = checked.problems.empty();
      entry["problems"] = checked.problems;
      entry["version"] = checked.version;
      text = check_text(agent, checked, context.out);
    }
    if (options.json) {
      list.push_back(std::move(entry));
    } else {
      print(text);
    }
  }
  if (options.json) {
    print(dump(list, 1) + "\n");
  }
  return options.check ? status_of(options.names.size(), well, picked.size()) : 0;
}

}  // namespace darn::cli
