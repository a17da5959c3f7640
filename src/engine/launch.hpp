// A claimed attempt -> the Job that is handed to a process slot: environment, predecessors'
// outputs, and for agents the workspace, the prompt's file and the argv of its template. Blocking
// file work, done between the commit of the claim and the start.
#pragma once

#include <map>
#include <string>

#include "base/result.hpp"
#include "engine/paths.hpp"
#include "model/run.hpp"
#include "process/runner.hpp"
#include "store/store.hpp"

namespace darn {

// Where an attempt works and what it promises; set before the claim, stored with the attempt.
struct Placement {
  std::string workspace;    // absolute; empty for commands
  std::string output_path;  // absolute; empty: nothing promised
};

class Launcher {
 public:
  Launcher(Store& store, const RunRecord& run, StatePaths paths)
      : store_(&store), run_(&run), paths_(std::move(paths)) {}

  // lane: the agent's name in a race, else empty.
  Placement place(const TaskRecord& task, const AgentDef* agent, const std::string& lane,
                  const std::string& batch, int number) const;

  // `session`: of the attempt before, to go on with; empty: a new one.
  Result<Job> prepare(const TaskRecord& task, const AttemptRecord& attempt, const AgentDef* agent,
                      const Placement& placement, const std::string& session, Time deadline);

  // Paths of what each predecessor left: its promised output, else a file with its captured output.
  Result<std::map<std::string, std::string>> inputs(const TaskSpec& spec);

 private:
  Result<std::string> captured_output(const std::string& id);
  void command_job(const TaskSpec& spec, Job& job) const;
  Status agent_job(const TaskRecord& task, const AttemptRecord& attempt, const AgentDef& agent,
                   const Placement& placement, const std::string& session,
                   const std::map<std::string, std::string>& inputs, Job& job);

  Store* store_;
  const RunRecord* run_;
  StatePaths paths_;
};

// The directory that a command's relative paths start from.
std::string working_directory(const RunRecord& run, const TaskSpec& spec);

}  // namespace darn
