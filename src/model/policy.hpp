// The numbers behind every decision, with the defaults of DESIGN section 6. Settable per run,
// agent, category and task; stored with the run, so that a decision can be explained later.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/clock.hpp"
#include "model/kinds.hpp"

namespace darn {

// What is done in place about failures of one category.
struct CategoryPolicy {
  int retries = 0;                // within a cycle
  std::vector<Duration> backoff;  // delay before retry 1, 2, ...; the last one repeats
  bool alone = false;             // the retry runs alone in its pool
  bool operator==(const CategoryPolicy&) const = default;
};

// An ordered rule of the user's: all conditions that are given must hold; the first rule wins.
struct Rule {
  std::string name;
  // conditions
  std::optional<Category> category;
  std::vector<int> exit;
  std::vector<int> signal;
  std::optional<Duration> shorter_than;
  std::optional<Duration> longer_than;
  std::string output_regex;  // RE2, over the end of the attempt's output (stderr where separate)
  std::string agent_json;    // a predicate over the agent's report: "/is_error == true"
  // what to do: at least one
  std::optional<Action> then;           // retry, give_up, abandon, snooze
  std::optional<Category> as_category;  // or: treat it as this category
  std::optional<int> retries;           // with `then = retry`
  std::vector<Duration> backoff;        // with `then = retry`
  std::optional<Duration> snooze;       // with `then = snooze`; default: the pool's rest
  bool operator==(const Rule&) const = default;
};

struct Policy {
  // Indexed by Category. The defaults are those of DESIGN section 6.
  std::array<CategoryPolicy, kCategories> by_category;
  int max_retries = 5;          // per task within a cycle, whatever the category
  double jitter = 0.5;          // a delay d becomes d*(1-jitter) .. d: stays below the cap
  int deterministic_after = 3;  // same signature this often, not transient: no more plain retries
  int poison_limit = 3;         // lost attempts per lineage until the task is abandoned
  int max_snoozes = 100;        // per task and cycle
  Duration max_snooze = std::chrono::hours{24};           // in a row, per task and cycle
  Duration max_retry_after = std::chrono::hours{6};       // a longer one is clamped to this
  Duration rest_without_hint = std::chrono::seconds{15};  // pool rest on a limit that names no time
  std::vector<Rule> rules;

  const CategoryPolicy& of(Category c) const { return by_category[static_cast<std::size_t>(c)]; }
  CategoryPolicy& of(Category c) { return by_category[static_cast<std::size_t>(c)]; }
  bool operator==(const Policy&) const = default;
};

Policy default_policy();

// Keys are the members' names, by_category's are the categories; durations in milliseconds.
std::string json_text(const Policy&);
// Complete or partial: what is missing keeps the value in `base`. Throws on malformed JSON; user
// input goes through config/ first, which reports errors with their place.
Policy policy_from_json(const nlohmann::json&, Policy base);

}  // namespace darn
