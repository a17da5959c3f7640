// The states of tasks and what follows from a change: counts, dependents released or skipped.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "store/rows.hpp"
#include "store/sqlite_store.hpp"

namespace darn {
namespace {

// Only what waits can be skipped: what runs or may run depends on nothing open. And what is skipped
// already has skipped its dependents.
constexpr std::string_view kSkipReached =
    "UPDATE tasks SET state = 'skipped', summary = ?1 WHERE key IN (SELECT key FROM reached)";

// The waiting tasks that depend, over any number of steps, on those of `start`.
std::string reached_from(std::string_view start) {
  return fmt::format(
      "WITH RECURSIVE reached (key) AS ({} UNION "
      "SELECT d.dependent FROM reached r JOIN dependencies d ON d.task = r.key "
      "JOIN tasks x ON x.key = d.dependent WHERE x.state = 'waiting') {}",
      start, kSkipReached);
}

// What has succeeded never runs again: the UPDATE that has this at its end changes nothing then.
// (A trigger would say it once for all, but makes each UPDATE keep a journal of its own.)
#define DARN_NOT_AFTER_SUCCESS " AND (state <> 'succeeded' OR ?2 = 'succeeded')"

Status refuse_after_success(std::int64_t changed, const Result<std::string>& id) {
  if (changed != 1) {
    return fail(ErrorKind::internal,
                fmt::format("task '{}' has succeeded and never runs again", id.value_or("")));
  }
  return {};
}

}  // namespace

Result<SqliteStore::Before> SqliteStore::before(RunKey run, TaskKey task) {
  DARN_ASSIGN(Query row,
              db_->query("SELECT state, healed FROM tasks WHERE key = ?1 AND run = ?2", task, run));
  DARN_ASSIGN(const bool found, row.step());
  if (!found) {
    return fail(ErrorKind::internal, fmt::format("no task {} in run {}", task, run));
  }
  return Before{row.kind<TaskState>(0), row.flag(1)};
}

Result<std::string> SqliteStore::id_of(TaskKey task) {
  DARN_ASSIGN(Query row, db_->query("SELECT id FROM tasks WHERE key = ?1", task));
  DARN_TRY(row.step());
  return row.text(0);
}

Status SqliteStore::move(RunKey run, TaskState from, TaskState to, std::int64_t n) {
  if (n == 0 || from == to) {
    return {};
  }
  DARN_ASSIGN(OpenTotals* const totals, this->totals(run));
  totals->change.of(from) -= n;
  totals->change.of(to) += n;
  return {};
}

Status SqliteStore::follow(RunKey run, TaskKey task, const Before& before, TaskState now,
                           bool healed) {
  DARN_TRY(move(run, before.state, now, 1));
  if (before.healed != healed) {
    DARN_ASSIGN(OpenTotals* const totals, this->totals(run));
    totals->change.healed += healed ? 1 : -1;
  }
  if (now == before.state || !is_terminal(now)) {
    return {};
  }
  DARN_ASSIGN(const auto depended_on,
              db_->integer("SELECT 1 FROM dependencies WHERE task = ?1 LIMIT 1", task));
  if (!depended_on) {
    return {};
  }
  return now == TaskState::succeeded ? release_dependents(run, task) : skip_dependents(run, task);
}

Status SqliteStore::release_dependents(RunKey run, TaskKey task) {
  DARN_ASSIGN(const auto released,
              db_->run("UPDATE tasks SET pending = 0, state = 'ready' WHERE pending = 1 AND "
                       "state = 'waiting' AND key IN "
                       "(SELECT dependent FROM dependencies WHERE task = ?1)",
                       task));
  // The others; those just released have nothing pending any more.
  DARN_TRY(
      db_->run("UPDATE tasks SET pending = pending - 1 WHERE pending > 0 AND key IN "
               "(SELECT dependent FROM dependencies WHERE task = ?1)",
               task));
  return move(run, TaskState::waiting, TaskState::ready, released);
}

Status SqliteStore::skip_dependents(RunKey run, TaskKey task) {
  static const std::string sql = reached_from(
      "SELECT d.dependent FROM dependencies d JOIN tasks x ON x.key = d.dependent "
      "WHERE d.task = ?2 AND x.state = 'waiting'");
  DARN_ASSIGN(const std::string id, id_of(task));
  DARN_ASSIGN(const auto skipped, db_->run(sql, fmt::format("'{}' did not succeed", id), task));
  return move(run, TaskState::waiting, TaskState::skipped, skipped);
}

Status SqliteStore::skip_blocked(RunKey run) {
  // The word for word condition of the index tasks_unsuccessful, so that it is used.
  static const std::string sql = reached_from(
      "SELECT d.dependent FROM tasks t JOIN dependencies d ON d.task = t.key "
      "JOIN tasks x ON x.key = d.dependent WHERE t.run = ?2 AND x.state = 'waiting' AND "
      "(t.state = 'failed' OR t.state = 'skipped' OR t.state = 'cancelled' OR "
      "t.state = 'abandoned')");
  DARN_ASSIGN(const auto skipped, db_->run(sql, "something it depends on did not succeed", run));
  return move(run, TaskState::waiting, TaskState::skipped, skipped);
}

Result<bool> SqliteStore::open_cycle(RunKey run, int expected, const std::string& batch, Time at,
                                     const std::vector<TaskKey>& keep_out, bool cancelled_too) {
  DARN_ASSIGN(Scope scope, Scope::open(*db_));
  DARN_ASSIGN(const auto first, db_->run("UPDATE runs SET cycle = cycle + 1 WHERE key = ?1 AND "
                                         "cycle = ?2",
                                         run, expected));
  if (first == 0) {
    return false;
  }
  DARN_TRY(db_->run("INSERT INTO cycles (run, cycle, batch, started) VALUES (?1, ?2, ?3, ?4)", run,
                    expected + 1, batch, at));
  const std::string kept = dump(nlohmann::json(keep_out));
  std::vector<TaskState> again = {TaskState::failed, TaskState::skipped};
  if (cancelled_too) {
    again.push_back(TaskState::cancelled);
  }
  for (const TaskState from : again) {
    for (const TaskState to : {TaskState::ready, TaskState::waiting}) {
      DARN_ASSIGN(
          const auto moved,
          db_->run(fmt::format("UPDATE tasks SET state = ?3, not_before = 0, alone = 0, "
                               "summary = CASE state WHEN 'failed' THEN summary ELSE '' END "
                               "WHERE run = ?1 AND state = ?2 AND pending {} 0 AND "
                               "(state = 'failed' OR state = 'skipped' OR state = 'cancelled' OR "
                               "state = 'abandoned') "
                               "AND key NOT IN (SELECT value FROM json_each(?4))",
                               to == TaskState::ready ? "=" : ">"),
                   run, from, to, kept));
      DARN_TRY(move(run, from, to, moved));
    }
  }
  DARN_TRY(skip_blocked(run));
  DARN_TRY(scope.commit());
  return true;
}

#define DARN_UPDATE_TASK                                                                   \
  "UPDATE tasks SET state = ?2, healed = ?3, not_before = ?4, alone = ?5, category = ?6, " \
  "cause = ?7, severity = ?8, signature = ?9, summary = ?10, advice = ?11, exit = ?12, "   \
  "signal = ?13, score = ?14, duration = ?15, "                                            \
  "session = CASE ?16 WHEN '' THEN session ELSE ?16 END, "                                 \
  "output_path = CASE ?17 WHEN '' THEN output_path ELSE ?17 END, "                         \
  "workspace = CASE ?18 WHEN '' THEN workspace ELSE ?18 END, next_agent = ?19, "           \
  "ended = CASE ?20 WHEN 0 THEN ended ELSE ?20 END WHERE key = ?1"

Status SqliteStore::update_task(RunKey run, TaskKey task, const TaskUpdate& update) {
  DARN_ASSIGN(Scope scope, Scope::open(*db_));
  const bool healed = update.healed && update.state == TaskState::succeeded;
  const auto write = [&](std::string_view sql) {
    return db_->run(sql, task, update.state, healed, update.not_before, update.alone,
                    update.category, update.cause, update.severity, update.signature,
                    update.summary, update.advice, update.exit, update.signal, update.score,
                    update.duration, update.session, update.output_path, update.workspace,
                    update.next_agent, update.ended);
  };
  // What changes was running, as a rule; anything else is looked up first.
  Before old;
  DARN_ASSIGN(std::int64_t changed, write(DARN_UPDATE_TASK " AND state = 'running'"));
  if (changed == 0) {
    DARN_ASSIGN(old, before(run, task));
    DARN_ASSIGN(changed, write(DARN_UPDATE_TASK DARN_NOT_AFTER_SUCCESS));
    DARN_TRY(refuse_after_success(changed, id_of(task)));
  }
  DARN_TRY(follow(run, task, old, update.state, healed));
  return scope.commit();
}

Status SqliteStore::set_task_state(RunKey run, TaskKey task, TaskState state,
                                   const std::string& why) {
  DARN_ASSIGN(Scope scope, Scope::open(*db_));
  DARN_ASSIGN(const Before old, before(run, task));
  DARN_ASSIGN(const auto changed,
              db_->run("UPDATE tasks SET state = ?2, not_before = 0, "
                       "summary = CASE ?3 WHEN '' THEN summary ELSE ?3 END WHERE "
                       "key = ?1" DARN_NOT_AFTER_SUCCESS,
                       task, state, why));
  DARN_TRY(refuse_after_success(changed, id_of(task)));
  DARN_TRY(follow(run, task, old, state, old.healed));
  return scope.commit();
}

Result<int> SqliteStore::promote_due(RunKey run, Time now) {
  DARN_ASSIGN(Scope scope, Scope::open(*db_));
  DARN_ASSIGN(const auto due,
              db_->run("UPDATE tasks SET state = 'ready', not_before = 0 WHERE run = ?1 AND "
                       "state = 'delayed' AND not_before <= ?2",
                       run, now));
  DARN_TRY(move(run, TaskState::delayed, TaskState::ready, due));
  DARN_TRY(scope.commit());
  return static_cast<int>(due);
}

Result<std::optional<Time>> SqliteStore::next_due(RunKey run) {
  DARN_ASSIGN(const auto ms, db_->integer("SELECT min(not_before) FROM tasks WHERE run = ?1 AND "
                                          "state = 'delayed'",
                                          run));
  return ms ? std::optional<Time>(time_from_ms(*ms)) : std::nullopt;
}

Result<std::int64_t> SqliteStore::cancel_unstarted(RunKey run, TaskState as,
                                                   const std::string& why) {
  if (!is_terminal(as) || as == TaskState::succeeded) {
    return fail(ErrorKind::internal, "what has not started can only end unsuccessfully");
  }
  DARN_ASSIGN(Scope scope, Scope::open(*db_));
  std::int64_t all = 0;
  for (const TaskState from : {TaskState::waiting, TaskState::ready, TaskState::delayed}) {
    DARN_ASSIGN(const auto moved,
                db_->run("UPDATE tasks SET state = ?4, not_before = 0, summary = ?5 "
                         "WHERE key BETWEEN ?1 AND ?2 AND state = ?3",
                         first_key(run), last_key(run), from, as, why));
    DARN_TRY(move(run, from, as, moved));
    all += moved;
  }
  DARN_TRY(scope.commit());
  return all;
}

}  // namespace darn
