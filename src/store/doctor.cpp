// The store's own invariants as queries: each finds what should not be there.
#include "store/doctor.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sqlite3.h>

#include "base/text.hpp"
#include "store/open.hpp"
#include "store/rows.hpp"
#include "store/sqlite.hpp"

namespace darn {
namespace {

constexpr int kIntegrityLines = 20;

// Columns: run key, how many, the id of the first. `what` has the number and the id put in.
struct Invariant {
  std::string_view what;
  std::string_view sql;
};

constexpr std::array kInvariants = {
    Invariant{"{} tasks wait for another number of dependencies than are open (first: '{}')",
              "SELECT t.run, count(*), min(t.id) FROM tasks t "
              "LEFT JOIN (SELECT d.dependent AS key, count(*) AS open FROM dependencies d "
              "  JOIN tasks x ON x.key = d.task WHERE x.state <> 'succeeded' GROUP BY 1) o "
              "  ON o.key = t.key "
              "LEFT JOIN (SELECT task AS key, count(*) AS open FROM unresolved GROUP BY 1) u "
              "  ON u.key = t.key "
              "WHERE t.pending <> coalesce(o.open, 0) + coalesce(u.open, 0) GROUP BY t.run"},
    Invariant{"{} tasks are waiting for nothing (first: '{}')",
              "SELECT run, count(*), min(id) FROM tasks WHERE state = 'waiting' AND pending = 0 "
              "GROUP BY run"},
    Invariant{"{} tasks are said to run, without an attempt that does (first: '{}')",
              "SELECT t.run, count(*), min(t.id) FROM tasks t WHERE t.state = 'running' AND "
              "NOT EXISTS (SELECT 1 FROM attempts a WHERE a.task = t.key AND a.state = 'running') "
              "GROUP BY t.run"},
    Invariant{"{} tasks have a running attempt, and are not said to run (first: '{}')",
              "SELECT t.run, count(*), min(t.id) FROM tasks t JOIN task_specs s ON s.task = t.key "
              "WHERE t.state <> 'running' AND s.spec ->> '$.race' IS NULL AND EXISTS "
              "(SELECT 1 FROM attempts a WHERE a.task = t.key AND a.state = 'running') "
              "GROUP BY t.run"},
    Invariant{"{} tasks have two running attempts at once (first: '{}')",
              "SELECT run, count(*), min(id) FROM (SELECT t.run AS run, t.id AS id FROM attempts a "
              "JOIN tasks t ON t.key = a.task JOIN task_specs s ON s.task = t.key "
              "WHERE a.state = 'running' AND s.spec ->> '$.race' IS NULL "
              "GROUP BY a.task HAVING count(*) > 1) GROUP BY run"},
    Invariant{"{} tasks have succeeded twice (first: '{}')",
              "SELECT run, count(*), min(id) FROM (SELECT t.run AS run, t.id AS id FROM attempts a "
              "JOIN tasks t ON t.key = a.task WHERE a.state = 'succeeded' GROUP BY a.task "
              "HAVING count(*) > 1) GROUP BY run"},
    Invariant{"{} tasks have a success that their state denies (first: '{}')",
              "SELECT t.run, count(DISTINCT t.key), min(t.id) FROM attempts a "
              "JOIN tasks t ON t.key = a.task WHERE a.state = 'succeeded' AND "
              "t.state <> 'succeeded' GROUP BY t.run"},
    Invariant{
        "{} tasks have another number of attempts than they say (first: '{}')",
        "SELECT t.run, count(*), min(t.id) FROM tasks t LEFT JOIN (SELECT task, max(number) AS n "
        "FROM attempts GROUP BY task) a ON a.task = t.key "
        "WHERE t.attempts <> coalesce(a.n, 0) GROUP BY t.run"},
    Invariant{"{} attempts have ended at no time (first: of '{}')",
              "SELECT t.run, count(*), min(t.id) FROM attempts a JOIN tasks t ON t.key = a.task "
              "WHERE a.state <> 'running' AND a.ended = 0 GROUP BY t.run"},
    Invariant{"{} tasks lie with another run's (first: '{}')",
              "SELECT run, count(*), min(id) FROM tasks WHERE key >> 32 <> run GROUP BY run"},
    Invariant{"{} tasks have no specification (first: '{}')",
              "SELECT t.run, count(*), min(t.id) FROM tasks t WHERE NOT EXISTS "
              "(SELECT 1 FROM task_specs s WHERE s.task = t.key) GROUP BY t.run"},
    Invariant{
        "{} edges lead to a task that is not there (first: after '{}')",
        "SELECT t.run, count(*), min(t.id) FROM dependencies d JOIN tasks t ON t.key = d.task "
        "WHERE NOT EXISTS (SELECT 1 FROM tasks x WHERE x.key = d.dependent) GROUP BY t.run"},
    Invariant{"it has ended, and {} of its tasks have not (first: '{}')",
              "SELECT r.key, count(*), min(t.id) FROM runs r JOIN tasks t ON t.run = r.key "
              "WHERE r.state IN ('succeeded', 'failed', 'cancelled') AND "
              "t.state IN ('waiting', 'ready', 'running', 'delayed') GROUP BY r.key"},
    Invariant{"it has ended, and {} of its attempts have not (first: of '{}')",
              "SELECT r.key, count(*), min(t.id) FROM runs r JOIN tasks t ON t.run = r.key "
              "JOIN attempts a ON a.task = t.key AND a.state = 'running' "
              "WHERE r.state IN ('succeeded', 'failed', 'cancelled') GROUP BY r.key"},
    Invariant{"{} totals are missing",
              "SELECT key, 1, '' FROM runs WHERE key NOT IN (SELECT run FROM totals)"},
};

std::string short_line(std::string_view text) {
  constexpr std::size_t kMost = 200;
  return one_line(text.substr(0, kMost));
}

class Checker {
 public:
  explicit Checker(Database& db) : db_(db) {}

