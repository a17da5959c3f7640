// An agent's output -> AgentReport: result, cost, tokens, session, error, limits. Hostile input:
// sizes are bounded, nothing is executed, broken JSON is skipped. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/agent.hpp"
#include "model/outcome.hpp"

namespace darn {

AgentReport read_report(const AgentDef& agent, int exit_code, std::string_view out,
                        std::string_view err, Time now);

// The object that an agent's predicates (rules' agent_json too) look at: its result line or document.
nlohmann::json result_object(const AgentDef& agent, std::string_view out, std::string_view err);

// "/is_error == true", "/permission_denials != []", "/n > 3", "/subtype == error_max_turns",
// "/a/*/b exists". Literals: JSON, or a bare word as a string.
Result<bool> holds(const std::string& predicate, const nlohmann::json& value);
Status check_predicate(const std::string& predicate);  // its syntax

// A check's or output's score: value, passed of total, or nothing found.
std::optional<double> read_score(const ScoreRule& rule, std::string_view text);

}  // namespace darn
