// What one schedule is about, drawn from its seed: a batch, how its processes behave, what people
// do to it from outside, and what breaks where. Plain data; the same seed gives the same scenario.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "model/run.hpp"

namespace darn::sim {

// How a task's processes are.
enum class Nature : std::uint8_t {
  good,      // succeeds
  network,   // fails so many times for a reason that passes
  unknown,   // ... for a reason that nobody knows
  limited,   // hits somebody else's limit so many times
  resource,  // runs out of memory once
  slow,      // does not end within its timeout so many times
  crashing,  // killed by a signal of its own so many times
  broken,    // fails the same way for ever
  missing,   // exits with 0 and leaves nothing of what it promised, so many times
  unchecked  // exits with 0, and its check fails, so many times
};

struct Character {
  Nature nature = Nature::good;
  int times = 0;  // how often it fails before it succeeds
  Duration shortest{10}, longest{2000};
  double cost = 0;  // of an agent's attempt
  int retry_after = 0;
};

// One process: what the nth start of a task does.
struct Play {
  Duration takes{};
  int exit_code = 0;
  int signal = 0;
  std::string out;
  bool leaves_output = true;
  int check_exit = 0;
  Duration grace{};  // how long it goes on after a TERM
};

// Something from outside, at a time after the first engine's start.
struct Event {
  enum class Kind : std::uint8_t { add, cancel, interrupt, kill_shim } kind = Kind::add;
  Duration at{};
};

// Something that breaks. It strikes at one step of one engine: the nth call of that name, before or
// after its effect; or, with an empty name, at the nth step of any kind.
struct Fault {
  enum class Kind : std::uint8_t { kill, power, kill_shim, store_error } kind = Kind::kill;
  std::string call;
  int nth = 1;
  bool after = false;
  bool rolls_back = false;  // store_error: SQLite has undone the transaction by itself
  int lost_commits = 0;     // power: at most so many of the last commits vanish
};

struct Scenario {
  std::uint64_t seed = 0;
  RunSettings settings;
  bool quick = false;  // short commands: they are handed to slots ahead of their turn
  std::string csv;     // the task file
  std::string more;    // for `darn add`
  std::map<std::string, std::vector<std::string>> after;  // what each task depends on
  std::map<std::string, bool> idempotent;
  std::vector<Event> events;
  std::vector<Fault> faults;      // one for each engine that is started, in this order
  std::optional<Fault> planning;  // ... while the plan is made
  int stretch = 1;                // how much longer than asked the engine may sleep
  int jitter = 0;                 // chance in 1000 that a step takes some milliseconds
  Duration latency{};             // at most, until a shim hears of a job or of its engine's death
  bool power_durable = false;
  bool reopen_cancelled = false;
  int reruns = 0;           // runs of the same lineage afterwards
  bool whole_file = false;  // ... with the whole file, not the retry file

  Character character(const std::string& task) const;
  Play play(const std::string& task, int nth) const;
};

Scenario make_scenario(std::uint64_t seed);

}  // namespace darn::sim
