// The pools of a live run: which limits are in force, what runs in each, which key is next. The
// rules are policy/pool.hpp's; this keeps the book and says what changed, so that it can be stored.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/run.hpp"
#include "policy/pool.hpp"

namespace darn {

inline constexpr const char* kCommandPool = "commands";

// The pool of a task: its own, else its agent's (the first of a race), else kCommandPool.
std::string pool_of(const TaskSpec& task, const RunSettings& settings);
inline std::string agent_pool(const AgentDef& agent) {
  return agent.pool.empty() ? agent.name : agent.pool;
}

// How many of a pool's tasks may run at a time at most: its definition's limit, its agent's, or
// jobs.
int pool_limit(const std::string& pool, const RunSettings& settings);
// The cores of this machine that this process may use.
int default_jobs();

class PoolBook {
 public:
  PoolBook(const RunSettings& settings, const std::map<std::string, PoolState>& stored);

  // How many more attempts may start in it now. Commands share the run's jobs beside it.
  int room(const std::string& pool, bool command, Time now);
  // Nothing but the number of what runs keeps the next one from starting.
  bool open(const std::string& pool, Time now);
  // Takes a place (and a token of its rate); give() returns the place.
  void take(const std::string& pool, bool command, bool alone, Time now);
  void give(const std::string& pool, bool command, bool alone);
  int running(const std::string& pool) { return at(pool).running; }
  bool alone(const std::string& pool) { return at(pool).alone; }

  // The variable that holds the key for the next attempt of this agent; nullopt: all rest.
  // Empty: the agent has no keys of its own.
  std::optional<std::string> next_key(const std::string& pool, const AgentDef& agent, Time now);

  void limited(const std::string& pool, const std::string& key, const AgentDef* agent, Time now,
               Time until);
  void succeeded(const std::string& pool, Time now);

  // The states that changed since the last call.
  std::vector<PoolState> take_changes();
  // When something that is closed now opens again (parked, rate); nullopt: nothing is closed.
  std::optional<Time> next_change(Time now) const;
  // The latest moment until which some pool is parked; Time{}: none.
  Time parked_until(Time now) const;

 private:
  struct Pool {
    PoolDef def;
    PoolState state;
    std::unique_ptr<StartRate> rate;
    int running = 0;
    bool alone = false;  // one runs that wants the pool for itself
    std::uint64_t turn = 0;
    bool changed = false;
    std::optional<Time> rate_blocked_until;
  };
  Pool& at(const std::string& name);

  const RunSettings* settings_;
  std::map<std::string, Pool> pools_;
  int commands_running_ = 0;
};

}  // namespace darn
