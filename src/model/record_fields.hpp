// The members of every record that is stored as JSON, by name (see fields.hpp). The names are
// stored: renaming one is a migration.
#pragma once

#include "model/fields.hpp"

namespace darn::fields {

#define DARN_FIELD(name) io(#name, &R::name)

template <>
struct Fields<Budget> {
  using R = Budget;
  static constexpr void visit(auto& io) {
    DARN_FIELD(usd);
    DARN_FIELD(tokens);
  }
};

template <>
struct Fields<ScoreRule> {
  using R = ScoreRule;
  static constexpr void visit(auto& io) {
    DARN_FIELD(regex);
    DARN_FIELD(pointer);
    DARN_FIELD(pass_score);
  }
};

template <>
struct Fields<TaskSpec> {
  using R = TaskSpec;
  static constexpr void visit(auto& io) {
    DARN_FIELD(id);
    DARN_FIELD(command);
    DARN_FIELD(agent);
    DARN_FIELD(prompt);
    DARN_FIELD(after);
    DARN_FIELD(tags);
    DARN_FIELD(cwd);
    DARN_FIELD(timeout);
    DARN_FIELD(idle_timeout);
    DARN_FIELD(deadline);
    DARN_FIELD(retries);
    DARN_FIELD(pool);
    DARN_FIELD(priority);
    DARN_FIELD(context_path);
    DARN_FIELD(output_file);
    DARN_FIELD(max_turns);
    DARN_FIELD(model);
    DARN_FIELD(check);
    DARN_FIELD(idempotent);
    DARN_FIELD(workspace);
    DARN_FIELD(base);
    DARN_FIELD(session);
    DARN_FIELD(budget);
    DARN_FIELD(env);
    DARN_FIELD(params);
    DARN_FIELD(fallback);
    DARN_FIELD(race);
    DARN_FIELD(failed_when);
    DARN_FIELD(score);
  }
};

template <>
struct Fields<Extract> {
  using R = Extract;
  static constexpr void visit(auto& io) {
    DARN_FIELD(stream);
    DARN_FIELD(lines);
    DARN_FIELD(json);
    DARN_FIELD(at);
    DARN_FIELD(regex);
    DARN_FIELD(take);
  }
};

template <>
struct Fields<AgentTokens> {
  using R = AgentTokens;
  static constexpr void visit(auto& io) {
    DARN_FIELD(input);
    DARN_FIELD(cached);
    DARN_FIELD(output);
    DARN_FIELD(cumulative);
    DARN_FIELD(price_input);
    DARN_FIELD(price_cached);
    DARN_FIELD(price_output);
  }
};

template <>
struct Fields<AgentQuota> {
  using R = AgentQuota;
  static constexpr void visit(auto& io) {
    DARN_FIELD(text);
    DARN_FIELD(until);
    DARN_FIELD(lines);
    DARN_FIELD(at);
    DARN_FIELD(rate);
  }
};

template <>
struct Fields<ExitMeaning> {
  using R = ExitMeaning;
  static constexpr void visit(auto& io) {
    DARN_FIELD(category);
    DARN_FIELD(cause);
    DARN_FIELD(text);
  }
};

template <>
struct Fields<AgentDef> {
  using R = AgentDef;
  static constexpr void visit(auto& io) {
    DARN_FIELD(name);
    DARN_FIELD(command);
    DARN_FIELD(resume);
    DARN_FIELD(options);
    DARN_FIELD(stdin_text);
    DARN_FIELD(env);
    DARN_FIELD(key_env);
    DARN_FIELD(keys);
    DARN_FIELD(result);
    DARN_FIELD(cost_usd);
    DARN_FIELD(session);
    DARN_FIELD(error);
    DARN_FIELD(status);
    DARN_FIELD(tokens);
    DARN_FIELD(failed_when);
    DARN_FIELD(failed_when_text);
    DARN_FIELD(terminal);
    DARN_FIELD(quota);
    DARN_FIELD(exits);
    DARN_FIELD(version_command);
    DARN_FIELD(check);
    DARN_FIELD(pool);
    DARN_FIELD(pool_limit);
    DARN_FIELD(timeout);
    DARN_FIELD(idle_timeout);
    DARN_FIELD(fallback);
    DARN_FIELD(reserve_usd);
    DARN_FIELD(source);
  }
};

template <>
struct Fields<CategoryPolicy> {
  using R = CategoryPolicy;
  static constexpr void visit(auto& io) {
    DARN_FIELD(retries);
    DARN_FIELD(backoff);
    DARN_FIELD(alone);
  }
};

template <>
struct Fields<Rule> {
  using R = Rule;
  static constexpr void visit(auto& io) {
    DARN_FIELD(name);
    DARN_FIELD(category);
    DARN_FIELD(exit);
    DARN_FIELD(signal);
    DARN_FIELD(shorter_than);
    DARN_FIELD(longer_than);
    DARN_FIELD(output_regex);
    DARN_FIELD(agent_json);
    DARN_FIELD(then);
    DARN_FIELD(as_category);
    DARN_FIELD(retries);
    DARN_FIELD(backoff);
    DARN_FIELD(snooze);
  }
};

// {"network": {"retries": 5, …}, …}: categories that are not named keep what they have.
template <>
struct Codec<std::array<CategoryPolicy, kCategories>> {
  using Value = std::array<CategoryPolicy, kCategories>;
  static json encode(const Value& value) {
    json out = json::object();
    for (std::size_t i = 0; i < value.size(); ++i) {
      out[std::string(to_string(static_cast<Category>(i)))] = write<CategoryPolicy>(value[i], {});
    }
    return out;
  }
  static void decode(const json& in, Value& value) {
    for (const auto& [key, element] : in.get_ref<const json::object_t&>()) {
      Category category{};
      fields::decode(json(key), category);
      read(element, value[static_cast<std::size_t>(category)]);
    }
  }
};

template <>
struct Fields<Policy> {
  using R = Policy;
  static constexpr void visit(auto& io) {
    DARN_FIELD(by_category);
    DARN_FIELD(max_retries);
    DARN_FIELD(jitter);
    DARN_FIELD(deterministic_after);
    DARN_FIELD(poison_limit);
    DARN_FIELD(max_snoozes);
    DARN_FIELD(max_snooze);
    DARN_FIELD(max_retry_after);
    DARN_FIELD(rest_without_hint);
    DARN_FIELD(rules);
  }
};

// Complete: a stored policy explains a decision long after the defaults have changed.
template <>
struct Codec<Policy> {
  static json encode(const Policy& value) { return write<Policy>(value, nullptr); }
  static void decode(const json& in, Policy& value) { read(in, value); }
};

template <>
struct Fields<PoolDef> {
  using R = PoolDef;
  static constexpr void visit(auto& io) {
    DARN_FIELD(name);
    DARN_FIELD(limit);
    DARN_FIELD(rate);
    DARN_FIELD(rate_per);
  }
};

template <>
struct Fields<RunSettings> {
  using R = RunSettings;
  static constexpr void visit(auto& io) {
    DARN_FIELD(jobs);
    DARN_FIELD(auto_retry);
    DARN_FIELD(max_retries);
    DARN_FIELD(halt);
    DARN_FIELD(halt_percent);
    DARN_FIELD(fail_on_healed);
    DARN_FIELD(budget);
    DARN_FIELD(policy);
    DARN_FIELD(defaults);
    DARN_FIELD(agents);
    DARN_FIELD(pools);
    DARN_FIELD(output_limit);
    DARN_FIELD(grace);
    DARN_FIELD(linger_leave);
    DARN_FIELD(cycle_wait);
    DARN_FIELD(cycle_wait_limited);
    DARN_FIELD(notify);
    DARN_FIELD(durability);
  }
};

template <>
struct Fields<PoolState> {
  using R = PoolState;
  static constexpr void visit(auto& io) {
    DARN_FIELD(name);
    DARN_FIELD(limit);
    DARN_FIELD(parked_until);
    DARN_FIELD(last_change);
    DARN_FIELD(limited_in_a_row);
    DARN_FIELD(keys_resting);
  }
};

template <>
struct Fields<OutputRef> {
  using R = OutputRef;
  static constexpr void visit(auto& io) {
    DARN_FIELD(file);
    DARN_FIELD(offset);
    DARN_FIELD(head);
    DARN_FIELD(tail);
    DARN_FIELD(tail_start);
    DARN_FIELD(dropped);
  }
};

template <>
struct Fields<Outcome> {
  using R = Outcome;
  static constexpr void visit(auto& io) {
    DARN_FIELD(end);
    DARN_FIELD(exit_code);
    DARN_FIELD(signal);
    DARN_FIELD(core_dumped);
    DARN_FIELD(out_of_memory);
    DARN_FIELD(start_errno);
    DARN_FIELD(started);
    DARN_FIELD(ended);
    DARN_FIELD(wall);
    DARN_FIELD(user);
    DARN_FIELD(system);
    DARN_FIELD(max_rss_kib);
    DARN_FIELD(lingered);
    DARN_FIELD(out);
    DARN_FIELD(err);
    DARN_FIELD(check_ran);
    DARN_FIELD(check_end);
    DARN_FIELD(check_exit);
    DARN_FIELD(check_out);
  }
};

template <>
struct Fields<AgentReport> {
  using R = AgentReport;
  static constexpr void visit(auto& io) {
    DARN_FIELD(result);
    DARN_FIELD(error);
    DARN_FIELD(session);
    DARN_FIELD(status);
    DARN_FIELD(cost_usd);
    DARN_FIELD(tokens_in);
    DARN_FIELD(tokens_cached);
    DARN_FIELD(tokens_out);
    DARN_FIELD(failed_when);
    DARN_FIELD(terminal);
    DARN_FIELD(limited);
    DARN_FIELD(quota);
    DARN_FIELD(limited_until);
  }
};

template <>
struct Fields<Diagnostic> {
  using R = Diagnostic;
  static constexpr void visit(auto& io) {
    DARN_FIELD(file);
    DARN_FIELD(line);
    DARN_FIELD(column);
    DARN_FIELD(message);
  }
};

template <>
struct Fields<Diagnosis> {
  using R = Diagnosis;
  static constexpr void visit(auto& io) {
    DARN_FIELD(category);
    DARN_FIELD(cause);
    DARN_FIELD(severity);
    DARN_FIELD(summary);
    DARN_FIELD(signature);
    DARN_FIELD(rule);
    DARN_FIELD(advice);
    DARN_FIELD(retry_after);
    DARN_FIELD(resets_at);
    DARN_FIELD(located);
  }
};

template <>
struct Fields<Verdict> {
  using R = Verdict;
  static constexpr void visit(auto& io) {
    DARN_FIELD(proven);
    DARN_FIELD(cause);
    DARN_FIELD(why);
    DARN_FIELD(score);
  }
};

template <>
struct Fields<Decision> {
  using R = Decision;
  static constexpr void visit(auto& io) {
    DARN_FIELD(action);
    DARN_FIELD(charge);
    DARN_FIELD(delay);
    DARN_FIELD(until);
    DARN_FIELD(agent);
    DARN_FIELD(rule);
    DARN_FIELD(why);
  }
};

#undef DARN_FIELD

}  // namespace darn::fields
