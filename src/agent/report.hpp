// An agent's output -> AgentReport: result, cost, tokens, session, error, limits. Hostile input:
// sizes are bounded, nothing is executed, broken JSON is skipped, what looks like a key is cut out,
// no amount is negative, a time lies ahead and within 31 days. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "agent/predicate.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/agent.hpp"
#include "model/outcome.hpp"
#include "model/task.hpp"

namespace darn {

// An error and a limit are only looked for where the agent failed: by its exit status, by
// failed_when or by a limit of its own. What it writes about limits otherwise is its work.
AgentReport read_report(const AgentDef& agent, int exit_code, std::string_view out,
                        std::string_view err, Time now);

// Where an agent counts its whole session (tokens.cumulative): takes from the report's tokens, and
// from the cost they are priced at, what earlier attempts of the same session had already used.
void subtract_earlier(const AgentDef& agent, const std::vector<AgentReport>& earlier,
                      AgentReport& report);

// The object that an agent's predicates (rules' agent_json too) look at: its result line or
// document (without `result`: the last JSON document of its stdout); null when there is none.
nlohmann::json result_object(const AgentDef& agent, std::string_view out, std::string_view err);

// What the definition says of an exit status, where nothing more exact was understood.
void apply_exit_meaning(const AgentDef& agent, const Outcome& outcome, Diagnosis& diagnosis);

// A check's or output's score: value, passed of total, or nothing found. Finite.
std::optional<double> read_score(const ScoreRule& rule, std::string_view text);

}  // namespace darn
