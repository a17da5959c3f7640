// Runs, cycles, pools and the totals of a run.
#include <array>
#include <bit>
#include <tuple>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "store/rows.hpp"
#include "store/sqlite_store.hpp"

namespace darn {

using nlohmann::json;

namespace {

constexpr std::string_view kFromRuns = " FROM runs r JOIN totals n ON n.run = r.key ";
constexpr std::size_t kCandidates = 5;

Status changed_one(const Result<std::int64_t>& changed, const char* what) {
  DARN_TRY(changed);
  if (*changed != 1) {
    return fail(ErrorKind::internal, fmt::format("no such {} in the state", what));
  }
  return {};
}

Result<std::string> free_run_id(Database& db, Time created) {
  const std::string stamp = format_stamp(created);
  std::string id = stamp;
  for (int n = 2;; ++n) {
    DARN_ASSIGN(const auto taken, db.integer("SELECT 1 FROM runs WHERE id = ?1", id));
    if (!taken) {
      return id;
    }
    id = fmt::format("{}-{}", stamp, n);
  }
}

Result<std::vector<RunRecord>> read_runs(Database& db, std::string_view rest,
                                         const std::optional<std::string>& arg = {}) {
  std::vector<RunRecord> runs;
  DARN_TRY(db.each(
      fmt::format("SELECT {}{}{}", kRunColumns, kFromRuns, rest),
      [&](Query& row) -> Status {
        DARN_ASSIGN(auto run, read_run(row, false));
        runs.push_back(std::move(run));
        return {};
      },
      arg));
  return runs;
}

// The first few ids, as one line.
std::string candidates(const std::vector<std::string>& ids) {
  std::string list;
  for (std::size_t i = 0; i < ids.size() && i < kCandidates; ++i) {
    list += (i == 0 ? "" : ", ") + ids[i];
  }
  return ids.size() > kCandidates ? list + ", …" : list;
}

}  // namespace

Status SqliteStore::create_run(RunRecord& run) {
  DARN_ASSIGN(Scope scope, Scope::open(*db_));
  DARN_ASSIGN(run.id, free_run_id(*db_, run.created));
  run.state = RunState::planning;
  if (run.root.empty()) {
    run.root = run.id;
  }
  DARN_ASSIGN(const auto last, db_->integer("SELECT max(key) FROM runs"));
  run.key = last.value_or(0) + 1;
  DARN_TRY(db_->run(
      "INSERT INTO runs (key, id, state, cycle, root, parent, created, ended, cancel_requested, "
      "host, boot_id, pid, seed, source, format, cwd, columns, settings) VALUES (?1, ?2, ?3, ?4, "
      "?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
      run.key, run.id, run.state, run.cycle, run.root, run.parent, run.created, run.ended,
      run.cancel_requested, run.host, run.boot_id, run.pid, std::bit_cast<std::int64_t>(run.seed),
      run.source, run.format, run.cwd, dump(json(run.columns)), json_text(run.settings)));
  DARN_TRY(db_->run("INSERT INTO totals (run) VALUES (?1)", run.key));
  return scope.commit();
}

Status SqliteStore::set_run_state(RunKey run, RunState state, Time at) {
  const bool ended = state != RunState::planning && state != RunState::running;
  return changed_one(db_->run("UPDATE runs SET state = ?2, ended = ?3 WHERE key = ?1", run, state,
                              ended ? at : Time{}),
                     "run");
}

Status SqliteStore::set_run_owner(RunKey run, const std::string& host, const std::string& boot_id,
                                  int pid) {
  return changed_one(db_->run("UPDATE runs SET host = ?2, boot_id = ?3, pid = ?4 WHERE key = ?1",
                              run, host, boot_id, pid),
                     "run");
}

Status SqliteStore::set_run_settings(RunKey run, const RunSettings& settings) {
  return changed_one(
      db_->run("UPDATE runs SET settings = ?2 WHERE key = ?1", run, json_text(settings)), "run");
}

Status SqliteStore::request_cancel(RunKey run, bool cancel) {
  return changed_one(db_->run("UPDATE runs SET cancel_requested = ?2 WHERE key = ?1", run, cancel),
                     "run");
}

Result<bool> SqliteStore::cancel_requested(RunKey run) {
  DARN_ASSIGN(const auto flag,
              db_->integer("SELECT cancel_requested FROM runs WHERE key = ?1", run));
  return flag.value_or(0) != 0;
}

Result<RunRecord> SqliteStore::find_run(std::string_view ref) {
  std::vector<std::string> ids;
  RunKey key = 0;
  const auto select = [&](std::string_view which) {
    ids.clear();
    return db_->each(
        fmt::format("SELECT key, id FROM runs WHERE {} ORDER BY key DESC LIMIT {}", which,
                    kCandidates + 1),
        [&](Query& row) -> Status {
          key = ids.empty() ? row.integer(0) : key;
          ids.push_back(row.text(1));
          return {};
        },
        ref);
  };
  if (ref.empty() || ref == "last") {
    DARN_TRY(select("?1 IS NOT NULL"));
    if (ids.empty()) {
      return fail(ErrorKind::usage, "there are no runs here yet", "start one with darn run FILE");
    }
    return run(key);
  }
  DARN_TRY(select("id = ?1"));
  if (ids.empty()) {
    DARN_TRY(select("substr(id, 1, length(?1)) = ?1 OR substr(id, -length(?1)) = ?1"));
  }
  if (ids.size() == 1) {
    return run(key);
  }
  if (ids.size() > 1) {
    return fail(ErrorKind::usage, fmt::format("'{}' fits several runs: {}", ref, candidates(ids)),
                "give more of it; darn runs lists all");
  }
  DARN_TRY(select("?1 IS NOT NULL"));
  return fail(
      ErrorKind::usage,
      fmt::format("there is no run '{}'{}", ref, ids.empty() ? "" : " among " + candidates(ids)),
      "darn runs lists all; 'last' is the newest");
}

Result<std::vector<RunRecord>> SqliteStore::list_runs() {
  DARN_TRY(write_totals());
  return read_runs(*db_, "ORDER BY r.key DESC");
}

Result<std::vector<RunRecord>> SqliteStore::lineage_of(const std::string& root) {
  DARN_TRY(write_totals());
  return read_runs(*db_, "WHERE r.root = ?1 ORDER BY r.key", root);
}

Result<std::vector<RunKey>> SqliteStore::lineage_up(RunKey run) {
  std::vector<RunKey> up = {run};
  while (true) {
    // A parent is older than its child: this ends.
    DARN_ASSIGN(const auto parent,
                db_->integer("SELECT p.key FROM runs r JOIN runs p ON p.id = r.parent "
                             "WHERE r.key = ?1 AND p.key < r.key",
                             up.back()));
    if (!parent) {
      return up;
    }
    up.push_back(*parent);
  }
}

Result<RunRecord> SqliteStore::run(RunKey run) {
  DARN_TRY(write_totals());
  DARN_ASSIGN(Query row, db_->query(fmt::format("SELECT {}, r.settings{}WHERE r.key = ?1",
                                                kRunColumns, kFromRuns),
                                    run));
  DARN_ASSIGN(const bool found, row.step());
  if (!found) {
    return fail(ErrorKind::usage, "this run is no longer there", "darn runs lists those there are");
  }
  return read_run(row, true);
}

Status SqliteStore::delete_run(RunKey run) {
  DARN_ASSIGN(Scope scope, Scope::open(*db_));
  for (const char* table : {"attempts", "dependencies", "unresolved", "task_specs"}) {
    DARN_TRY(db_->run(fmt::format("DELETE FROM {} WHERE {} BETWEEN ?1 AND ?2", table,
                                  table == std::string_view("attempts") ? "key" : "task"),
                      first_key(run), last_key(run)));
  }
  DARN_TRY(
      db_->run("DELETE FROM tasks WHERE key BETWEEN ?1 AND ?2", first_key(run), last_key(run)));
  for (const char* table : {"cycles", "pools", "totals"}) {
    DARN_TRY(db_->run(fmt::format("DELETE FROM {} WHERE run = ?1", table), run));
  }
  DARN_TRY(db_->run("DELETE FROM runs WHERE key = ?1", run));
  return scope.commit();
}

Status SqliteStore::start_first_cycle(RunKey run, const std::string& batch, Time at) {
  return changed_one(db_->run("INSERT INTO cycles (run, cycle, batch, started) VALUES (?1, 1, ?2, "
                              "?3)",
                              run, batch, at),
                     "run");
}

Status SqliteStore::end_cycle(RunKey run, int cycle, Time at) {
  return changed_one(
      db_->run("UPDATE cycles SET ended = ?3 WHERE run = ?1 AND cycle = ?2", run, cycle, at),
      "cycle");
}

Result<std::vector<CycleRecord>> SqliteStore::cycles(RunKey run) {
  std::vector<CycleRecord> cycles;
  DARN_TRY(db_->each(
      "SELECT cycle, batch, started, ended FROM cycles WHERE run = ?1 ORDER BY cycle",
      [&](Query& row) -> Status {
        cycles.push_back({row.number(0), row.text(1), row.time(2), row.time(3)});
        return {};
      },
      run));
  return cycles;
}

Result<bool> SqliteStore::batch_exists(const std::string& batch) {
  DARN_ASSIGN(const auto found, db_->integer("SELECT 1 FROM cycles WHERE batch = ?1", batch));
  return found.has_value();
}

Result<std::map<std::string, PoolState>> SqliteStore::pool_states(RunKey run) {
  std::map<std::string, PoolState> pools;
  DARN_TRY(db_->each(
      "SELECT name, state FROM pools WHERE run = ?1",
      [&](Query& row) -> Status {
        DARN_ASSIGN(pools[row.text(0)],
                    read_stored([&] { return pool_from_json(json::parse(row.view(1))); }));
        return {};
      },
      run));
  return pools;
}

Status SqliteStore::save_pool(RunKey run, const PoolState& pool) {
  DARN_TRY(
      db_->run("INSERT INTO pools (run, name, state) VALUES (?1, ?2, ?3) "
               "ON CONFLICT DO UPDATE SET state = excluded.state",
               run, pool.name, json_text(pool)));
  return {};
}

Result<Store::Spent> SqliteStore::lineage_spent(RunKey run) {
  DARN_ASSIGN(Query row,
              db_->query("SELECT total(n.cost_usd), sum(n.tokens), max(n.highest_usd), "
                         "max(n.highest_tokens) FROM runs r JOIN runs l ON l.root = r.root "
                         "JOIN totals n ON n.run = l.key WHERE r.key = ?1",
                         run));
  DARN_TRY(row.step());
  return Spent{row.real(0), row.integer(1), row.real(2), row.integer(3)};
}

Result<Counts> SqliteStore::counts(RunKey run) {
  DARN_TRY(write_totals());
  DARN_ASSIGN(Query row,
              db_->query(fmt::format("SELECT {} FROM totals WHERE run = ?1", kCountColumns), run));
  DARN_ASSIGN(const bool found, row.step());
  return found ? read_counts(row, 0) : Counts{};
}

Result<SqliteStore::OpenTotals*> SqliteStore::totals(RunKey run) {
  if (totals_.run != run) {
    DARN_TRY(write_totals());
    DARN_ASSIGN(Query row, db_->query("SELECT tasks, attempts FROM totals WHERE run = ?1", run));
    DARN_ASSIGN(const bool found, row.step());
    if (!found) {
      return fail(ErrorKind::internal, "a run that is not there was to be changed");
    }
    totals_ = {.run = run, .tasks = row.integer(0), .attempts = row.integer(1), .change = {}};
    totals_as_read_ = totals_;
  }
  return &totals_;
}

Status SqliteStore::write_totals() {
  const OpenTotals now = std::exchange(totals_, {});
  if (now == totals_as_read_ || now.run == 0) {
    return {};
  }
  static const std::string sql = [] {
    std::string text = "UPDATE totals SET tasks = ?2, attempts = ?3, healed = healed + ?4";
    for (std::size_t i = 0; i < kTaskStates; ++i) {
      text += fmt::format(", {0} = {0} + ?{1}", to_string(static_cast<TaskState>(i)), i + 5);
    }
    return text + " WHERE run = ?1";
  }();
  DARN_TRY(std::apply(
      [&](const auto&... by_state) {
        return db_->run(sql, now.run, now.tasks, now.attempts, now.change.healed, by_state...);
      },
      now.change.by_state));
  return {};
}

Result<std::int64_t> SqliteStore::data_version() {
  DARN_ASSIGN(const auto version, db_->integer("PRAGMA data_version"));
  return version.value_or(0);
}

}  // namespace darn
