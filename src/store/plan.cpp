// Tasks come in: rows, dependencies, and which of them may start at once.
#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/random.hpp"
#include "store/rows.hpp"
#include "store/sqlite_store.hpp"

namespace darn {
namespace {

// What one attempt's duration says about another's: the same agent, or the same command.
std::int64_t work_of(const TaskSpec& spec) {
  const std::string& agent = spec.race.empty() ? spec.agent : spec.race.front();
  const std::uint64_t hash = spec.is_agent() ? hash64(agent, 1) : hash64(spec.command);
  return static_cast<std::int64_t>(hash >> 1U);
}

// Half the gain of any number of rows at once; 250,000 parameters are the limit.
constexpr std::size_t kRowsAtOnce = 50;
#define DARN_INSERT_TASKS \
  "INSERT INTO tasks (key, run, id, state, pool, priority, pending, work) VALUES "
#define DARN_INSERT_SPECS "INSERT INTO task_specs (task, spec, raw) VALUES "

struct Open {  // dependencies that have not succeeded
  std::vector<TaskKey> known;
  std::vector<const std::string*> unknown;
  std::size_t size() const { return known.size() + unknown.size(); }
};

Result<Open> open_dependencies(Database& db, RunKey run, const TaskSpec& spec) {
  Open open;
  for (auto id = spec.after.begin(); id != spec.after.end(); ++id) {
    if (std::find(spec.after.begin(), id, *id) != id) {
      continue;  // named twice
    }
    DARN_ASSIGN(Query row,
                db.query("SELECT key, state FROM tasks WHERE run = ?1 AND id = ?2", run, *id));
    DARN_ASSIGN(const bool found, row.step());
    if (!found) {
      open.unknown.push_back(&*id);
    } else if (row.kind<TaskState>(1) != TaskState::succeeded) {
      open.known.push_back(row.integer(0));
    }
  }
  return open;
}

Error unknown_dependency(const std::string& task, const std::string& id) {
  return Error{ErrorKind::bad_input,
               fmt::format("task '{}' comes after '{}', which is not in this run", task, id),
               "add a task with that id, or remove it from 'after'",
               {}};
}

}  // namespace

Status SqliteStore::write_planned() {
  if (planned_.empty()) {
    return {};
  }
  std::vector<PlannedRow> rows;
  rows.swap(planned_);  // the statements below come by here, too
  if (rows.size() == kRowsAtOnce) {
    DARN_ASSIGN(const bool all, insert_all(rows));
    if (all) {
      return {};
    }
  }
  for (const PlannedRow& row : rows) {
    DARN_TRY(insert(row));
  }
  return {};
}

Status SqliteStore::insert(const PlannedRow& row) {
  DARN_ASSIGN(const auto added, db_->run(DARN_INSERT_TASKS "(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) "
                                                           "ON CONFLICT (run, id) DO NOTHING",
                                         row.key, run_of(row.key), row.id, row.state, row.pool,
                                         row.priority, row.pending, row.work));
  if (added != 1) {
    return fail(ErrorKind::bad_input,
                fmt::format("there is a task '{}' in this run already", row.id),
                "give each task an id of its own");
  }
  DARN_TRY(db_->run(DARN_INSERT_SPECS "(?1, ?2, ?3)", row.key, row.spec, row.raw));
  return {};
}

// False when one of the ids is there already: then none has been inserted.
Result<bool> SqliteStore::insert_all(const std::vector<PlannedRow>& rows) {
  const auto times = [&](std::string_view head, std::string_view values) {
    std::string sql(head);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      (sql += i == 0 ? "" : ", ") += values;
    }
    return sql;
  };
  static const std::string tasks = times(DARN_INSERT_TASKS, "(?, ?, ?, ?, ?, ?, ?, ?)");
  static const std::string specs = times(DARN_INSERT_SPECS, "(?, ?, ?)");
  DARN_ASSIGN(Query insert_tasks, db_->statement(tasks));
  DARN_ASSIGN(Query insert_specs, db_->statement(specs));
  int task = 0;
  int spec = 0;
  for (const PlannedRow& row : rows) {
    insert_tasks.set(++task, row.key);
    insert_tasks.set(++task, run_of(row.key));
    insert_tasks.set(++task, row.id);
    insert_tasks.set(++task, row.state);
    insert_tasks.set(++task, row.pool);
    insert_tasks.set(++task, row.priority);
    insert_tasks.set(++task, row.pending);
    insert_tasks.set(++task, row.work);
    insert_specs.set(++spec, row.key);
    insert_specs.set(++spec, row.spec);
    insert_specs.set(++spec, row.raw);
  }
  if (auto done = insert_tasks.step(); !done) {
    const bool there_already = done.error().kind == ErrorKind::internal;
    return there_already ? Result<bool>(false) : tl::unexpected<Error>(std::move(done.error()));
  }
  DARN_TRY(insert_specs.step());
  return true;
}

