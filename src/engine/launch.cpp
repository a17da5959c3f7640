#include "engine/launch.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "agent/invocation.hpp"
#include "agent/workspace.hpp"
#include "base/text.hpp"
#include "engine/batch.hpp"
#include "process/command.hpp"
#include "process/output.hpp"

namespace darn {
namespace {

namespace fs = std::filesystem;

EnvVar set(std::string name, std::string value) {
  return EnvVar{EnvVar::Kind::set, std::move(name), std::move(value)};
}

WorkspaceMode mode_of(const TaskSpec& spec) {
  if (spec.workspace) {
    return *spec.workspace;
  }
  return spec.base.empty() ? WorkspaceMode::keep : WorkspaceMode::worktree;
}

Status make_directories(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) {
    return fail(ErrorKind::io, "cannot make " + path + ": " + error.message());
  }
  return {};
}

// In a later cycle's batch, results/agent-<id>/workspace leads to where the task really works.
void link_workspace(const std::string& link, const std::string& workspace) {
  std::error_code error;
  if (link == workspace || fs::exists(fs::symlink_status(link, error))) {
    return;
  }
  fs::create_directory_symlink(fs::relative(workspace, fs::path(link).parent_path(), error), link,
                               error);
}

}  // namespace

namespace {

// What comes after a task may not need what it printed. Whoever does, and opens this, gets "No such
// file" with the reason in the name, and never half of it.
std::string damaged(const std::string& path, std::string_view why) {
  constexpr std::size_t kMost = 120;
  std::string words(why.substr(why.rfind('/') + 1));
  std::replace_if(
      words.begin(), words.end(), [](char c) { return c == ' ' || c == ':'; }, '-');
  const fs::path place(path);
  return place.parent_path() /
         (place.filename().string().substr(0, kMost) + ".damaged--" + words.substr(0, kMost));
}

}  // namespace

std::string working_directory(const RunRecord& run, const TaskSpec& spec) {
  if (spec.cwd.empty()) {
    return run.cwd;
  }
  return (fs::path(run.cwd) / spec.cwd).lexically_normal();
}

Placement Launcher::place(const TaskRecord& task, const AgentDef* agent, const std::string& lane,
                          const std::string& batch, int number) const {
  Placement placement;
  std::string base = working_directory(*run_, task.spec);
  if (agent != nullptr && mode_of(task.spec) != WorkspaceMode::none) {
    if (mode_of(task.spec) == WorkspaceMode::fresh) {
      placement.workspace = paths_.workspace(batch, task.spec.id) + "-" + std::to_string(number);
    } else if (!lane.empty()) {
      placement.workspace = paths_.workspace(batch, task.spec.id) + "-" + file_name(lane);
    } else if (!task.workspace.empty()) {
      placement.workspace = task.workspace;
    } else {
      placement.workspace = paths_.workspace(batch, task.spec.id);
    }
    base = placement.workspace;
  } else if (agent != nullptr) {
    placement.workspace = base;
  }
  if (!task.spec.output_file.empty()) {
    placement.output_path = (fs::path(base) / task.spec.output_file).lexically_normal();
  }
  return placement;
}

Result<std::string> Launcher::captured_output(const std::string& id) {
  // Of this run, else of another of its lineage, the newest first.
  DARN_ASSIGN(auto runs, store_->lineage_of(run_->root));
  std::stable_partition(runs.begin(), runs.end(),
                        [&](const RunRecord& r) { return r.key != run_->key; });
  std::reverse(runs.begin(), runs.end());
  for (const RunRecord& owner : runs) {
    auto attempts = store_->attempts(owner.key, id);
    if (!attempts) {
      continue;
    }
    for (auto it = attempts->rbegin(); it != attempts->rend(); ++it) {
      if (it->state != AttemptState::succeeded) {
        continue;
      }
      const OutputRef& out = it->outcome.out;
      const std::string dir = paths_.run_dir(owner.id) + "/outputs";
      const std::string path = dir + "/" + file_name(id);
      std::error_code error;
      if (fs::file_size(path, error) == readable_size(out) && !error) {
        return path;  // whole: a crash of the machine may have left it empty
      }
      if (const Status whole = check_output(paths_.run_dir(owner.id), out); !whole) {
        return damaged(path, whole.error().message);
      }
      DARN_TRY(make_directories(dir));
      std::ofstream file(path + ".tmp", std::ios::binary | std::ios::trunc);
      if (!out.file.empty()) {
        DARN_TRY(read_output(paths_.run_dir(owner.id), out,
                             [&](std::string_view piece) { file << piece; }));
      }
      file.close();
      if (!file) {
        return fail_errno("cannot write " + path);
      }
      fs::rename(path + ".tmp", path, error);
      if (error) {
        return fail(ErrorKind::io, "cannot write " + path + ": " + error.message());
      }
      return path;
    }
  }
  return fail(ErrorKind::internal, "no success of '" + id + "' is recorded");
}

Result<std::map<std::string, std::string>> Launcher::inputs(const TaskSpec& spec) {
  std::map<std::string, std::string> inputs;
  for (const std::string& id : spec.after) {
    DARN_ASSIGN(Store::Success success, store_->success_of(run_->key, id));
    std::string path = success.output_path;
    std::error_code error;
    if (path.empty()) {
      DARN_ASSIGN(path, captured_output(id));
    } else if (!fs::exists(path, error)) {
      return fail(ErrorKind::io,
                  "'" + id + "' has succeeded, but its output " + path + " is not there any more",
                  "put it back, or run '" + id + "' again in a new run");
    }
    inputs[id] = path;
  }
  return inputs;
}