  std::vector<StoreProblem> all() {
    note(integrity());
    note(ids());
    note(foreign_keys());
    for (const Invariant& one : kInvariants) {
      note(invariant(one));
    }
    note(totals());
    note(reads("specifications", "SELECT task >> 32, spec FROM task_specs"));
    note(reads("records of attempts", "SELECT key >> 32, details FROM attempts"));
    note(reads("settings", "SELECT key, settings FROM runs"));
    note(reads("lists of columns", "SELECT key, columns FROM runs"));
    note(reads("records of pools", "SELECT run, state FROM pools"));
    return std::move(found_);
  }

 private:
  void add(std::int64_t run, std::string what) {
    const auto id = ids_.find(run);
    found_.push_back({id != ids_.end() ? id->second : "", std::move(what)});
  }

  // A query that a damaged file does not answer is a finding, not the end.
  void note(const Status& done) {
    if (done) {
      return;
    }
    const std::string& what = done.error().message;
    const std::string prefix = db_.path() + ": ";
    const std::string text = what.starts_with(prefix) ? what.substr(prefix.size()) : what;
    for (const StoreProblem& known : found_) {
      if (known.what == text) {
        return;
      }
    }
    found_.push_back({"", text});
  }

  Status ids() {
    return db_.each("SELECT key, id FROM runs", [&](Query& row) -> Status {
      ids_[row.integer(0)] = row.text(1);
      return {};
    });
  }

  Status integrity() {
    return db_.each(fmt::format("PRAGMA integrity_check({})", kIntegrityLines),
                    [&](Query& row) -> Status {
                      if (row.view(0) != "ok") {
                        found_.push_back({"", "damaged: " + short_line(row.view(0))});
                      }
                      return {};
                    });
  }

  Status foreign_keys() {
    std::map<std::string, std::int64_t> orphans;
    DARN_TRY(db_.each("PRAGMA foreign_key_check", [&](Query& row) -> Status {
      ++orphans[fmt::format("{} belong to {} that are not there", row.view(0), row.view(2))];
      return {};
    }));
    for (const auto& [what, count] : orphans) {
      found_.push_back({"", fmt::format("{} rows of {}", count, what)});
    }
    return {};
  }

  Status invariant(const Invariant& one) {
    return db_.each(one.sql, [&](Query& row) -> Status {
      add(row.integer(0),
          fmt::format(fmt::runtime(one.what), row.integer(1), short_line(row.view(2))));
      return {};
    });
  }

  // JSON; SQLite's own check lets bytes pass that are not UTF-8.
  Status reads(std::string_view what, std::string_view sql) {
    std::map<std::int64_t, std::int64_t> wrong;
    DARN_TRY(db_.each(sql, [&](Query& row) -> Status {
      if (!nlohmann::json::accept(row.view(1))) {
        ++wrong[row.integer(0)];
      }
      return {};
    }));
    for (const auto& [run, count] : wrong) {
      add(run, fmt::format("{} {} do not read", count, what));
    }
    return {};
  }

  Status totals() {
    std::map<std::int64_t, std::map<std::string, std::int64_t>> counted;
    DARN_TRY(
        db_.each("SELECT run, state, count(*), sum(healed), max(key & 4294967295) FROM tasks "
                 "GROUP BY run, state",
                 [&](Query& row) -> Status {
                   auto& of = counted[row.integer(0)];
                   of[row.text(1)] += row.integer(2);
                   of["healed"] += row.integer(3);
                   of["tasks"] = std::max(of["tasks"], row.integer(4));
                   return {};
                 }));
    DARN_TRY(db_.each("SELECT key >> 32, max(key & 4294967295) FROM attempts GROUP BY 1",
                      [&](Query& row) -> Status {
                        counted[row.integer(0)]["attempts"] = row.integer(1);
                        return {};
                      }));
    return db_.each(fmt::format("SELECT run, tasks, attempts, {} FROM totals", kCountColumns),
                    [&](Query& row) -> Status {
                      auto& of = counted[row.integer(0)];
                      const auto compare = [&](const std::string& name, int column) {
                        if (row.integer(column) != of[name]) {
                          add(row.integer(0), fmt::format("its totals say {} {}, a count says {}",
                                                          row.integer(column), name, of[name]));
                        }
                      };
                      compare("tasks", 1);
                      compare("attempts", 2);
                      compare("healed", 3);
                      for (std::size_t i = 0; i < kTaskStates; ++i) {
                        compare(std::string(to_string(static_cast<TaskState>(i))),
                                4 + static_cast<int>(i));
                      }
                      return {};
                    });
  }

  Database& db_;
  std::map<std::int64_t, std::string> ids_;
  std::vector<StoreProblem> found_;
};

}  // namespace

Result<std::vector<StoreProblem>> check_store(const std::string& path) {
  auto opened = open_database(path, {.read_only = true, .unchecked = true}, store_schema());
  if (!opened) {
    return tl::unexpected<Error>(std::move(opened.error()));
  }
  Database& db = **opened;
  DARN_TRY(db.script("BEGIN"));  // one state, also while an engine goes on writing
  auto problems = Checker(db).all();
  db.rollback();
  return problems;
}

}  // namespace darn