Result<TaskKey> SqliteStore::add_task(RunKey run, const TaskSpec& spec, const std::string& pool,
                                      std::string_view raw) {
  DARN_ASSIGN(Scope scope, Scope::open(*db_));
  DARN_ASSIGN(const Open open, open_dependencies(*db_, run, spec));
  const TaskState state = open.size() == 0 ? TaskState::ready : TaskState::waiting;
  DARN_ASSIGN(OpenTotals* const totals, this->totals(run));
  PlannedRow row{.key = first_key(run) + totals->tasks + 1,
                 .id = spec.id,
                 .pool = pool,
                 .spec = json_text(spec),
                 .raw = std::string(raw),
                 .state = state,
                 .priority = spec.priority,
                 .pending = static_cast<std::int64_t>(open.size()),
                 .work = work_of(spec)};
  const TaskKey key = row.key;
  if (row.pending == 0) {
    planned_.push_back(std::move(row));
    if (planned_.size() == kRowsAtOnce) {
      DARN_TRY(write_planned());
    }
  } else {
    DARN_TRY(insert(row));
  }
  for (const TaskKey dependency : open.known) {
    DARN_TRY(
        db_->run("INSERT INTO dependencies (task, dependent) VALUES (?1, ?2)", dependency, key));
  }
  for (const std::string* id : open.unknown) {
    DARN_TRY(db_->run("INSERT INTO unresolved (task, id) VALUES (?1, ?2)", key, *id));
  }
  ++totals->tasks;
  ++totals->change.of(state);
  DARN_TRY(scope.commit());
  return key;
}

Status SqliteStore::finish_plan(RunKey run,
                                const std::function<bool(std::string_view id)>& satisfied) {
  DARN_ASSIGN(Scope scope, Scope::open(*db_));
  // Forward references: ids that came later.
  DARN_TRY(
      db_->run("INSERT OR IGNORE INTO dependencies (task, dependent) "
               "SELECT t.key, u.task FROM unresolved u JOIN tasks t "
               "ON t.run = ?1 AND t.id = u.id AND t.state <> 'succeeded' "
               "WHERE u.task BETWEEN ?2 AND ?3",
               run, first_key(run), last_key(run)));
  // What is left has succeeded meanwhile, or did so elsewhere in the lineage, or does not exist.
  DARN_TRY(db_->each(
      "SELECT u.task, u.id, t.key FROM unresolved u LEFT JOIN tasks t ON t.run = ?1 AND "
      "t.id = u.id WHERE u.task BETWEEN ?2 AND ?3 AND (t.key IS NULL OR t.state = 'succeeded')",
      [&](Query& row) -> Status {
        const TaskKey key = row.integer(0);
        const std::string id = row.text(1);
        if (row.null(2) && !(satisfied && satisfied(id))) {
          DARN_ASSIGN(const Success success, success_of(run, id));
          if (!success.succeeded) {
            DARN_ASSIGN(const std::string task, id_of(key));
            return tl::unexpected<Error>(unknown_dependency(task, id));
          }
        }
        DARN_ASSIGN(const auto released,
                    db_->run("UPDATE tasks SET pending = 0, state = 'ready' WHERE key = ?1 AND "
                             "pending = 1 AND state = 'waiting'",
                             key));
        if (released == 0) {
          DARN_TRY(db_->run("UPDATE tasks SET pending = pending - 1 WHERE key = ?1", key));
        }
        return move(run, TaskState::waiting, TaskState::ready, released);
      },
      run, first_key(run), last_key(run)));
  DARN_TRY(db_->run("DELETE FROM unresolved WHERE task BETWEEN ?1 AND ?2", first_key(run),
                    last_key(run)));
  // Added to a live run, after something that has failed in it.
  DARN_TRY(skip_blocked(run));
  return scope.commit();
}

}  // namespace darn
