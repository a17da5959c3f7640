// What must hold for a finished task, and how budgets are written.
#include <cmath>

#include <fmt/format.h>

#include "base/text.hpp"
#include "config/config.hpp"

namespace darn {
namespace {

constexpr std::size_t kMaxId = 200;

std::optional<Mistake> mistake(std::string field, std::string message, std::string mend) {
  return Mistake{std::move(field), {ErrorKind::bad_input, std::move(message), std::move(mend), {}}};
}

bool has_control(std::string_view text) {
  for (const char c : text) {
    if ((c >= 0 && c < ' ') || c == '\x7f') {
      return true;
    }
  }
  return false;
}

// Above the directory that it starts from.
bool climbs_out(std::string_view path) {
  int depth = 0;
  for (const std::string_view part : split(path, '/')) {
    if (part == "..") {
      if (--depth < 0) {
        return true;
      }
    } else if (!part.empty() && part != ".") {
      ++depth;
    }
  }
  return false;
}

std::optional<Mistake> check_id(const TaskSpec& spec) {
  if (trim(spec.id).empty()) {
    return mistake("id", "empty id", "give every task an id of its own");
  }
  if (spec.id.size() > kMaxId) {
    return mistake("id", fmt::format("an id of {} bytes", spec.id.size()),
                   fmt::format("at most {} are allowed", kMaxId));
  }
  if (has_control(spec.id)) {
    return mistake("id", "a control character in id " + quote(spec.id), "remove it");
  }
  return {};
}

std::optional<Mistake> check_agent_name(const std::string& field, const std::string& name,
                                        const RunSettings& settings) {
  if (name.empty() || settings.agents.contains(name)) {
    return {};
  }
  std::vector<std::string> known;
  for (const auto& [agent, definition] : settings.agents) {
    known.push_back(agent);
  }
  const std::string near = nearest(name, known);
  std::string mend = "define it as [agents." + name + "]";
  if (!near.empty()) {
    mend = "did you mean '" + near + "'?";
  } else if (!known.empty()) {
    mend = "defined are " + join(known, ", ");
  }
  return mistake(field, "unknown agent " + quote(name), mend);
}

std::optional<Mistake> check_agents(const TaskSpec& spec, const RunSettings& settings) {
  if (auto wrong = check_agent_name("agent", spec.agent, settings)) {
    return wrong;
  }
  for (const std::string& name : spec.race) {
    if (auto wrong = check_agent_name("race", name, settings)) {
      return wrong;
    }
  }
  return check_agent_name("fallback", spec.fallback, settings);
}

enum class Absolute { allowed, refused };

std::optional<Mistake> check_path(const std::string& field, const std::string& path,
                                  Absolute absolute) {
  if (has_control(path)) {
    return mistake(field, "a control character in path " + quote(path), "remove it");
  }
  const bool is_absolute = path.starts_with('/');
  if (is_absolute ? absolute == Absolute::refused : climbs_out(path)) {
    return mistake(field, quote(path) + " leaves the working directory",
                   "give a relative path inside of it");
  }
  return {};
}

std::optional<Mistake> check_agent_task(const TaskSpec& spec, const RunSettings& settings) {
  if (auto wrong = check_agents(spec, settings)) {
    return wrong;
  }
  if (trim(spec.prompt).empty()) {
    return mistake("prompt", "an agent without a task", "say in 'task' what it shall do");
  }
  for (const std::string& path : spec.context_path) {
    if (auto wrong = check_path("context_path", path, Absolute::refused)) {
      return wrong;
    }
  }
  return {};
}

// "2Mtok" -> 2e6 and "tok"
std::optional<std::int64_t> parse_tokens(std::string_view text) {
  double factor = 1;
  if (text.ends_with('k')) {
    factor = 1e3;
  } else if (text.ends_with('m')) {
    factor = 1e6;
  } else if (text.ends_with('g')) {
    factor = 1e9;
  }
  if (factor > 1) {
    text.remove_suffix(1);
  }
  const auto number = parse_number(text);
  if (!number || *number <= 0 || *number * factor > 1e15) {
    return std::nullopt;
  }
  return std::llround(*number * factor);
}

std::optional<double> parse_usd(std::string_view text) {
  const auto number = parse_number(text);
  return number && *number > 0 && *number <= 1e9 ? number : std::nullopt;
}

// One part of a budget; false when it is none, or the second of its kind.
bool add_budget(Budget& budget, std::string_view part) {
  if (part.starts_with('$') || part.ends_with("usd")) {
    const auto amount = part.starts_with('$') ? part.substr(1) : part.substr(0, part.size() - 3);
    const bool first = !budget.usd;
    budget.usd = parse_usd(amount);
    return first && budget.usd;
  }
  for (const std::string_view unit : {"tokens", "token", "tok"}) {
    if (part.ends_with(unit)) {
      const bool first = !budget.tokens;
      budget.tokens = parse_tokens(trim(part.substr(0, part.size() - unit.size())));
      return first && budget.tokens;
    }
  }
  return false;
}

}  // namespace

Result<Budget> parse_budget(std::string_view text) {
  Budget budget;
  const std::string words = lower(text);
  for (const std::string_view part : split(words, ',')) {
    if (!add_budget(budget, trim(part))) {
      return fail(ErrorKind::bad_input, "bad budget " + quote(text),
                  "give an amount such as 5usd, $5, 2000000tokens or 2Mtok");
    }
  }
  return budget;
}

Status parse_halt(std::string_view text, RunSettings& settings) {
  const std::string_view word = trim(text);
  if (word == "keep-going" || word == "fail-fast") {
    settings.halt = word == "fail-fast" ? HaltMode::fail_fast : HaltMode::keep_going;
    return {};
  }
  const auto percent = word.ends_with('%') ? parse_int(word.substr(0, word.size() - 1))
                                           : std::optional<std::int64_t>{};
  if (!percent || *percent < 1 || *percent > 100) {
    return fail(ErrorKind::bad_input, "bad value " + quote(text) + " for 'halt'",
                "give keep-going, fail-fast or a share such as 20%");
  }
  settings.halt = HaltMode::after_percent;
  settings.halt_percent = static_cast<int>(*percent);
  return {};
}

std::optional<Mistake> find_mistake(const TaskSpec& spec, const RunSettings& settings) {
  if (auto wrong = check_id(spec)) {
    return wrong;
  }
  if (!spec.command.empty() && spec.is_agent()) {
    return mistake("command", "both a command and an agent", "keep one of the two");
  }
  if (!spec.agent.empty() && !spec.race.empty()) {
    return mistake("race", "both 'agent' and 'race'", "name all agents in 'race'");
  }
  if (spec.race.size() == 1) {
    return mistake("race", "a race of one agent", "name two or more, or use 'agent'");
  }
  if (auto wrong = check_path("cwd", spec.cwd, Absolute::allowed)) {
    return wrong;
  }
  // An agent's output lies in its workspace, a command's where the user says.
  const Absolute absolute = spec.is_agent() ? Absolute::refused : Absolute::allowed;
  if (auto wrong = check_path("output_file", spec.output_file, absolute)) {
    return wrong;
  }
  if (spec.output_file.ends_with('/')) {
    return mistake("output_file", quote(spec.output_file) + " is a directory", "name a file");
  }
  if (spec.is_agent()) {
    return check_agent_task(spec, settings);
  }
  if (trim(spec.command).empty()) {
    return mistake("command", "neither a command nor an agent", "give one of the two");
  }
  return {};
}

Status check_task(const TaskSpec& spec, const RunSettings& settings) {
  if (auto wrong = find_mistake(spec, settings)) {
    return tl::unexpected<Error>(std::move(wrong->error));
  }
  return {};
}

}  // namespace darn
