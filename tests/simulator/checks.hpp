// The invariants, checked as things happen: over what the store has committed (told by SimStore, at
// each commit), over what the machine does (told by World), and over both at the end of a run.
// Whoever sees one broken throws Violation.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "model/run.hpp"
#include "simulator/scenario.hpp"
#include "simulator/world.hpp"
#include "store/store.hpp"

namespace darn::sim {

class Checks {
 public:
  Checks(const Scenario& scenario, World& world) : scenario_(scenario), world_(world) {}

  // --- from the simulation
  void open_run(const RunRecord& run, const std::string& cwd, const std::string& state_dir);
  void engine_starts() { engines_.push_back(world_.now()); }
  void commits_were_lost() { commits_lost_ = true; }
  void reopened();
  // 0: go on; Ctrl-C raises it while an engine waits.
  int stop_level = 0;

  // --- from the store: what a commit has brought, in order; then committed()
  void forget();  // all of this is told again, after a power failure
  void set_replay(bool on) { replay_ = on; }
  void transaction_begins();
  void task_added(RunKey run, TaskKey task, const TaskSpec& spec, const std::string& pool);
  void claimed(RunKey run, const AttemptRecord& attempt);
  void ended(RunKey run, const AttemptRecord& attempt);
  void task_changed(TaskKey task, TaskState state, bool alone);
  void cancel_requested(RunKey run, bool cancel);
  void cycle_opened(RunKey run);
  void committed(Store& store);
  // Before it is written.
  void ending(Store& store, RunKey run, const AttemptRecord& attempt);

  // --- from the machine
  void starting(const Job& job);
  void began(const Process& process);

  // --- at the end of a run: `seen` is the store as the engine saw it. `clean`: its last engine was
  // not killed.
  void run_ended(Store& store, Store& seen, RunKey run, bool clean);
  void effects();
  void files();

 private:
  struct Task {
    RunKey run = 0;
    TaskKey key = 0;
    TaskSpec spec;
    std::string pool;
    TaskState state = TaskState::waiting;
    bool alone = false;
    int lost = 0;
    std::string abandoned;  // by which rule
  };
  struct Attempt {
    RunKey run = 0;
    AttemptRecord record;
    bool ended = false;
  };
  const Task* find(const std::string& id) const;
  std::string pool_of(const Task& task, const std::string& agent) const;
  std::string name_of(const Attempt& attempt) const;
  void check_budget(const Task& task, const AttemptRecord& attempt);
  void check_tries(const Task& task, const AttemptRecord& attempt);
  void check_rate(const Task& task, const AttemptRecord& attempt);
  std::string waits_for(const Task& task) const;
  void check_dependencies(const Task& task, const char* when);
  void check_limits(const Task& task, const Process& process);
  void check_truth(const Attempt& attempt, const AttemptRecord& end);
  void check_priority(Store& store);
  void check_living();

  const Scenario& scenario_;
  World& world_;
  RunRecord run_;
  std::string cwd_, state_dir_;
  std::map<std::string, std::string> user_files_;
  std::vector<Time> engines_;
  bool commits_lost_ = false;
  bool replay_ = false;

  // What is committed.
  std::map<TaskKey, Task> tasks_;
  std::map<AttemptKey, Attempt> attempts_;
  std::set<std::string> succeeded_;  // in the lineage
  double spent_ = 0;
  double reserved_ = 0;
  std::set<RunKey> cancelled_;  // runs that are to end
  bool cancel_known_ = false;   // ... of this run, before the transaction began
  std::vector<std::pair<TaskKey, AttemptKey>> claims_;  // of this commit
  std::set<AttemptKey> ending_;                         // in this transaction
};

}  // namespace darn::sim
