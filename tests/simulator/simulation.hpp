// One schedule: a scenario is planned, run by one engine after the other until it ends, re-run, and
// checked all the while.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "engine/engine.hpp"
#include "simulator/checks.hpp"
#include "simulator/scenario.hpp"
#include "simulator/sim_runner.hpp"
#include "simulator/sim_store.hpp"
#include "simulator/world.hpp"

namespace darn::sim {

// A part that is broken on purpose: it stands between the engine and the sound one. Made anew for
// each engine.
struct Mutant {
  std::unique_ptr<Store> store;
  std::unique_ptr<ProcessRunner> runner;
};
struct Mutation {
  std::string name;
  std::string caught_by;  // the invariant
  std::function<void(Mutant&, Store&, ProcessRunner&, World&)> make;
  bool deaf = false;  // the engine is not told of Ctrl-C
};

class Simulation {
 public:
  // `dir` is an empty directory of its own.
  Simulation(const Scenario& scenario, const std::string& dir, bool verbose,
             const Mutation* mutation = nullptr);

  void run();  // throws Violation
  // The batch as it stands, on standard error.
  void show();
  World& world() { return world_; }
  int engines() const { return engines_; }

 private:
  RunRecord plan(RunRecord run, const std::string& csv);
  RunRecord drive(RunKey run);
  bool run_engine_once(RunKey run, const std::optional<Fault>& fault);
  void crashed(bool power);
  void check_error(const Error& error, std::int64_t failures_before) const;
  bool outside(RunKey run, StopLevel& stop);
  void happen(const Event& event, RunKey run, StopLevel& stop);
  void reopen_cancelled(const RunRecord& run);
  void check_run(const RunRecord& run);
  std::int64_t failures();

  const Scenario& scenario_;
  const Mutation* mutation_;
  std::string cwd_, state_;
  World world_;
  Checks checks_;
  SimStore store_;
  std::size_t next_event_ = 0;
  std::size_t next_fault_ = 0;
  bool clean_ = false;
  bool reopened_ = false;
  int engines_ = 0;
};

// What one schedule did.
struct Figures {
  std::int64_t schedules = 0;
  std::int64_t engines = 0;
  std::int64_t steps = 0;
  std::int64_t processes = 0;
  std::map<std::string, std::int64_t> struck;
  std::set<std::string> places;
};

// Runs one seed in a directory of its own under `dir`; what was violated, if anything was.
std::optional<Violation> run_schedule(std::uint64_t seed, const std::string& dir, bool verbose,
                                      Figures* figures, const Mutation* mutation = nullptr);

// A directory in memory when there is one; removed at the end.
class Workshop {
 public:
  Workshop();
  ~Workshop();
  Workshop(const Workshop&) = delete;
  Workshop& operator=(const Workshop&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace darn::sim
