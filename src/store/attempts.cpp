// Attempts: claimed once, ended once, and read back as history.
#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "store/rows.hpp"
#include "store/sqlite_store.hpp"

namespace darn {
namespace {

constexpr std::string_view kFromAttempts = " FROM attempts a JOIN tasks t ON t.key = a.task ";
// How far back the estimate of a duration looks.
constexpr int kRecentAttempts = 2000;
constexpr int kSampledTasks = 200;

#define DARN_SET_RUNNING                                                      \
  "UPDATE tasks SET state = 'running', attempts = attempts + 1, cycle = ?2, " \
  "not_before = 0, started = CASE started WHEN 0 THEN ?3 ELSE started END WHERE key = ?1 AND "

Result<std::vector<AttemptRecord>> read_attempts(Database& db, std::string_view rest,
                                                 const auto&... args) {
  std::vector<AttemptRecord> found;
  DARN_TRY(db.each(
      fmt::format("SELECT {}{}{}", kAttemptColumns, kFromAttempts, rest),
      [&](Query& row) -> Status {
        DARN_ASSIGN(auto attempt, read_attempt(row));
        found.push_back(std::move(attempt));
        return {};
      },
      args...));
  return found;
}

}  // namespace

Status SqliteStore::claim(RunKey run, AttemptRecord& attempt) {
  DARN_ASSIGN(Scope scope, Scope::open(*db_));
  if (attempt.task_id.empty()) {
    DARN_ASSIGN(attempt.task_id, id_of(attempt.task));
  }
  if (attempt.number == 0) {
    DARN_ASSIGN(const auto before,
                db_->integer("SELECT attempts FROM tasks WHERE key = ?1", attempt.task));
    attempt.number = static_cast<int>(before.value_or(0)) + 1;
  }
  const auto set_running = [&](std::string_view sql) {
    return db_->run(sql, attempt.task, attempt.cycle, attempt.claimed);
  };
  // What starts is ready, or, when another lane of its race has started, running already.
  DARN_ASSIGN(const auto was_ready, set_running(DARN_SET_RUNNING "state = 'ready'"));
  if (was_ready == 0) {
    DARN_ASSIGN(const auto was_running, set_running(DARN_SET_RUNNING "state = 'running'"));
    if (was_running == 0) {
      DARN_ASSIGN(const Before task, before(run, attempt.task));
      return fail(ErrorKind::internal, fmt::format("task '{}' was to start, but it is {}",
                                                   attempt.task_id, to_string(task.state)));
    }
  }
  DARN_ASSIGN(OpenTotals* const totals, this->totals(run));
  attempt.key = first_key(run) + ++totals->attempts;
  DARN_TRY(move(run, was_ready != 0 ? TaskState::ready : TaskState::running, TaskState::running,
                was_ready));
  attempt.state = AttemptState::running;
  DARN_TRY(db_->run(
      "INSERT INTO attempts (key, task, number, cycle, kind, state, agent, key_name, slot, "
      "claimed, "
      "reserved_usd, reserved_tokens, output_before, workspace, batch) VALUES (?1, ?2, ?3, ?4, ?5, "
      "?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
      attempt.key, attempt.task, attempt.number, attempt.cycle, attempt.kind, attempt.state,
      attempt.agent, attempt.key_name, attempt.slot, attempt.claimed, attempt.reserved_usd,
      attempt.reserved_tokens, attempt.output_before, attempt.workspace, attempt.batch));
  return scope.commit();
}

Status SqliteStore::set_output_before(AttemptKey attempt, const std::string& fingerprint) {
  DARN_TRY(db_->run("UPDATE attempts SET output_before = ?2 WHERE key = ?1", attempt, fingerprint));
  return {};
}

Status SqliteStore::end_attempt(RunKey run, const AttemptRecord& attempt) {
  if (attempt.state == AttemptState::running) {
    return fail(ErrorKind::internal, "an attempt was to end as running");
  }
  DARN_ASSIGN(Scope scope, Scope::open(*db_));
  const Outcome& outcome = attempt.outcome;
  DARN_ASSIGN(
      const auto changed,
      db_->run("UPDATE attempts SET state = ?2, ended_as = ?3, category = ?4, cause = ?5, "
               "signature = ?6, charge = ?7, started = ?8, ended = ?9, wall = ?10, details = ?11, "
               "excerpt = ?12, workspace = ?13, agent = ?14, key_name = ?15, output_before = ?16, "
               "slot = ?17 "
               "WHERE key = ?1 AND state = 'running'",
               attempt.key, attempt.state, outcome.end, attempt.diagnosis.category,
               attempt.diagnosis.cause, attempt.diagnosis.signature, attempt.decision.charge,
               outcome.started, outcome.ended, outcome.wall, attempt_details(attempt),
               attempt.excerpt, attempt.workspace, attempt.agent, attempt.key_name,
               attempt.output_before, attempt.slot));
  if (changed != 1) {
    return fail(ErrorKind::internal,
                fmt::format("attempt {} of task '{}' has ended already, or was never claimed",
                            attempt.number, attempt.task_id));
  }
  const double cost = attempt.report.cost_usd.value_or(0);
  // Cached ones are among those that went in.
  const std::int64_t tokens = attempt.report.tokens_in + attempt.report.tokens_out;
  if (cost != 0 || tokens != 0) {
    DARN_TRY(
        db_->run("UPDATE tasks SET cost_usd = cost_usd + ?2, tokens = tokens + ?3 WHERE key = ?1",
                 attempt.task, cost, tokens));
    DARN_TRY(
        db_->run("UPDATE totals SET cost_usd = cost_usd + ?2, tokens = tokens + ?3, "
                 "highest_usd = max(highest_usd, ?2), highest_tokens = max(highest_tokens, ?3) "
                 "WHERE run = ?1",
                 run, cost, tokens));
  }
  return scope.commit();
}

Result<std::vector<AttemptRecord>> SqliteStore::running_attempts(RunKey run) {
  return read_attempts(*db_,
                       "WHERE a.task BETWEEN ?1 AND ?2 AND a.state = 'running' ORDER BY a.key",
                       first_key(run), last_key(run));
}

Result<std::vector<PastAttempt>> SqliteStore::history(RunKey run, const std::string& task_id) {
  DARN_ASSIGN(const auto runs, lineage_up(run));
  std::vector<PastAttempt> past;
  int earlier_cycles = 0;  // of the runs before, so that no two cycles of a lineage have one number
  const auto take = [&](Query& row) -> Status {
    PastAttempt one;
    one.cycle = earlier_cycles + row.number(0);
    one.end = row.kind<End>(1);
    one.succeeded = row.kind<AttemptState>(2) == AttemptState::succeeded;
    one.category = row.kind<Category>(3);
    one.cause = row.kind<Cause>(4);
    one.signature = row.text(5);
    one.charge = row.kind<Charge>(6);
    one.agent = row.text(8);
    const auto kind = row.kind<AttemptKind>(7);
    one.changed_before = kind == AttemptKind::fallback || kind == AttemptKind::remedy ||
                         (!past.empty() && past.back().agent != one.agent);
    one.started = row.time(row.integer(10) != 0 ? 10 : 9);
    one.ended = row.time(11);
    past.push_back(std::move(one));
    return {};
  };
  for (auto key = runs.rbegin(); key != runs.rend(); ++key) {  // oldest first
    DARN_TRY(
        db_->each("SELECT a.cycle, a.ended_as, a.state, a.category, a.cause, a.signature, "
                  "a.charge, a.kind, a.agent, a.claimed, a.started, a.ended "
                  "FROM tasks t JOIN attempts a ON a.task = t.key "
                  "WHERE t.run = ?1 AND t.id = ?2 AND a.state <> 'running' ORDER BY a.number",
                  take, *key, task_id));
    DARN_ASSIGN(const auto cycles,
                db_->integer("SELECT count(*) FROM cycles WHERE run = ?1", *key));
    earlier_cycles += static_cast<int>(cycles.value_or(0));
  }
  return past;
}

Result<std::vector<AttemptRecord>> SqliteStore::attempts(RunKey run, std::string_view task_id) {
  return read_attempts(*db_, "WHERE t.run = ?1 AND t.id = ?2 ORDER BY a.key", run, task_id);
}

Status SqliteStore::each_attempt(RunKey run, AttemptKey after_key,
                                 const std::function<Status(const AttemptRecord&)>& sink) {
  return db_->each(
      fmt::format("SELECT {}{}WHERE a.key BETWEEN ?1 AND ?2 ORDER BY a.key", kAttemptColumns,
                  kFromAttempts),
      [&](Query& row) -> Status {
        DARN_ASSIGN(const auto attempt, read_attempt(row));
        return sink(attempt);
      },
      std::max(first_key(run), after_key + 1), last_key(run));
}

Result<std::optional<Duration>> SqliteStore::typical_duration(RunKey run) {
  std::vector<std::int64_t> durations;
  DARN_TRY(db_->each(
      fmt::format("SELECT a.wall FROM (SELECT task, wall, state FROM attempts WHERE key <= ?2 "
                  "ORDER BY key DESC LIMIT {}) a JOIN tasks t ON t.key = a.task "
                  "WHERE a.state = 'succeeded' AND (t.run = ?3 OR t.work IN "
                  "(SELECT work FROM tasks WHERE key BETWEEN ?1 AND ?2 LIMIT {}))",
                  kRecentAttempts, kSampledTasks),
      [&](Query& row) -> Status {
        durations.push_back(row.integer(0));
        return {};
      },
      first_key(run), last_key(run), run));
  if (durations.empty()) {
    return std::nullopt;
  }
  const auto middle = durations.begin() + static_cast<std::ptrdiff_t>(durations.size() / 2);
  std::nth_element(durations.begin(), middle, durations.end());
  return Duration{*middle};
}

}  // namespace darn
