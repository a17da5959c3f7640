// How an agent's command line is started and read: a preset of packs/agents/ or [agents.NAME].
// Plain data; agent/ interprets it. In the strings, {task}, {task_file}, {max_turns},
// {context_path}, {output_file}, {workspace}, {session}, {model}, {id} and any {parameter} are
// replaced; nothing is ever spliced into shell text.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/clock.hpp"
#include "model/kinds.hpp"

namespace darn {

// Where a value stands in an agent's output.
struct Extract {
  std::string stream = "stdout";  // stdout | stderr
  std::string lines;          // JSON Lines: a predicate that selects lines ('/type == "result"')
  std::string json;           // "last": the last JSON document of the stream; "whole": all of it
  std::string at;             // JSON pointer, '*' matches any key (values are summed when numbers)
  std::string regex;          // text instead of JSON; group 1, or the whole match
  std::string take = "last";  // first | last | sum
  bool empty() const { return lines.empty() && json.empty() && at.empty() && regex.empty(); }
  bool operator==(const Extract&) const = default;
};

struct AgentTokens {
  Extract input, cached, output;
  bool cumulative = false;  // they count the whole session, earlier attempts included
  // USD per million tokens; 0: not known, then cost stays unknown unless printed.
  double price_input = 0, price_cached = 0, price_output = 0;
  bool operator==(const AgentTokens&) const = default;
};

struct AgentQuota {
  std::string text;   // regex: the account's limit was reached; group `until`, if any, is the time
  std::string until;  // regex with a group `until`, when it stands elsewhere
  std::string lines;  // JSON Lines predicate, with
  std::string at;     // pointer to an epoch or a time
  std::string rate;   // regex: a rate limit (429-like), without a quota
  bool operator==(const AgentQuota&) const = default;
};

// What an exit status of the agent's means.
struct ExitMeaning {
  Category category = Category::unknown;
  Cause cause = Cause::unknown;
  std::string text;
  bool operator==(const ExitMeaning&) const = default;
};

struct AgentDef {
  std::string name;
  std::vector<std::string> command;
  std::vector<std::string> resume;  // empty: cannot resume
  // Inserted in the place of the word "{options}" in command, or at its end, in this order; each is
  // dropped when the cell it names (the key) is empty.
  std::vector<std::pair<std::string, std::vector<std::string>>> options;
  std::string stdin_text;  // "{task}"; empty: /dev/null
  std::vector<std::pair<std::string, std::string>> env;
  std::string key_env;            // the variable that the agent reads its key from
  std::vector<std::string> keys;  // names of variables that hold keys, used in turn; never values
  Extract result, cost_usd, session, error, status;
  AgentTokens tokens;
  std::vector<std::string> failed_when;                       // predicates over the result object
  std::vector<std::string> failed_when_text;                  // regexes over the output
  std::vector<std::pair<std::string, std::string>> terminal;  // predicate -> "max_turns" | "budget"
  AgentQuota quota;
  std::map<int, ExitMeaning> exits;
  std::string version_command;  // for `darn agents check`: default "<program> --version"
  std::string check;            // a command that proves success, as a task's
  std::string pool;             // default: the agent's name
  int pool_limit = 4;
  Duration timeout = std::chrono::hours{1};
  Duration idle_timeout = std::chrono::minutes{20};
  std::string fallback;
  double reserve_usd = 0;  // reserved of a budget for a starting attempt; 0: learned from the run
  std::string source;      // "preset", or the file that defines it
  bool operator==(const AgentDef&) const = default;
};

nlohmann::json to_json(const AgentDef&);
AgentDef agent_from_json(const nlohmann::json&);

}  // namespace darn
