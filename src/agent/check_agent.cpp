// Everything about a definition that can be known before anything is started.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "agent/extract.hpp"
#include "agent/invocation.hpp"
#include "agent/predicate.hpp"
#include "agent/regex.hpp"
#include "agent/template.hpp"
#include "base/text.hpp"

namespace darn {
namespace {

constexpr std::array<std::string_view, 8> kNames = {"task_file",   "max_turns", "context_path",
                                                    "output_file", "workspace", "session",
                                                    "model",       "task"};

tl::unexpected<Error> about(const std::string& what, const Error& error) {
  return fail(ErrorKind::config, fmt::format("{}: {}", what, error.message), error.mend);
}

// A name that is one slip away from a known one is that one; any other may be a parameter.
Status check_template(const std::string& what, const std::string& text) {
  const auto names = template_names(text);
  if (!names) {
    return about(what, names.error());
  }
  for (const std::string& name : *names) {
    for (const std::string_view known : kNames) {
      if (name != known && known.size() >= 5 && edit_distance(name, known) == 1) {
        return fail(ErrorKind::config, fmt::format("{}: {{{}}} is unknown", what, name),
                    fmt::format("did you mean {{{}}}?", known));
      }
    }
  }
  return {};
}

Status check_templates(const std::string& what, const std::vector<std::string>& elements) {
  for (const std::string& element : elements) {
    if (element != "{options}") {
      DARN_TRY(check_template(what, element));
    }
  }
  return {};
}

Status check_words(const AgentDef& agent) {
  if (agent.command.empty() || agent.command.front().empty()) {
    return fail(ErrorKind::config, "command is empty", "command = [\"program\", \"argument\", …]");
  }
  DARN_TRY(check_templates("command", agent.command));
  DARN_TRY(check_templates("resume", agent.resume));
  for (const auto& [name, elements] : agent.options) {
    DARN_TRY(check_templates("options." + name, elements));
    if (elements.empty()) {
      return fail(ErrorKind::config, fmt::format("options.{} is empty", name),
                  fmt::format("options.{} = [\"--flag\", \"{{{}}}\"]", name, name));
    }
  }
  DARN_TRY(check_template("stdin", agent.stdin_text));
  for (const auto& [name, text] : agent.env) {
    DARN_TRY(check_template("env." + name, text));
  }
  return {};
}

Status check_limits(const AgentDef& agent) {
  for (const auto& [predicate, limit] : agent.terminal) {
    DARN_TRY(check_predicate(predicate));
    if (limit != "max_turns" && limit != "budget") {
      return fail(ErrorKind::config, fmt::format("terminal: '{}' is no limit", limit),
                  "\"max_turns\" or \"budget\"");
    }
  }
  const AgentQuota& quota = agent.quota;
  for (const std::string& regex : {quota.text, quota.until, quota.rate}) {
    if (!regex.empty()) {
      DARN_TRY(check_regex(regex));
    }
  }
  if (!quota.until.empty() && !has_group(quota.until, "until")) {
    return fail(ErrorKind::config, fmt::format("quota.until '{}' has no group", quota.until),
                "mark the time with (?P<until>…)");
  }
  if (quota.lines.empty() != quota.at.empty()) {
    return fail(ErrorKind::config, "quota: lines and at go together",
                "lines = '/type == \"limit\"', at = \"/resets_at\"");
  }
  Extract event;
  event.lines = quota.lines;
  event.at = quota.at;
  return check_extract("quota", event);
}

}  // namespace

Status check_agent(const AgentDef& agent) {
  DARN_TRY(check_words(agent));
  DARN_TRY(check_extract("result", agent.result));
  DARN_TRY(check_extract("cost_usd", agent.cost_usd));
  DARN_TRY(check_extract("session", agent.session));
  DARN_TRY(check_extract("error", agent.error));
  DARN_TRY(check_extract("status", agent.status));
  DARN_TRY(check_extract("tokens.input", agent.tokens.input));
  DARN_TRY(check_extract("tokens.cached", agent.tokens.cached));
  DARN_TRY(check_extract("tokens.output", agent.tokens.output));
  for (const std::string& predicate : agent.failed_when) {
    DARN_TRY(check_predicate(predicate));
  }
  for (const std::string& regex : agent.failed_when_text) {
    DARN_TRY(check_regex(regex));
  }
  return check_limits(agent);
}

}  // namespace darn
