#include "engine/batch.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <system_error>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "plan/reader.hpp"
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

bool is_retry_tag(const std::string& tag) { return tag.starts_with("RETRY-"); }

std::string retry_tags(std::vector<std::string> tags, int number) {
  std::erase_if(tags, is_retry_tag);
  tags.push_back("RETRY-" + std::to_string(number));
  return join(tags, ";");
}

// A column's text for a task that did not come from a CSV.
std::string cell_of(const TaskSpec& spec, const std::string& column) {
  const auto number = [](const auto& value) { return value ? std::to_string(*value) : ""; };
  const auto seconds = [](const std::optional<Duration>& d) {
    return d ? std::to_string(d->count()) + "ms" : std::string{};
  };
  if (column == "id") {
    return spec.id;
  }
  if (column == "command") {
    return spec.command;
  }
  if (column == "agent") {
    return spec.race.empty() ? spec.agent : spec.race.front();
  }
  if (column == "task" || column == "prompt") {
    return spec.prompt;
  }
  if (column == "after") {
    return join(spec.after, ";");
  }
  if (column == "tags") {
    return join(spec.tags, ";");
  }
  if (column == "cwd") {
    return spec.cwd;
  }
  if (column == "timeout") {
    return seconds(spec.timeout);
  }
  if (column == "idle_timeout") {
    return seconds(spec.idle_timeout);
  }
  if (column == "retries") {
    return number(spec.retries);
  }
  if (column == "pool") {
    return spec.pool;
  }
  if (column == "priority") {
    return spec.priority == 0 ? "" : std::to_string(spec.priority);
  }
  if (column == "context_path") {
    return join(spec.context_path, ";");
  }
  if (column == "output_file") {
    return spec.output_file;
  }
  if (column == "max_turns") {
    return number(spec.max_turns);
  }
  if (column == "model") {
    return spec.model;
  }
  if (column == "check") {
    return spec.check;
  }
  if (column == "idempotent") {
    return spec.idempotent ? "" : "false";
  }
  if (column == "workspace") {
    return spec.workspace ? std::string(to_string(*spec.workspace)) : std::string{};
  }
  if (column == "base") {
    return spec.base;
  }
  if (column == "session") {
    return spec.session;
  }
  if (column == "budget") {
    if (spec.budget.usd) {
      return fmt::format("{}usd", *spec.budget.usd);
    }
    return spec.budget.tokens ? fmt::format("{}tokens", *spec.budget.tokens) : "";
  }
  const bool env = column.starts_with("env.");
  for (const auto& [name, value] : env ? spec.env : spec.params) {
    if (name == (env ? column.substr(4) : column)) {
      return value;
    }
  }
  return {};
}

constexpr std::string_view kColumns[] = {
    "id",           "command",     "agent",        "task",    "after", "tags",
    "cwd",          "timeout",     "idle_timeout", "retries", "pool",  "priority",
    "context_path", "output_file", "max_turns",    "model",   "check", "idempotent",
    "workspace",    "base",        "session",      "budget"};

// The columns that these tasks use, in the order of the documentation.
std::vector<std::string> used_columns(const std::vector<TaskRecord>& tasks) {
  std::vector<std::string> columns = {"id"};
  const auto add = [&](const std::string& column) {
    if (std::find(columns.begin(), columns.end(), column) == columns.end()) {
      columns.push_back(column);
    }
  };
  for (const std::string_view column : kColumns) {
    const std::string name(column);
    if (std::any_of(tasks.begin(), tasks.end(),
                    [&](const TaskRecord& t) { return !cell_of(t.spec, name).empty(); })) {
      add(name);
    }
  }
  for (const TaskRecord& task : tasks) {
    for (const auto& [name, value] : task.spec.env) {
      add("env." + name);
    }
    for (const auto& [name, value] : task.spec.params) {
      add(name);
    }
  }
  return columns;
}

struct RetryRow {
  TaskRecord task;
  std::string raw;
};

