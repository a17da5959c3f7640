#include "exec/ledger.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>
#include <sqlite3.h>

#include "process/fd.hpp"
#include "store/open.hpp"

namespace darn::exec {
namespace {

constexpr std::int64_t kVersion = 1;
constexpr const char* kSchema = R"(
CREATE TABLE uses (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  program TEXT NOT NULL,
  began INTEGER NOT NULL,        -- ms of the wall clock, as all times here
  ending TEXT NOT NULL,          -- exec.hpp's Ending
  attempts INTEGER NOT NULL,
  failed_first INTEGER NOT NULL, -- the first attempt failed
  category TEXT NOT NULL,        -- of the last failure; "none"
  rule TEXT NOT NULL,            -- what told it: an entry of darn's own tables
  status INTEGER NOT NULL,
  signal INTEGER NOT NULL,
  took INTEGER NOT NULL,         -- ms, all of it
  ran INTEGER NOT NULL,          -- ms, the attempts alone
  saved INTEGER NOT NULL         -- ms, exec.hpp's Report
) STRICT;
CREATE INDEX uses_by_name ON uses (name, id);
CREATE INDEX uses_by_time ON uses (began);
CREATE TABLE breakers (name TEXT PRIMARY KEY, core TEXT NOT NULL, settings TEXT NOT NULL,
                       at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE budgets (name TEXT PRIMARY KEY, tokens REAL NOT NULL,
                      at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
)";

Status make_file(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  std::error_code error;
  std::filesystem::create_directories(folder.parent_path(), error);
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail_errno("cannot create " + folder.string());
  }
  const Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  return file ? Status{} : fail_errno("cannot open " + path);
}

bool is_on_network(const std::string& path) {
  struct statfs info {};
  return ::statfs(path.c_str(), &info) == 0 &&
         network_file_system(static_cast<std::uint64_t>(info.f_type)) != nullptr;
}

Status prepare(Database& db) {
  DARN_TRY(
      db.script("PRAGMA busy_timeout = 2000; PRAGMA trusted_schema = OFF;"
                "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 100;"));
  db.keep_wal_at_close();
  DARN_ASSIGN(const auto version, db.integer("PRAGMA user_version"));
  if (version.value_or(0) > kVersion) {
    return fail(ErrorKind::config, db.path() + ": written by a newer darn");
  }
  if (version.value_or(0) == kVersion) {
    return {};
  }
  if (!is_on_network(db.path())) {
    // Others may be at it: then the next one switches.
    (void)db.script("PRAGMA journal_mode = WAL");
  }
  DARN_ASSIGN(Scope scope, Scope::open(db));
  DARN_ASSIGN(const auto again, db.integer("PRAGMA user_version"));
  if (again.value_or(0) == 0) {
    DARN_TRY(db.script(fmt::format("{}PRAGMA user_version = {};", kSchema, kVersion)));
  }
  return scope.commit();
}

// What Database::error() advises is about runs.
Error without_mend(Error error) {
  error.mend.clear();
  if (error.kind == ErrorKind::try_again) {
    error.message = "another darn is writing to it for too long";
  }
  return error;
}

}  // namespace

std::string default_ledger() {
  const char* state = std::getenv("XDG_STATE_HOME");
  if (state != nullptr && *state == '/') {
    return std::string(state) + "/darn/exec.db";
  }
  const char* home = std::getenv("HOME");
  return home != nullptr && *home == '/' ? std::string(home) + "/.local/state/darn/exec.db" : "";
}

Result<Ledger> Ledger::open(const std::string& path, bool read_only) {
  if (path.empty()) {
    return fail(ErrorKind::io, "neither XDG_STATE_HOME nor HOME is set");
  }
  if (read_only) {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) {
      return fail(ErrorKind::usage, "nothing has been recorded yet: " + path + " does not exist");
    }
  } else {
    DARN_TRY(make_file(path));
  }
  auto db = Database::open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX);
  if (!db) {
    return tl::unexpected<Error>(without_mend(std::move(db.error())));
  }
  if (Status done = prepare(**db); !done) {
    return tl::unexpected<Error>(without_mend(std::move(done.error())));
  }
  return Ledger(std::move(*db));
}

Status Ledger::record(const Report& report, const std::string& program, Time now) {
  const bool failed_first =
      !report.attempts.empty() && report.attempts.front().diagnosis.category != Category::none;
  Duration ran{};
  std::string rule;
  for (const Attempt& attempt : report.attempts) {
    ran += attempt.outcome.wall;
    if (attempt.diagnosis.category != Category::none) {
      rule = attempt.diagnosis.rule;
    }
  }
  DARN_ASSIGN(Scope scope, Scope::open(*db_));
  DARN_TRY(db_->run(
      "INSERT INTO uses (name, program, began, ending, attempts, failed_first, category, rule,"
      " status, signal, took, ran, saved)"
      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
      report.name, program, report.began, to_string(report.ending),
      static_cast<std::int64_t>(report.attempts.size()), failed_first, to_string(report.category()),
      rule, report.status, report.signal, report.took, ran, report.saved));
  DARN_ASSIGN(const auto row, db_->integer("SELECT last_insert_rowid()"));
  DARN_TRY(prune(row.value_or(0), report.name, now));
  return scope.commit();
}

// Now and then is enough: a few rows more do no harm.
Status Ledger::prune(std::int64_t row, const std::string& name, Time now) {
  if (row % 64 != 0) {
    return {};
  }
  DARN_TRY(db_->run("DELETE FROM uses WHERE began < ?1", now - kKeptFor));
  DARN_TRY(
      db_->run("DELETE FROM uses WHERE name = ?1 AND id <= (SELECT id FROM uses"
               " WHERE name = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
               name, kKeptPerName));
  return {};
}

Result<std::vector<NameStats>> Ledger::stats(const std::string& name) {
  std::vector<NameStats> all;
  DARN_TRY(db_->each(
      "SELECT name, max(program), count(*), sum(failed_first), sum(ending = 'healed'),"
      " sum(ending = 'failed'), sum(ending = 'fell_back'), sum(ending = 'rejected'),"
      " sum(ending = 'interrupted'),"
      " avg(CASE WHEN ending = 'healed' THEN attempts - 1 END),"
      " max(CASE WHEN ending = 'healed' THEN attempts - 1 END), sum(saved), max(began)"
      " FROM uses WHERE ?1 = '' OR name = ?1 GROUP BY name ORDER BY count(*) DESC, name",
      [&](Query& row) -> Status {
        NameStats s;
        s.name = row.text(0);
        s.program = row.text(1);
        s.uses = row.integer(2);
        s.failed_first = row.integer(3);
        s.healed = row.integer(4);
        s.gave_up = row.integer(5);
        s.fell_back = row.integer(6);
        s.rejected = row.integer(7);
        s.interrupted = row.integer(8);
        s.mean_retries = row.real(9);
        s.max_retries = row.integer(10);
        s.saved = row.duration(11);
        s.last = row.time(12);
        all.push_back(std::move(s));
        return {};
      },
      name));
  for (NameStats& s : all) {
    DARN_ASSIGN(const auto median,
                db_->integer("SELECT took FROM uses WHERE name = ?1 AND ending <> 'rejected'"
                             " ORDER BY took LIMIT 1 OFFSET"
                             " (SELECT max(0, (count(*) - 1) / 2) FROM uses"
                             "  WHERE name = ?1 AND ending <> 'rejected')",
                             s.name));
    s.median = Duration{median.value_or(0)};
  }
  return all;
}

}  // namespace darn::exec