void Launcher::command_job(const TaskSpec& spec, Job& job) const {
  job.argv = command_argv(spec.command);
  job.cwd = working_directory(*run_, spec);
  if (spec.timeout) {
    job.timeout = *spec.timeout;
  }
  if (spec.idle_timeout) {
    job.idle_timeout = *spec.idle_timeout;
  }
  if (!spec.check.empty()) {
    job.check_argv = command_argv(spec.check);
  }
}

Status Launcher::agent_job(const TaskRecord& task, const AttemptRecord& attempt,
                           const AgentDef& agent, const Placement& placement,
                           const std::string& session,
                           const std::map<std::string, std::string>& inputs, Job& job) {
  const std::string results = fs::path(paths_.workspace(attempt.batch, task.spec.id)).parent_path();
  DARN_TRY(make_directories(results));
  DARN_TRY(make_directories(fs::path(placement.workspace).parent_path()));

  WorkspaceRequest request;
  request.dir = placement.workspace;
  request.cwd = working_directory(*run_, task.spec);
  request.mode = mode_of(task.spec);
  request.base = task.spec.base;
  request.branch = "darn/" + run_->id + "/" + file_name(task.spec.id);
  if (!task.spec.race.empty()) {
    request.branch += "-" + file_name(agent.name);
  }
  request.context_path = task.spec.context_path;
  request.inputs = inputs;
  request.state_dir = paths_.root;
  DARN_ASSIGN(const Workspace workspace, prepare_workspace(request));
  if (request.mode != WorkspaceMode::none && request.mode != WorkspaceMode::fresh &&
      task.spec.race.empty()) {
    link_workspace(paths_.workspace(attempt.batch, task.spec.id), placement.workspace);
  }

  InvocationInput input;
  input.agent = &agent;
  input.task = &task.spec;
  input.workspace = placement.workspace;
  input.context_paths = workspace.context_paths;
  input.output_file = placement.output_path;
  input.task_file = results + "/task.md";
  input.session = !session.empty() ? session : task.spec.session;
  input.prompt = task.spec.prompt;
  DARN_TRY(write_file_whole(input.task_file, task.spec.prompt));
  if (!placement.output_path.empty()) {
    const fs::path parent = fs::path(placement.output_path).parent_path();
    DARN_TRY(request.mode == WorkspaceMode::none
                 ? make_directories(parent)
                 : make_directories_in(placement.workspace,
                                       parent.lexically_relative(placement.workspace)));
  }
  DARN_ASSIGN(Invocation invocation, make_invocation(input));

  job.argv = std::move(invocation.argv);
  job.cwd = placement.workspace;
  job.separate_stderr = true;
  job.timeout = task.spec.timeout.value_or(agent.timeout);
  job.idle_timeout = task.spec.idle_timeout.value_or(agent.idle_timeout);
  if (!invocation.stdin_text.empty()) {
    job.stdin_file = results + "/stdin-" + std::to_string(attempt.number);
    DARN_TRY(write_file_whole(job.stdin_file, invocation.stdin_text));
  }
  for (auto& [name, value] : invocation.env) {
    job.env.push_back(set(name, value));
  }
  if (!attempt.key_name.empty() && !agent.key_env.empty() && attempt.key_name != agent.key_env) {
    job.env.push_back(EnvVar{EnvVar::Kind::copy_from, agent.key_env, attempt.key_name});
  }
  const std::string& check = !task.spec.check.empty() ? task.spec.check : agent.check;
  if (!check.empty()) {
    job.check_argv = command_argv(check);
  }
  return {};
}

Result<Job> Launcher::prepare(const TaskRecord& task, const AttemptRecord& attempt,
                              const AgentDef* agent, const Placement& placement,
                              const std::string& session, Time deadline) {
  const TaskSpec& spec = task.spec;
  Job job;
  job.attempt = attempt.key;
  job.attempt_name = run_->id + "/" + spec.id + "/" + std::to_string(attempt.number);
  job.deadline = deadline;
  job.grace = run_->settings.grace;
  job.output_limit = run_->settings.output_limit;
  job.linger_leave = run_->settings.linger_leave;

  DARN_ASSIGN(const auto inputs, this->inputs(spec));
  if (agent != nullptr) {
    DARN_TRY(agent_job(task, attempt, *agent, placement, session, inputs, job));
  } else {
    command_job(spec, job);
  }
  for (const auto& [name, value] : spec.params) {
    job.env.push_back(set(name, value));
  }
  for (const auto& [name, value] : spec.env) {
    job.env.push_back(set(name, value));
  }
  for (const auto& [id, path] : inputs) {
    job.env.push_back(set("DARN_OUTPUT_" + env_name(id), path));
  }
  job.env.push_back(set("DARN_RUN", run_->id));
  job.env.push_back(set("DARN_TASK", spec.id));
  job.env.push_back(set("DARN_ATTEMPT_NUMBER", std::to_string(attempt.number)));
  if (!placement.output_path.empty()) {
    job.env.push_back(set("DARN_OUTPUT", placement.output_path));
  }
  return job;
}

}  // namespace darn