std::string retry_csv(const std::vector<std::string>& input_columns,
                      const std::vector<RetryRow>& rows, int number) {
  std::vector<std::string> columns = input_columns;
  // Rows that were not read under this header (YAML, darn add) bring their own columns.
  std::vector<TaskRecord> others;
  for (const RetryRow& row : rows) {
    if (row.raw.empty() || input_columns.empty()) {
      others.push_back(row.task);
    }
  }
  for (const std::string& column : used_columns(others)) {
    if (std::find(columns.begin(), columns.end(), column) == columns.end() &&
        !(column == "task" &&
          std::find(columns.begin(), columns.end(), "prompt") != columns.end())) {
      columns.push_back(column);
    }
  }
  auto tags = std::find(columns.begin(), columns.end(), "tags");
  if (tags == columns.end()) {
    tags = columns.insert(columns.end(), "tags");
  }
  const auto tags_at = static_cast<std::size_t>(tags - columns.begin());

  std::string text = join_record(columns) + "\n";
  for (const RetryRow& row : rows) {
    std::vector<std::string> cells;
    if (row.raw.empty() || input_columns.empty()) {
      for (const std::string& column : columns) {
        cells.push_back(cell_of(row.task.spec, column));
      }
    } else {
      cells = split_record(row.raw);
      cells.resize(columns.size());
    }
    cells[tags_at] = retry_tags(row.task.spec.tags, number);
    text += join_record(cells) + "\n";
  }
  return text;
}

std::string stamp_of(const std::string& batch) {
  constexpr std::string_view kPrefix = "batch-";
  return batch.starts_with(kPrefix) ? batch.substr(kPrefix.size()) : batch;
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

Result<std::string> write_retry_file(Store& store, const StatePaths& paths, const RunRecord& run,
                                     int retry_number, Time now, const std::string& file) {
  Store::TaskFilter filter;
  for (std::size_t s = 0; s < kTaskStates; ++s) {
    if (static_cast<TaskState>(s) != TaskState::succeeded) {
      filter.states.push_back(static_cast<TaskState>(s));
    }
  }
  std::vector<RetryRow> rows;
  DARN_TRY(store.each_task(run.key, filter, true, [&](const TaskRecord& task) -> Status {
    rows.push_back({task, {}});
    return {};
  }));
  if (rows.empty()) {
    return std::string{};
  }
  for (RetryRow& row : rows) {
    DARN_ASSIGN(row.raw, store.raw_row(row.task.key));
  }

  std::string path = file;
  if (path.empty()) {
    DARN_ASSIGN(const auto cycles, store.cycles(run.key));
    const std::string parent = cycles.empty() ? run.id : stamp_of(cycles.back().batch);
    const std::string base = paths.batches() + "/auto-retry-" + parent + "-" + format_stamp(now);
    path = base + ".csv";
    for (int i = 2; fs::exists(path); ++i) {
      path = base + "-" + std::to_string(i) + ".csv";
    }
    std::error_code error;
    fs::create_directories(paths.batches(), error);
  }
  DARN_TRY(write_file_whole(path, retry_csv(run.columns, rows, retry_number)));
  return path;
}

std::string parent_batch_of(const std::string& file) {
  const std::string name = fs::path(file).filename();
  constexpr std::string_view kPrefix = "auto-retry-";
  constexpr std::size_t kStamp = 15;  // YYYYMMDD-HHMMSS
  if (!name.starts_with(kPrefix) || name.size() < kPrefix.size() + 2 * kStamp + 1) {
    return {};
  }
  const std::string rest = name.substr(kPrefix.size());
  std::size_t end = kStamp;
  // A parent's own suffix ("-2") stands between its stamp and the second stamp.
  const std::size_t next = rest.find('-', kStamp + 1);
  if (next != std::string::npos && next - kStamp - 1 < 8) {
    end = next;
  }
  return "batch-" + rest.substr(0, end);
}

}  // namespace darn
