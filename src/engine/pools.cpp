#include "engine/pools.hpp"

#include <sched.h>

#include <algorithm>

namespace darn {

std::string pool_of(const TaskSpec& task, const RunSettings& settings) {
  if (!task.pool.empty()) {
    return task.pool;
  }
  const std::string& agent = task.race.empty() ? task.agent : task.race.front();
  if (agent.empty()) {
    return kCommandPool;
  }
  const auto found = settings.agents.find(agent);
  return found == settings.agents.end() ? agent : agent_pool(found->second);
}

int pool_limit(const std::string& pool, const RunSettings& settings) {
  const auto defined = settings.pools.find(pool);
  if (defined != settings.pools.end() && defined->second.limit > 0) {
    return defined->second.limit;
  }
  for (const auto& [name, agent] : settings.agents) {
    if (agent_pool(agent) == pool) {
      return agent.pool_limit;
    }
  }
  return settings.jobs;
}

int default_jobs() {
  cpu_set_t set;
  CPU_ZERO(&set);
  const int cores = ::sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  return std::max(cores, 1);
}

PoolBook::PoolBook(const RunSettings& settings, const std::map<std::string, PoolState>& stored)
    : settings_(&settings) {
  for (const auto& [name, state] : stored) {
    at(name).state = state;
  }
}

PoolBook::Pool& PoolBook::at(const std::string& name) {
  const auto found = pools_.find(name);
  if (found != pools_.end()) {
    return found->second;
  }
  Pool pool;
  if (const auto defined = settings_->pools.find(name); defined != settings_->pools.end()) {
    pool.def = defined->second;
  }
  pool.def.name = name;
  pool.def.limit = pool_limit(name, *settings_);
  pool.state = initial_pool(pool.def, settings_->jobs);
  if (pool.def.rate > 0) {
    pool.rate = std::make_unique<StartRate>(pool.def);
  }
  return pools_.emplace(name, std::move(pool)).first->second;
}

int PoolBook::room(const std::string& name, bool command, Time now) {
  Pool& pool = at(name);
  if (pool.alone) {
    return 0;
  }
  int room = darn::room(pool.state, pool.running, now);
  if (command) {
    room = std::min(room, settings_->jobs - commands_running_);
  }
  pool.rate_blocked_until.reset();
  if (room > 0 && pool.rate) {
    // One at a time: each start takes a token, the caller asks again.
    const Time next = pool.rate->next(now);
    if (next > now) {
      pool.rate_blocked_until = next;
      return 0;
    }
    room = 1;
  }
  return std::max(room, 0);
}

bool PoolBook::open(const std::string& name, Time now) {
  const Pool& pool = at(name);
  return !pool.alone && !pool.rate && pool.running <= darn::room(pool.state, 0, now);
}

void PoolBook::take(const std::string& name, bool command, bool alone, Time now) {
  Pool& pool = at(name);
  ++pool.running;
  if (alone) {
    pool.alone = true;
  }
  if (command) {
    ++commands_running_;
  }
  if (pool.rate) {
    pool.rate->take(now);
  }
}

void PoolBook::give(const std::string& name, bool command, bool alone) {
  Pool& pool = at(name);
  --pool.running;
  if (alone) {
    pool.alone = false;
  }
  if (command) {
    --commands_running_;
  }
}

std::optional<std::string> PoolBook::next_key(const std::string& name, const AgentDef& agent,
                                              Time now) {
  if (agent.keys.empty()) {
    return std::string{};
  }
  Pool& pool = at(name);
  const std::string* key = darn::next_key(pool.state, agent.keys, pool.turn, now);
  if (key == nullptr) {
    return std::nullopt;
  }
  ++pool.turn;
  return *key;
}

void PoolBook::limited(const std::string& name, const std::string& key, const AgentDef* agent,
                       Time now, Time until) {
  Pool& pool = at(name);
  static const std::vector<std::string> kNoKeys;
  on_limited(pool.state, pool.def, settings_->jobs, key, agent != nullptr ? agent->keys : kNoKeys,
             now, until);
  pool.changed = true;
}

void PoolBook::succeeded(const std::string& name, Time now) {
  Pool& pool = at(name);
  const PoolState before = pool.state;
  on_success(pool.state, pool.def, settings_->jobs, now);
  if (!(before == pool.state)) {
    pool.changed = true;
  }
}

std::vector<PoolState> PoolBook::take_changes() {
  std::vector<PoolState> changes;
  for (auto& [name, pool] : pools_) {
    if (!pool.changed) {
      continue;
    }
    pool.changed = false;
    changes.push_back(pool.state);
  }
  return changes;
}

std::optional<Time> PoolBook::next_change(Time now) const {
  std::optional<Time> next;
  const auto consider = [&](Time t) {
    if (t > now && (!next || t < *next)) {
      next = t;
    }
  };
  for (const auto& [name, pool] : pools_) {
    consider(pool.state.parked_until);
    for (const auto& [key, until] : pool.state.keys_resting) {
      consider(until);
    }
    if (pool.rate_blocked_until) {
      consider(*pool.rate_blocked_until);
    }
  }
  return next;
}

Time PoolBook::parked_until(Time now) const {
  Time latest{};
  for (const auto& [name, pool] : pools_) {
    if (pool.state.parked_until > now) {
      latest = std::max(latest, pool.state.parked_until);
    }
  }
  return latest;
}

}  // namespace darn
