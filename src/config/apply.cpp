#include <algorithm>

#include <fmt/format.h>

#include "config/readers.hpp"

namespace darn {
namespace {

constexpr int kMany = 1'000'000;

Fields run_fields(RunSettings& settings, bool& leave) {
  return {
      {"jobs", into(settings.jobs, 0, 4096)},
      {"auto_retry", into(settings.auto_retry)},
      {"max_retries", into(settings.max_retries, 0, 1000)},
      {"halt",
       [&settings](const Node& node) -> Status {
         DARN_ASSIGN(const std::string text, node.text());
         auto status = parse_halt(text, settings);
         return status ? status : node.placed(std::move(status.error()));
       }},
      {"fail_on_healed", into(settings.fail_on_healed)},
      {"budget", into(settings.budget)},
      {"output_limit", into_bytes(settings.output_limit)},
      {"grace", into(settings.grace)},
      {"linger",
       [&leave](const Node& node) -> Status {
         std::string word;
         DARN_TRY(into_choice(word, {"kill", "leave"})(node));
         leave = word == "leave";
         return {};
       }},
      {"cycle_wait", into(settings.cycle_wait)},
      {"cycle_wait_limited", into(settings.cycle_wait_limited)},
      {"notify", into(settings.notify)},
      {"durability", into_choice(settings.durability, {"process", "power"})},
  };
}

// "10/min", "2/s", "100/1h"
Status read_rate(const Node& node, PoolDef& pool) {
  DARN_ASSIGN(const std::string text, node.text());
  const std::size_t slash = text.find('/');
  const auto count = parse_int(text.substr(0, slash));
  std::string per = slash == std::string::npos ? "" : std::string{trim(text.substr(slash + 1))};
  if (per == "min" || per == "sec") {
    per.resize(1);
  }
  if (!per.empty() && per.find_first_of("0123456789") == std::string::npos) {
    per.insert(0, "1");
  }
  const auto duration = parse_duration(per);
  if (!count || *count < 1 || *count > kMany || !duration || duration->count() == 0) {
    return node.error("bad rate " + quote(text), "give one such as 10/min, 2/s or 100/h");
  }
  pool.rate = static_cast<int>(*count);
  pool.rate_per = *duration;
  return {};
}

Fields rule_fields(Rule& rule) {
  return {
      {"name", into(rule.name)},
      {"category", into_kind<Category>(rule.category, category_words())},
      {"exit", into(rule.exit, 0, 255)},
      {"signal", into(rule.signal, 1, 64)},
      {"shorter_than", into(rule.shorter_than)},
      {"longer_than", into(rule.longer_than)},
      {"output_regex", into_regex(rule.output_regex)},
      {"agent_json", into_predicate(rule.agent_json)},
      {"then", into_kind<Action>(rule.then, {"retry", "snooze", "give_up", "abandon"})},
      {"as_category", into_kind<Category>(rule.as_category, category_words())},
      {"retries", into(rule.retries, 0, 1000)},
      {"backoff", into(rule.backoff)},
      {"snooze", into(rule.snooze)},
  };
}

Result<Rule> read_rule(const Node& node) {
  Rule rule;
  DARN_TRY(read_table(node, rule_fields(rule)));
  if (rule.name.empty()) {
    const Location at = node.document().where(node.pointer());
    rule.name = fmt::format("{}:{}", at.file, at.line);
  }
  if (!rule.then && !rule.as_category) {
    return node.error("a rule that does nothing", "give it 'then' or 'as_category'");
  }
  if (rule.then && rule.as_category) {
    return node.error("a rule with both 'then' and 'as_category'", "keep one of the two");
  }
  if ((rule.retries || !rule.backoff.empty()) && rule.then != Action::retry) {
    return node.error("'retries' and 'backoff' without a retry", "add then = \"retry\"");
  }
  if (rule.snooze && rule.then != Action::snooze) {
    return node.error("'snooze' without it being what is done", "add then = \"snooze\"");
  }
  return rule;
}

// Rules of a later document stand first: the project's before the user's. A rule of the same name
// is replaced.
Status read_rules(const Node& node, std::vector<Rule>& rules) {
  if (!node.json().is_array()) {
    return node.error("'rules' is no list", "write each rule as [[policy.rules]]");
  }
  DARN_ASSIGN(const std::vector<Node> items, node.items());
  std::vector<Rule> merged;
  for (const Node& item : items) {
    DARN_ASSIGN(Rule rule, read_rule(item));
    merged.push_back(std::move(rule));
  }
  for (Rule& old : rules) {
    const bool replaced = std::any_of(merged.begin(), merged.end(),
                                      [&](const Rule& rule) { return rule.name == old.name; });
    if (!replaced) {
      merged.push_back(std::move(old));
    }
  }
  rules = std::move(merged);
  return {};
}

Setter category_setter(CategoryPolicy& policy) {
  return [&policy](const Node& node) {
    return read_table(node, {{"retries", into(policy.retries, 0, 1000)},
                             {"backoff", into(policy.backoff)},
                             {"alone", into(policy.alone)}});
  };
}

}  // namespace

std::vector<std::string> category_words() {
  std::vector<std::string> words;
  for (std::size_t i = 1; i < kCategories; ++i) {
    words.emplace_back(to_string(static_cast<Category>(i)));
  }
  return words;
}

std::vector<std::string> run_keys() {
  RunSettings settings;
  bool leave = false;
  std::vector<std::string> keys;
  for (const auto& field : run_fields(settings, leave)) {
    keys.emplace_back(field.first);
  }
  return keys;
}

Status read_run(const Node& node, RunSettings& settings) {
  return read_table(node, run_fields(settings, settings.linger_leave));
}

Status read_policy(const Node& node, Policy& policy) {
  Fields fields{
      {"max_retries", into(policy.max_retries, 0, 1000)},
      {"jitter", into(policy.jitter, 0, 1)},
      {"deterministic_after", into(policy.deterministic_after, 1, kMany)},
      {"poison_limit", into(policy.poison_limit, 1, kMany)},
      {"max_snoozes", into(policy.max_snoozes, 0, kMany)},
      {"max_snooze", into(policy.max_snooze)},
      {"max_retry_after", into(policy.max_retry_after)},
      {"rest_without_hint", into(policy.rest_without_hint)},
      {"rules", [&policy](const Node& rules) { return read_rules(rules, policy.rules); }},
  };
  for (std::size_t i = 1; i < kCategories; ++i) {
    fields.emplace_back(to_string(static_cast<Category>(i)),
                        category_setter(policy.by_category[i]));
  }
  return read_table(node, fields);
}

Status read_pools(const Node& node, RunSettings& settings) {
  if (!node.json().is_object()) {
    return node.error("'pools' is no table", "write each pool as [pools.NAME]");
  }
  for (const std::string& name : node.keys()) {
    PoolDef& pool = settings.pools[name];
    pool.name = name;
    DARN_TRY(read_table(node.child(name),
                        {{"limit", into(pool.limit, 0, kMany)},
                         {"rate", [&pool](const Node& rate) { return read_rate(rate, pool); }}}));
  }
  return {};
}

Status read_defaults(const Node& node, RunSettings& settings) {
  for (const char* field : {"id", "after"}) {
    if (node.has(field)) {
      return node.child(field).key_error("every task would have the same " + quote(field),
                                         "give it with each task");
    }
  }
  DARN_ASSIGN(TaskSpec defaults, task_from_config(node.document(), node.pointer(), node.kind(),
                                                  start_task(settings.defaults)));
  if (!defaults.command.empty() && defaults.is_agent()) {
    return node.error("both a command and an agent", "keep one of the two");
  }
  merge_defaults(defaults, settings.defaults);
  settings.defaults = std::move(defaults);
  return {};
}

Status apply_config(const ConfigDocument& document, RunSettings& settings, ErrorKind kind,
                    const std::vector<std::string>& ignore) {
  const Node root(document, "", kind);
  Fields fields{
      {"run", [&](const Node& node) { return read_run(node, settings); }},
      {"defaults", [&](const Node& node) { return read_defaults(node, settings); }},
      {"policy", [&](const Node& node) { return read_policy(node, settings.policy); }},
      {"agents", [&](const Node& node) { return read_agents(node, settings); }},
      {"pools", [&](const Node& node) { return read_pools(node, settings); }},
  };
  for (const std::string& key : ignore) {
    fields.emplace_back(key, [](const Node&) -> Status { return {}; });
  }
  return read_table(root, fields);
}

}  // namespace darn
