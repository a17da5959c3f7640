#include "engine/batch.hpp"

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <system_error>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "process/output.hpp"

namespace darn {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// Above this many tasks the manifest names those with an agent only: a million commands are listed
// by `darn export`, not by a file that is written twice a cycle.
constexpr std::int64_t kManifestTasks = 10'000;

json manifest_entry(const TaskRecord& task, const StatePaths& paths, const std::string& batch,
                    int cycle) {
  json entry = {{"id", task.spec.id},
                {"tags", task.spec.tags},
                {"status", to_string(task.state)},
                {"attempts", task.attempts}};
  if (cycle > 1) {
    entry["tags"].push_back("RETRY-" + std::to_string(cycle - 1));
  }
  if (!task.spec.is_agent()) {
    entry["command"] = task.spec.command;
    return entry;
  }
  entry["agent"] = task.spec.race.empty() ? json(task.spec.agent) : json(task.spec.race);
  entry["task"] = task.spec.prompt;
  entry["max_turns"] = task.spec.max_turns ? json(*task.spec.max_turns) : json(nullptr);
  entry["context_path"] = task.spec.context_path;
  entry["output_file"] = task.spec.output_file;
  entry["log"] = "agent-" + file_name(task.spec.id) + ".log";
  entry["workspace"] = paths.workspace(batch, task.spec.id);
  return entry;
}

json retry_metadata(const RunRecord& run, const std::vector<CycleRecord>& lineage) {
  const int retry = static_cast<int>(lineage.size()) - 1;
  const std::string original = lineage.empty() ? "" : lineage.front().batch;
  const std::string parent = retry > 0 ? lineage[lineage.size() - 2].batch : "";
  return {{"is_retry", retry > 0},
          {"original_batch", retry > 0 ? json(original) : json(nullptr)},
          {"retry_count", retry},
          {"parent_batch", parent.empty() ? json(nullptr) : json(parent)},
          {"auto_retry_enabled", run.settings.auto_retry},
          {"max_retries", run.settings.max_retries}};
}

// Cycles of all ancestors, oldest run first: a re-run continues its lineage's count.
Result<std::vector<CycleRecord>> ancestor_cycles(Store& store, const RunRecord& run) {
  std::vector<CycleRecord> all;
  std::vector<RunRecord> chain;
  for (std::string parent = run.parent; !parent.empty();) {
    DARN_ASSIGN(RunRecord ancestor, store.find_run(parent));
    parent = ancestor.parent;
    chain.push_back(std::move(ancestor));
  }
  for (auto it = chain.rbegin(); it != chain.rend(); ++it) {
    DARN_ASSIGN(const auto cycles, store.cycles(it->key));
    all.insert(all.end(), cycles.begin(), cycles.end());
  }
  return all;
}

}  // namespace

Status write_file_whole(const std::string& path, const std::string& text) {
  const std::string beside = path + ".tmp";
  std::FILE* file = std::fopen(beside.c_str(), "wbe");
  if (file == nullptr) {
    return fail_errno("cannot write " + beside);
  }
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  const int error_number = errno;
  if (std::fclose(file) != 0 || !written) {
    return fail_errno("cannot write " + beside, written ? errno : error_number);
  }
  if (std::rename(beside.c_str(), path.c_str()) != 0) {
    return fail_errno("cannot write " + path);
  }
  return {};
}

Result<std::string> new_batch_name(Store& store, const StatePaths& paths, Time now) {
  const std::string base = "batch-" + format_stamp(now);
  for (int i = 1;; ++i) {
    const std::string name = i == 1 ? base : base + "-" + std::to_string(i);
    DARN_ASSIGN(const bool taken, store.batch_exists(name));
    if (!taken && !fs::exists(paths.batch(name))) {
      return name;
    }
  }
}

Result<int> cycles_before(Store& store, const RunRecord& run) {
  DARN_ASSIGN(const auto cycles, ancestor_cycles(store, run));
  return static_cast<int>(cycles.size());
}

Status write_manifest(Store& store, const StatePaths& paths, const RunRecord& run,
                      const std::string& batch) {
  DARN_ASSIGN(const auto cycles, store.cycles(run.key));
  DARN_ASSIGN(const auto earlier, ancestor_cycles(store, run));
  std::vector<CycleRecord> all = earlier;
  all.insert(all.end(), cycles.begin(), cycles.end());

  json manifest = {{"version", 1},           {"batch", batch},       {"run", run.id},
                   {"cycle", cycles.size()}, {"source", run.source}, {"cwd", run.cwd},
                   {"agents", json::array()}};
  manifest["retry_metadata"] = retry_metadata(run, all);
  if (!cycles.empty()) {
    manifest["started"] = format_utc(cycles.back().started);
    manifest["ended"] =
        cycles.back().ended == Time{} ? json(nullptr) : json(format_utc(cycles.back().ended));
  }

  DARN_ASSIGN(const Counts counts, store.counts(run.key));
  const bool agents_only = counts.total() > kManifestTasks;
  const int cycle = static_cast<int>(cycles.size());
  // Later cycles name what they re-run: all that had not succeeded when they opened.
  Store::TaskFilter filter;
  if (cycle > 1 && cycles.back().ended != Time{}) {
    filter.cycle = cycle;
  }
  if (cycle > 1 && cycles.back().ended == Time{}) {
    filter.states = {TaskState::waiting, TaskState::ready, TaskState::running, TaskState::delayed};
  }
  std::int64_t left_out = 0;
  DARN_TRY(store.each_task(run.key, filter, true, [&](const TaskRecord& task) -> Status {
    if (agents_only && !task.spec.is_agent()) {
      ++left_out;
      return {};
    }
    manifest["agents"].push_back(manifest_entry(task, paths, batch, cycle));
    return {};
  }));
  if (left_out > 0) {
    manifest["commands_left_out"] = left_out;
  }
  return write_file_whole(paths.batch(batch) + "/manifest.json",
                          manifest.dump(2, ' ', false, json::error_handler_t::replace) + "\n");
}

Status append_agent_log(const StatePaths& paths, const std::string& run_dir,
                        const AttemptRecord& attempt) {
  const std::string path = paths.agent_log(attempt.batch, attempt.task_id);
  std::ofstream log(path, std::ios::binary | std::ios::app);
  log << fmt::format("=== attempt {} of {} by {} at {}\n", attempt.number, attempt.task_id,
                     attempt.agent, format_utc(attempt.outcome.started));
  const auto copy = [&](const OutputRef& ref, std::string_view title) -> Status {
    if (ref.file.empty() || ref.size() == 0) {
      return {};
    }
    log << title;
    return read_output(run_dir, ref, [&](std::string_view piece) { log << piece; });
  };
  DARN_TRY(copy(attempt.outcome.out, ""));
  DARN_TRY(copy(attempt.outcome.err, "\n--- standard error\n"));
  DARN_TRY(copy(attempt.outcome.check_out, "\n--- check\n"));
  log << fmt::format("\n=== attempt {} ended: {}\n", attempt.number,
                     to_string(attempt.outcome.end));
  log.flush();
  if (!log) {
    return fail(ErrorKind::io, "cannot write " + path);
  }
  return {};
}

}  // namespace darn
