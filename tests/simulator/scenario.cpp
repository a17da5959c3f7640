#include "simulator/scenario.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/random.hpp"
#include "base/text.hpp"
#include "simulator/dice.hpp"

namespace darn::sim {
namespace {

const char* const kPools[] = {"", "", "", "api", "slow"};

void add_agent(RunSettings& settings, const std::string& name, Dice& dice) {
  AgentDef& def = settings.agents[name];
  def.name = name;
  def.command = {name};
  def.stdin_text = "{task}";
  def.result.lines = "/type == \"result\"";
  def.cost_usd.at = "/total_cost_usd";
  def.pool_limit = dice.between(1, 3);
  def.reserve_usd = dice.between(1, 4) * 0.25;
  if (dice.chance(25)) {
    def.key_env = "API_KEY";
    def.keys = {"KEY_A", "KEY_B"};
  }
}

void quick_policy(Policy& policy, Dice& dice) {
  for (CategoryPolicy& kind : policy.by_category) {
    for (Duration& delay : kind.backoff) {
      delay /= 20;
    }
  }
  policy.rest_without_hint = dice.ms(100, 2000);
  policy.max_retries = dice.between(1, 5);
  policy.poison_limit = dice.between(1, 4);
  policy.max_snoozes = dice.between(1, 6);
}

RunSettings make_settings(bool quick, Dice& dice) {
  RunSettings settings;
  settings.jobs = quick ? dice.between(1, 2) : dice.between(1, 4);
  settings.auto_retry = dice.chance(40);
  settings.max_retries = dice.between(1, 3);
  settings.grace = Duration{500};
  settings.cycle_wait_limited = Duration{1000};
  if (dice.chance(10)) {
    settings.halt = HaltMode::fail_fast;
  } else if (dice.chance(5)) {
    settings.halt = HaltMode::after_percent;
    settings.halt_percent = dice.between(10, 90);
  }
  quick_policy(settings.policy, dice);
  settings.pools["slow"] = PoolDef{.name = "slow", .limit = dice.between(1, 2)};
  PoolDef api{.name = "api", .limit = dice.between(1, 4)};
  if (dice.chance(50)) {
    api.rate = dice.between(1, 3);
    api.rate_per = dice.ms(1000, 4000);
  }
  settings.pools["api"] = api;
  if (dice.chance(40)) {
    add_agent(settings, "one", dice);
    add_agent(settings, "two", dice);
    if (dice.chance(40)) {
      settings.agents["one"].fallback = "two";
    }
    if (dice.chance(40)) {
      settings.defaults.race = {"one", "two"};
    }
    if (dice.chance(50)) {
      settings.budget.usd = dice.between(1, 12) * 0.5;
    }
  }
  if (dice.chance(10)) {
    settings.defaults.deadline = dice.ms(500, 8000);
  }
  settings.durability = dice.chance(25) ? "power" : "process";
  return settings;
}

// "t3": with a dependency on earlier ones, so that there is no cycle.
std::string make_row(int number, const std::string& prefix, Scenario& scenario, Dice& dice) {
  const RunSettings& settings = scenario.settings;
  const std::string id = prefix + std::to_string(number);
  std::string after;
  scenario.after[id];
  for (int i = std::max(0, number - 4); i < number; ++i) {
    if (dice.chance(scenario.quick ? 3 : 20)) {
      after += (after.empty() ? "t" : ";t") + std::to_string(i);
      scenario.after[id].push_back("t" + std::to_string(i));
    }
  }
  const bool agents = !settings.agents.empty() && dice.chance(scenario.quick ? 10 : 50);
  const bool race = agents && !settings.defaults.race.empty() && dice.chance(50);
  const std::string agent = agents && !race ? (dice.chance(70) ? "one" : "two") : "";
  const auto maybe = [&](int percent, std::string text) {
    return dice.chance(percent) ? std::move(text) : std::string{};
  };
  const std::string pool = kPools[dice.between(0, scenario.quick ? 2 : 4)];
  scenario.idempotent[id] = dice.chance(80);
  return fmt::format(
      "{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n", id, agents ? "" : "work", agent,
      agents ? "do it" : "", after, pool, maybe(30, std::to_string(dice.between(-2, 2))),
      maybe(25, fmt::format("{}ms", dice.between(200, 3000))),
      maybe(20, std::to_string(dice.between(0, 3))), maybe(20, "out-" + id + ".txt"),
      maybe(15, "verify"), scenario.idempotent[id] ? "" : "false",
      agents ? maybe(20, fmt::format("{}usd", dice.between(1, 6) * 0.25)) : "",
      agents ? (dice.chance(99) ? "none" : "keep") : "");  // keep: git shows what changed, slowly
}

constexpr const char* kHeader =
    "id,command,agent,task,after,pool,priority,timeout,retries,output_file,check,idempotent,budget,"
    "workspace\n";

// Calls at which something may break, the more often the more depends on them.
const std::vector<std::string>& calls() {
  static const std::vector<std::string> names = {"begin",
                                                 "commit",
                                                 "commit",
                                                 "commit",
                                                 "claim",
                                                 "claim",
                                                 "end_attempt",
                                                 "end_attempt",
                                                 "update_task",
                                                 "update_task",
                                                 "start",
                                                 "start",
                                                 "start",
                                                 "wait",
                                                 "release",
                                                 "release",
                                                 "adopt",
                                                 "acquire_slot",
                                                 "stop",
                                                 "set_run_state",
                                                 "open_cycle",
                                                 "end_cycle",
                                                 "save_pool",
                                                 "promote_due",
                                                 "history",
                                                 "ready_tasks",
                                                 "counts",
                                                 "now",
                                                 "set_run_owner",
                                                 "start_first_cycle",
                                                 "running_attempts",
                                                 "next_due",
                                                 "success_of",
                                                 "recall",
                                                 "cancel_unstarted",
                                                 "set_output_before"};
  return names;
}

Fault make_fault(Dice& dice, bool machines) {
  Fault fault;
  const int kind = dice.between(1, 100);
  if (machines && kind <= 20) {
    fault.kind = Fault::Kind::power;
    fault.lost_commits = dice.between(0, 6);
  } else if (machines && kind <= 40) {
    fault.kind = Fault::Kind::kill_shim;
  } else if (kind <= 60) {
    fault.kind = Fault::Kind::store_error;
    fault.rolls_back = dice.chance(50);
  }
  fault.after = dice.chance(50);
  if (dice.chance(65)) {
    fault.call = dice.pick(calls());
    fault.nth = dice.chance(60) ? dice.between(1, 6) : dice.between(1, 30);
  } else {
    fault.nth = dice.chance(50) ? dice.between(1, 120) : dice.between(1, 1200);
  }
  return fault;
}

void add_events(Scenario& scenario, bool machines, Dice& dice) {
  const auto add = [&](int percent, Event::Kind kind, int longest) {
    if (dice.chance(percent)) {
      scenario.events.push_back({kind, dice.ms(0, longest)});
    }
  };
  add(15, Event::Kind::add, 4000);
  add(6, Event::Kind::cancel, 6000);
  add(15, Event::Kind::interrupt, 6000);
  add(6, Event::Kind::interrupt, 6000);
  add(4, Event::Kind::interrupt, 6000);
  if (machines) {
    add(30, Event::Kind::kill_shim, 6000);
  }
}

}  // namespace

Scenario make_scenario(std::uint64_t seed) {
  Dice dice(seed);
  Scenario scenario;
  scenario.seed = seed;
  scenario.quick = dice.chance(25);
  scenario.settings = make_settings(scenario.quick, dice);
  scenario.power_durable = scenario.settings.durability == "power";
  const int tasks = scenario.quick    ? dice.between(8, 24)
                    : dice.chance(80) ? dice.between(1, 6)
                                      : dice.between(7, 12);
  scenario.csv = kHeader;
  for (int i = 0; i < tasks; ++i) {
    scenario.csv += make_row(i, "t", scenario, dice);
  }
  scenario.more = kHeader;
  for (int i = 0; i < dice.between(1, 2); ++i) {
    scenario.more += make_row(i, "more", scenario, dice);
  }
  // Half of the schedules keep shims and machine alive: there every effect comes about just once.
  const bool machines = dice.chance(50);
  for (int i = dice.chance(15) ? 0 : dice.between(1, 5); i > 0; --i) {
    scenario.faults.push_back(make_fault(dice, machines));
  }
  if (dice.chance(10)) {
    scenario.planning = Fault{.call = "", .nth = dice.between(1, 40), .after = dice.chance(50)};
    scenario.planning->kind = dice.chance(50) ? Fault::Kind::kill : Fault::Kind::store_error;
  }
  add_events(scenario, machines, dice);
  std::sort(scenario.events.begin(), scenario.events.end(),
            [](const Event& a, const Event& b) { return a.at < b.at; });
  scenario.stretch = dice.chance(60) ? 8 : 1;
  scenario.jitter = dice.chance(50) ? 0 : dice.between(1, 30);
  scenario.latency = dice.chance(50) ? Duration{0} : dice.ms(1, 60);
  scenario.reopen_cancelled = dice.chance(50);
  scenario.reruns = dice.chance(30) ? dice.between(1, 2) : 0;
  scenario.whole_file = dice.chance(40);
  return scenario;
}

Character Scenario::character(const std::string& task) const {
  Dice dice(hash64(task, seed));
  Character c;
  const int kind = dice.between(1, quick ? 60 : 100);
  c.nature = kind <= 50   ? Nature::good
             : kind <= 60 ? Nature::network
             : kind <= 66 ? Nature::unknown
             : kind <= 74 ? Nature::limited
             : kind <= 78 ? Nature::resource
             : kind <= 84 ? Nature::slow
             : kind <= 89 ? Nature::crashing
             : kind <= 93 ? Nature::broken
             : kind <= 97 ? Nature::missing
                          : Nature::unchecked;
  c.times = dice.between(1, 3);
  c.shortest = dice.ms(1, 300);
  c.longest = c.shortest + (dice.chance(80) ? dice.ms(0, 800) : dice.ms(0, 5000));
  if (quick && dice.chance(85)) {
    c.shortest = Duration{1};
    c.longest = dice.ms(1, 8);
  }
  c.cost = dice.between(0, 4) * 0.25;
  c.retry_after = dice.chance(70) ? dice.between(1, 4) : 0;
  return c;
}

Play Scenario::play(const std::string& task, int nth) const {
  const Character c = character(task);
  Dice dice(hash64(task, seed ^ static_cast<std::uint64_t>(nth)));
  Play play;
  play.takes = dice.ms(static_cast<int>(c.shortest.count()), static_cast<int>(c.longest.count()));
  play.grace = dice.chance(80) ? dice.ms(0, 20) : dice.ms(100, 2000);
  const auto fails = [&](int exit_code, std::string out) {
    play.exit_code = exit_code;
    play.out = std::move(out);
  };
  if (c.nature == Nature::broken) {
    fails(127, "sh: 1: nope: not found\n");
  } else if (nth <= c.times) {
    switch (c.nature) {
      case Nature::network: fails(1, "curl: (6) Could not resolve host: example.org\n"); break;
      case Nature::unknown: fails(3, fmt::format("boom {}\n", nth)); break;
      case Nature::limited:
        fails(1, "HTTP 429 Too Many Requests\n");
        if (c.retry_after > 0) {
          play.out += fmt::format("Retry-After: {}\n", c.retry_after);
        }
        break;
      case Nature::resource: fails(1, "std::bad_alloc: Cannot allocate memory\n"); break;
      case Nature::slow: play.takes = std::chrono::seconds{20}; break;
      case Nature::crashing: play.signal = 11; break;
      case Nature::missing: play.leaves_output = false; break;
      case Nature::unchecked: play.check_exit = 1; break;
      default: break;
    }
  }
  return play;
}

}  // namespace darn::sim
