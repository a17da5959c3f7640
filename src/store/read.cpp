// Tasks as they are read: one, some, or all of a run as a stream.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "store/rows.hpp"
#include "store/sqlite_store.hpp"

namespace darn {
namespace {

std::string select_task(bool with_spec, std::string_view rest) {
  return fmt::format("SELECT {}{} FROM tasks t {} {}", kTaskColumns, with_spec ? "s.spec" : "NULL",
                     with_spec ? "JOIN task_specs s ON s.task = t.key" : "", rest);
}

Result<TaskRecord> read_one(Query row, std::string_view id) {
  DARN_ASSIGN(const bool found, row.step());
  if (!found) {
    return fail(ErrorKind::usage, fmt::format("there is no task '{}' in this run", id),
                "darn status lists them");
  }
  return read_task(row);
}

}  // namespace

Result<std::vector<TaskRecord>> SqliteStore::ready_tasks(RunKey run, const std::string& pool,
                                                         int limit) {
  static const std::string sql =
      select_task(true,
                  "WHERE t.run = ?1 AND t.state = 'ready' AND t.pool = ?2 "
                  "ORDER BY t.priority DESC, t.key LIMIT ?3");
  std::vector<TaskRecord> tasks;
  DARN_TRY(db_->each(
      sql,
      [&](Query& row) -> Status {
        DARN_ASSIGN(auto task, read_task(row));
        tasks.push_back(std::move(task));
        return {};
      },
      run, pool, std::max(limit, 0)));
  return tasks;
}

Result<std::vector<std::string>> SqliteStore::pools_with_ready(RunKey run) {
  // One step of the index for each pool, however many tasks stand in it.
  std::vector<std::string> pools;
  DARN_TRY(db_->each(
      "WITH RECURSIVE p (pool) AS ("
      "SELECT (SELECT min(pool) FROM tasks WHERE run = ?1 AND state = 'ready') UNION ALL "
      "SELECT (SELECT min(pool) FROM tasks WHERE run = ?1 AND state = 'ready' AND pool > p.pool) "
      "FROM p WHERE p.pool IS NOT NULL) SELECT pool FROM p WHERE pool IS NOT NULL",
      [&](Query& row) -> Status {
        pools.push_back(row.text(0));
        return {};
      },
      run));
  return pools;
}

Result<Store::Success> SqliteStore::success_of(RunKey run, std::string_view task_id) {
  DARN_ASSIGN(const auto runs, lineage_up(run));
  for (const RunKey key : runs) {
    DARN_ASSIGN(Query row, db_->query("SELECT output_path, workspace FROM tasks WHERE run = ?1 "
                                      "AND id = ?2 AND state = 'succeeded'",
                                      key, task_id));
    DARN_ASSIGN(const bool found, row.step());
    if (found) {
      return Success{true, row.text(0), row.text(1)};
    }
  }
  return Success{};
}

Result<TaskRecord> SqliteStore::task(RunKey run, std::string_view task_id) {
  static const std::string sql = select_task(true, "WHERE t.run = ?1 AND t.id = ?2");
  DARN_ASSIGN(Query row, db_->query(sql, run, task_id));
  return read_one(std::move(row), task_id);
}

Result<TaskRecord> SqliteStore::task_by_key(TaskKey task) {
  static const std::string sql = select_task(true, "WHERE t.key = ?1");
  DARN_ASSIGN(Query row, db_->query(sql, task));
  return read_one(std::move(row), std::to_string(number_of(task)));
}

Status SqliteStore::each_task(RunKey run, const TaskFilter& filter, bool with_spec,
                              const std::function<Status(const TaskRecord&)>& sink) {
  std::string where = "WHERE t.key BETWEEN ?1 AND ?2 AND t.pool <> ?3";
  std::string words;
  for (const TaskState state : filter.states) {
    words += fmt::format("{}'{}'", words.empty() ? "" : ", ", to_string(state));
  }
  if (!words.empty()) {
    where += fmt::format(" AND t.state IN ({})", words);
  }
  if (filter.cycle != 0) {
    where +=
        fmt::format(" AND EXISTS (SELECT 1 FROM attempts a WHERE a.task = t.key AND a.cycle = {})",
                    filter.cycle);
  }
  if (filter.healed_only) {
    where += " AND t.healed = 1";
  }
  return db_->each(
      select_task(with_spec, where + " ORDER BY t.key"),
      [&](Query& row) -> Status {
        DARN_ASSIGN(const auto task, read_task(row));
        return sink(task);
      },
      first_key(run), last_key(run), filter.except_pool);
}

Result<std::string> SqliteStore::raw_row(TaskKey task) {
  DARN_ASSIGN(Query row, db_->query("SELECT raw FROM task_specs WHERE task = ?1", task));
  DARN_ASSIGN(const bool found, row.step());
  return found ? row.text(0) : std::string();
}

}  // namespace darn
