// [agents.NAME] -> AgentDef. The keys are the fields of model/agent.hpp.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "config/fields.hpp"
#include "config/readers.hpp"
#include "config/secrets.hpp"

namespace darn {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

Fields extract_fields(Extract& out) {
  return {
      {"stream", into_choice(out.stream, {"stdout", "stderr"})},
      {"lines", into_predicate(out.lines)},
      {"json", into_choice(out.json, {"last", "whole"})},
      {"at", into_pointer(out.at)},
      {"regex", into_regex(out.regex)},
      {"take", into_choice(out.take, {"first", "last", "sum"})},
  };
}

// A table, or a text that is the pointer alone.
Status read_extract(const Node& node, Extract& out, const Extract& start = {}) {
  out = start;
  if (!node.json().is_object()) {
    return into_pointer(out.at)(node);
  }
  DARN_TRY(read_table(node, extract_fields(out)));
  if (!out.regex.empty() && !(out.lines + out.json + out.at).empty()) {
    return node.error("'regex' beside 'lines', 'json' or 'at'",
                      "a value is read from text or from JSON");
  }
  return {};
}

Setter into_extract(Extract& out) {
  return [&out](const Node& node) { return read_extract(node, out); };
}

// What stands beside input, cached and output (lines, stream, json, take) holds for all three.
Status read_tokens(const Node& node, AgentTokens& tokens) {
  Extract common;
  Fields fields = extract_fields(common);
  std::erase_if(fields, [](const auto& field) { return field.first == "at"; });
  const Setter later = [](const Node&) -> Status { return {}; };
  for (const char* name : {"input", "cached", "output"}) {
    fields.emplace_back(name, later);
  }
  tokens.cumulative = false;
  fields.emplace_back("cumulative", into(tokens.cumulative));
  DARN_TRY(read_table(node, fields));
  const std::pair<const char*, Extract*> parts[] = {
      {"input", &tokens.input}, {"cached", &tokens.cached}, {"output", &tokens.output}};
  for (const auto& [name, part] : parts) {
    *part = {};
    if (node.has(name)) {
      DARN_TRY(read_extract(node.child(name), *part, common));
    }
  }
  return {};
}

Setter into_price(AgentTokens& tokens) {
  return [&tokens](const Node& node) {
    return read_table(node, {{"input", into(tokens.price_input, 0, 1e6)},
                             {"cached", into(tokens.price_cached, 0, 1e6)},
                             {"output", into(tokens.price_output, 0, 1e6)}});
  };
}

// Templates, one for each word of a command line.
Status read_words(const Node& node, std::vector<std::string>& out) {
  if (!node.json().is_array()) {
    return node.error(quote(node.name()) + " is no list",
                      "write its words one by one: [\"program\", \"--flag\"]");
  }
  DARN_ASSIGN(const std::vector<Node> items, node.items());
  std::vector<std::string> words(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    DARN_TRY(into_template(words[i])(items[i]));
  }
  out = std::move(words);
  return {};
}

Status read_options(const Node& node, AgentDef& agent) {
  if (!node.json().is_object()) {
    return node.error("'options' is no table", "write options.max_turns = [\"--max-turns\", …]");
  }
  agent.options.clear();
  for (const std::string& name : node.keys()) {
    std::vector<std::string> words;
    DARN_TRY(read_words(node.child(name), words));
    agent.options.emplace_back(name, std::move(words));
  }
  return {};
}

Status read_env(const Node& node, Pairs& env) {
  if (!node.json().is_object()) {
    return node.error("'env' is no table", "give it names and values");
  }
  for (const std::string& name : node.keys()) {
    const Node value = node.child(name);
    if (!is_variable(name) || name.starts_with("DARN_")) {
      return value.key_error(quote(name) + " is no name for a variable of an agent",
                             "use letters, digits and '_', not beginning with DARN_");
    }
    std::string text;
    DARN_TRY(into_template(text)(value));
    if (looks_like_secret(name, text)) {
      return value.error(quote(name) + " holds what looks like a key, and keys are never stored",
                         "put it into a variable and name that in 'keys'");
    }
    std::erase_if(env, [&](const auto& pair) { return pair.first == name; });
    env.emplace_back(name, std::move(text));
  }
  return {};
}

Status check_key_name(const Node& node, const std::string& name) {
  if (!is_variable(name) || looks_like_secret(name)) {  // never print it: it may be the key
    return node.error("what stands here is no name of a variable",
                      "keys are named, never written: keys = [\"MY_API_KEY\"]");
  }
  return {};
}

Status read_keys(const Node& node, std::vector<std::string>& keys) {
  DARN_ASSIGN(const std::vector<Node> items, node.items());
  std::vector<std::string> names;
  for (const Node& item : items) {
    DARN_ASSIGN(std::string name, item.text());
    DARN_TRY(check_key_name(item, name));
    names.push_back(std::move(name));
  }
  keys = std::move(names);
  return {};
}

Status read_key_env(const Node& node, std::string& key_env) {
  DARN_ASSIGN(key_env, node.text());
  return check_key_name(node, key_env);
}

// "<predicate>" = "max_turns" | "budget"
Status read_terminal(const Node& node, Pairs& terminal) {
  if (!node.json().is_object()) {
    return node.error("'terminal' is no table", "write '/subtype == x' = \"max_turns\"");
  }
  terminal.clear();
  for (const std::string& predicate : node.keys()) {
    if (auto status = check_predicate_syntax(predicate); !status) {
      return node.child(predicate).key_error(status.error().message, status.error().mend);
    }
    std::string meaning;
    DARN_TRY(into_choice(meaning, {"max_turns", "budget"})(node.child(predicate)));
    terminal.emplace_back(predicate, std::move(meaning));
  }
  return {};
}

Setter into_quota(AgentQuota& quota) {
  return [&quota](const Node& node) {
    return read_table(node, {{"text", into_regex(quota.text)},
                             {"until", into_regex(quota.until)},
                             {"lines", into_predicate(quota.lines)},
                             {"at", into_pointer(quota.at)},
                             {"rate", into_regex(quota.rate)}});
  };
}

std::vector<std::string> cause_words() {
  std::vector<std::string> words;
  for (auto i = 1; i <= static_cast<int>(Cause::unknown); ++i) {
    words.emplace_back(to_string(static_cast<Cause>(i)));
  }
  return words;
}

// exits."173" = { category, cause, text }
Status read_exits(const Node& node, std::map<int, ExitMeaning>& exits) {
  if (!node.json().is_object()) {
    return node.error("'exits' is no table", "write exits.173 = { category = \"rate_limit\" }");
  }
  for (const std::string& key : node.keys()) {
    const Node value = node.child(key);
    const auto status = parse_int(key);
    if (!status || *status < 0 || *status > 255) {
      return value.key_error(quote(key) + " is no exit status", "give a number from 0 to 255");
    }
    ExitMeaning& meaning = exits[static_cast<int>(*status)];
    DARN_TRY(
        read_table(value, {{"category", into_kind<Category>(meaning.category, category_words())},
                           {"cause", into_kind<Cause>(meaning.cause, cause_words())},
                           {"text", into(meaning.text)}}));
  }
  return {};
}

Setter into_words(std::vector<std::string>& out) {
  return [&out](const Node& node) { return read_words(node, out); };
}

Fields agent_fields(AgentDef& agent) {
  return {
      {"extends", [](const Node&) -> Status { return {}; }},
      {"command", into_words(agent.command)},
      {"resume", into_words(agent.resume)},
      {"options", [&](const Node& node) { return read_options(node, agent); }},
      {"stdin", into_template(agent.stdin_text)},
      {"env", [&](const Node& node) { return read_env(node, agent.env); }},
      {"key_env", [&](const Node& node) { return read_key_env(node, agent.key_env); }},
      {"keys", [&](const Node& node) { return read_keys(node, agent.keys); }},
      {"result", into_extract(agent.result)},
      {"cost_usd", into_extract(agent.cost_usd)},
      {"session", into_extract(agent.session)},
      {"error", into_extract(agent.error)},
      {"status", into_extract(agent.status)},
      {"tokens", [&](const Node& node) { return read_tokens(node, agent.tokens); }},
      {"price", into_price(agent.tokens)},
      {"failed_when", into_predicates(agent.failed_when)},
      {"failed_when_text", into_regexes(agent.failed_when_text)},
      {"terminal", [&](const Node& node) { return read_terminal(node, agent.terminal); }},
      {"quota", into_quota(agent.quota)},
      {"exits", [&](const Node& node) { return read_exits(node, agent.exits); }},
      {"check", into(agent.check)},
      {"version_command", into(agent.version_command)},
      {"pool", into(agent.pool)},
      {"pool_limit", into(agent.pool_limit, 1, 10'000)},
      {"timeout", into(agent.timeout)},
      {"idle_timeout", into(agent.idle_timeout)},
      {"fallback", into(agent.fallback)},
      {"reserve_usd", into(agent.reserve_usd, 0, 1e6)},
  };
}

// Reads the definitions of one document, those that others extend before those others.
class AgentsReader {
 public:
  AgentsReader(const Node& agents, RunSettings& settings) : agents_(agents), settings_(settings) {}

  Status read(const std::string& name) {
    if (done_.contains(name)) {
      return {};
    }
    const Node node = agents_.child(name);
    if (std::find(reading_.begin(), reading_.end(), name) != reading_.end()) {
      return node.error("agents that extend each other: " + join(reading_, " -> ") + " -> " + name,
                        "let one of them stand alone");
    }
    if (reading_.size() >= 32) {
      return node.error("more than 32 agents that extend each other", "extend fewer");
    }
    reading_.push_back(name);
    DARN_ASSIGN(AgentDef agent, start(node, name));
    DARN_TRY(read_table(node, agent_fields(agent)));
    if (agent.command.empty() || agent.command[0].empty()) {
      return node.error("agent " + quote(name) + " has no command",
                        "give command = [\"program\", …], or extends");
    }
    agent.name = name;
    agent.source = agents_.document().file();
    settings_.agents[name] = std::move(agent);
    reading_.pop_back();
    done_.insert(name);
    return {};
  }

 private:
  // What the definition lies over.
  Result<AgentDef> start(const Node& node, const std::string& name) {
    if (!node.json().is_object()) {
      return node.error("agent " + quote(name) + " is no table", "give it a command");
    }
    if (!node.has("extends")) {
      const auto it = settings_.agents.find(name);
      return it == settings_.agents.end() ? AgentDef{} : it->second;
    }
    DARN_ASSIGN(const std::string base, node.child("extends").text());
    if (base != name && agents_.has(base)) {
      DARN_TRY(read(base));
    }
    const auto it = settings_.agents.find(base);
    if (it == settings_.agents.end()) {
      std::vector<std::string> known;
      for (const auto& [other, definition] : settings_.agents) {
        known.push_back(other);
      }
      const std::string near = nearest(base, known);
      return node.child("extends").error(
          "unknown agent " + quote(base),
          near.empty() ? "define it first" : "did you mean '" + near + "'?");
    }
    return it->second;
  }

  Node agents_;
  RunSettings& settings_;
  std::vector<std::string> reading_;
  std::set<std::string> done_;
};

}  // namespace

Status read_agents(const Node& node, RunSettings& settings) {
  if (!node.json().is_object()) {
    return node.error("'agents' is no table", "write each agent as [agents.NAME]");
  }
  AgentsReader reader(node, settings);
  for (const std::string& name : node.keys()) {
    DARN_TRY(reader.read(name));
  }
  for (const std::string& name : node.keys()) {
    const std::string& fallback = settings.agents[name].fallback;
    if (!fallback.empty() && !settings.agents.contains(fallback)) {
      const Node agent = node.child(name);
      return (agent.has("fallback") ? agent.child("fallback") : agent)
          .error("unknown agent " + quote(fallback) + " to fall back on", "define it too");
    }
  }
  return {};
}

}  // namespace darn
