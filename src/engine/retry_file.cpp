#include "engine/retry_file.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include "base/text.hpp"
#include "engine/batch.hpp"
#include "plan/reader.hpp"

namespace darn {
namespace {

namespace fs = std::filesystem;

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
