#include "exec/ledger.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>
#include <sqlite3.h>

#include "exec/schema.hpp"
#include "store/open.hpp"

namespace darn::exec {
namespace {

constexpr int kBusyMs = 2000;  // nobody waits for statistics longer than that
constexpr Duration kKept = std::chrono::hours{24 * 90};
constexpr std::int64_t kKeptRows = 10'000;  // per name
constexpr std::int64_t kPruneEvery = 64;    // rows

// Commands come one by one and minutes apart: a window of few, and no ramp, which would refuse some
// of them by chance.
breaker_settings settings(const BreakerRule& rule) {
  breaker_settings s;
  s.window_calls = 10;
  s.minimum_calls = rule.after;
  s.failure_rate = 0.5;
  s.open_for = rule.open_for;
  s.probes = 1;
  s.probe_wait = rule.probe_lease;
  s.ramp = duration{};
  return s;
}

time_point point(Time t) { return time_point{t.time_since_epoch()}; }

// Nobody else may read it: what people run, and when, is theirs.
Status make_private(const std::string& path) {
  namespace fs = std::filesystem;
  const fs::path folder = fs::path(path).parent_path();
  std::error_code error;
  fs::create_directories(folder.parent_path(), error);
  if (!error && ::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail_errno("cannot create " + folder.string());
  }
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) {
    return fail_errno(path);
  }
  ::close(fd);
  return {};
}

// A write-ahead log needs shared memory; a home on a network file system has none.
const char* journal(const std::string& path) {
  struct statfs info {};
  const bool network = ::statfs(path.c_str(), &info) == 0 &&
                       network_file_system(static_cast<std::uint64_t>(info.f_type)) != nullptr;
  return network ? "DELETE" : "WAL";
}

// Does not wait for others by itself, as a transaction does; that it fails does no harm: whoever
// opens the file next time switches it.
Status use_journal(Database& db, const std::string& path) {
  DARN_ASSIGN(Query query, db.query(fmt::format("PRAGMA journal_mode = {}", journal(path))));
  const auto switched = query.step();
  return switched || switched.error().kind == ErrorKind::try_again
             ? Status{}
             : tl::unexpected<Error>(switched.error());
}

Status make_tables(Database& db, const std::string& path) {
  DARN_ASSIGN(auto version, db.integer("PRAGMA user_version"));
  if (version == kSchemaVersion) {
    return {};
  }
  if (version > kSchemaVersion) {
    return fail(ErrorKind::io, path + " was written by a newer darn", "update this darn");
  }
  DARN_TRY(use_journal(db, path));
  DARN_ASSIGN(Scope scope, Scope::open(db));
  DARN_ASSIGN(version, db.integer("PRAGMA user_version"));  // somebody else may have come first
  if (version == 0) {
    DARN_TRY(db.script(kSchema));
  }
  return scope.commit();
}

}  // namespace

Error in_own_words(Error error) {
  error.mend = error.message.find("damaged") != std::string::npos ? "remove it to begin anew" : "";
  return error;
}

std::string default_ledger() {
  const char* state = std::getenv("XDG_STATE_HOME");
  if (state != nullptr && *state == '/') {  // a relative one is to be ignored, says XDG
    return std::string(state) + "/darn/exec.db";
  }
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home == '\0') {
    const passwd* user = ::getpwuid(::getuid());
    home = user != nullptr ? user->pw_dir : "/";
  }
  return std::string(home) + "/.local/state/darn/exec.db";
}

Result<std::unique_ptr<Ledger>> Ledger::open(const std::string& path, bool create) {
  if (create) {
    DARN_TRY(make_private(path));
  } else if (::access(path.c_str(), F_OK) != 0) {
    return std::unique_ptr<Ledger>();
  }
  DARN_ASSIGN(auto db, Database::open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, kBusyMs));
  // No wait for the disk: after a power cut the last rows may be missing, and nothing else. The log
  // is brought in by tidy().
  DARN_TRY(
      db->script("PRAGMA synchronous = NORMAL; PRAGMA trusted_schema = OFF;"
                 "PRAGMA wal_autocheckpoint = 0"));
  db->keep_log();
  DARN_TRY(make_tables(*db, path));
  return std::unique_ptr<Ledger>(new Ledger(std::move(db)));
}

Status Ledger::record(const Row& row) {
  const Report& r = *row.report;
  DARN_ASSIGN(Scope scope, Scope::open(*db_));
  const bool failed_first = !r.history.empty() && r.history.front().category != Category::none;
  DARN_TRY(
      db_->run("INSERT INTO uses (name, program, at, ending, attempts, category, exit, signal, "
               "duration, waited, failed_first) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)",
               r.name, row.program, row.at, to_string(r.ending), r.attempts, r.category, r.status,
               r.signal, r.duration, r.waited, failed_first));
  DARN_ASSIGN(const auto id, db_->integer("SELECT last_insert_rowid()"));
  DARN_TRY(prune(r.name, id.value_or(0), row.at));
  DARN_TRY(scope.commit());
  tidy();
  return {};
}

// Who opens the file reads the whole log, and who brings it in waits for the disk: one use in about
// twenty does. To its end, or the next to open it would not know how much of it is done, and it
// would grow for ever. Does not wait for others: the next one will do.
void Ledger::tidy() {
  constexpr std::uintmax_t kLongLog = 64UL * 4096;
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(db_->path() + "-wal", error);
  if (!error && size > kLongLog) {
    (void)db_->script("PRAGMA busy_timeout = 0; PRAGMA wal_checkpoint(TRUNCATE)");
  }
}

Status Ledger::prune(const std::string& name, std::int64_t id, Time now) {
  if (id % kPruneEvery != 0) {
    return {};
  }
  const Time oldest = now - kKept;
  // The ids go with the time: looks at what goes, and no further.
  DARN_TRY(
      db_->run("DELETE FROM uses WHERE id < (SELECT id FROM uses WHERE at >= ?1 "
               "ORDER BY id LIMIT 1)",
               oldest));
  DARN_TRY(db_->run("DELETE FROM breakers WHERE at < ?1", oldest));
  DARN_TRY(db_->run("DELETE FROM budgets WHERE at < ?1", oldest));
  DARN_TRY(
      db_->run("DELETE FROM uses WHERE name = ?1 AND id <= (SELECT id FROM uses WHERE name = ?1 "
               "ORDER BY id DESC LIMIT 1 OFFSET ?2)",
               name, kKeptRows));
  return {};
}

Result<breaker_core> Ledger::load(const std::string& breaker, const BreakerRule& rule, Time now) {
  DARN_ASSIGN(Query row, db_->query("SELECT state, at FROM breakers WHERE name = ?1", breaker));
  DARN_ASSIGN(const bool found, row.step());
  if (found) {
    // As of when it was saved; not later than now, should the clock have been set back.
    if (auto core =
            breaker_core::load(settings(rule), row.view(0), point(std::min(row.time(1), now)))) {
      return std::move(*core);
    }
  }
  return breaker_core(settings(rule));
}

Status Ledger::save(const std::string& breaker, const BreakerRule& rule, const breaker_core& core,
                    Time now) {
  DARN_TRY(
      db_->run("INSERT INTO breakers (name, state, at, after, open_for, category) "
               "VALUES (?1, ?2, ?3, ?4, ?5, '') ON CONFLICT (name) DO UPDATE SET "
               "state = ?2, at = ?3, after = ?4, open_for = ?5",
               breaker, core.save(point(now)), now, rule.after, rule.open_for));
  return {};
}

Result<breaker_core::permit> Ledger::enter(const std::string& breaker, const BreakerRule& rule,
                                           Time now) {
  DARN_ASSIGN(Scope scope, Scope::open(*db_));
  DARN_ASSIGN(breaker_core core, load(breaker, rule, now));
  const breaker_core::permit permit = core.enter(point(now));
  DARN_TRY(save(breaker, rule, core, now));
  DARN_TRY(scope.commit());
  return permit;
}

Status Ledger::leave(const std::string& breaker, const BreakerRule& rule,
                     const breaker_core::permit& permit, breaker_core::result how,
                     Category category, Time now) {
  DARN_ASSIGN(Scope scope, Scope::open(*db_));
  DARN_ASSIGN(breaker_core core, load(breaker, rule, now));
  core.leave(permit, how, false, point(now));
  DARN_TRY(save(breaker, rule, core, now));
  if (how == breaker_core::result::failure) {
    DARN_TRY(db_->run("UPDATE breakers SET category = ?2 WHERE name = ?1", breaker, category));
  }
  return scope.commit();
}

Result<std::vector<BreakerRow>> Ledger::breakers(Time now) {
  std::vector<BreakerRow> rows;
  DARN_TRY(db_->each(
      "SELECT name, state, at, after, open_for, category FROM breakers ORDER BY name",
      [&](Query& row) -> Status {
        const BreakerRule rule{.after = row.number(3), .open_for = row.duration(4)};
        auto core =
            breaker_core::load(settings(rule), row.view(1), point(std::min(row.time(2), now)));
        if (!core) {
          return {};
        }
        BreakerRow& r = rows.emplace_back();
        r.name = row.text(0);
        r.state = core->state(point(now));
        r.failure_rate = core->failure_rate(point(now));
        r.calls = core->calls(point(now));
        r.category = row.text(5);
        if (r.state == breaker_state::open) {
          r.until = now + std::chrono::ceil<Duration>(core->enter(point(now)).wait);
        }
        return {};
      }));
  return rows;
}

Result<bool> Ledger::reset(const std::string& breaker) {
  DARN_ASSIGN(const std::int64_t rows, db_->run("DELETE FROM breakers WHERE name = ?1", breaker));
  return rows > 0;
}

Result<double> Ledger::tokens(const std::string& budget) {
  DARN_ASSIGN(Query row, db_->query("SELECT tokens FROM budgets WHERE name = ?1", budget));
  DARN_ASSIGN(const bool found, row.step());
  return found ? std::clamp(row.real(0), 0.0, kCapacity) : kCapacity;
}

Status Ledger::save_tokens(const std::string& budget, double tokens, Time now) {
  DARN_TRY(
      db_->run("INSERT INTO budgets (name, tokens, at) VALUES (?1, ?2, ?3) "
               "ON CONFLICT (name) DO UPDATE SET tokens = ?2, at = ?3",
               budget, std::min(tokens, kCapacity), now));
  return {};
}

Result<bool> Ledger::reserve(const std::string& budget, Time now) {
  DARN_ASSIGN(Scope scope, Scope::open(*db_));
  DARN_ASSIGN(const double left, tokens(budget));
  // Tenths do not add up exactly.
  constexpr double kNearly = 1 - 1e-9;
  if (left < kNearly) {
    return false;
  }
  DARN_TRY(save_tokens(budget, std::max(left - 1, 0.0), now));
  DARN_TRY(scope.commit());
  return true;
}

Status Ledger::give_back(const std::string& budget, double more, Time now) {
  DARN_ASSIGN(Scope scope, Scope::open(*db_));
  DARN_ASSIGN(const double left, tokens(budget));
  DARN_TRY(save_tokens(budget, left + more, now));
  return scope.commit();
}

Result<std::vector<NameStats>> Ledger::stats(const std::string& name) {
  std::map<std::string, NameStats> by_name;
  DARN_TRY(db_->each(
      "SELECT name, ending, category, attempts, count(*), sum(failed_first), sum(waited), min(at), "
      "max(at) FROM uses WHERE ?1 = '' OR name = ?1 GROUP BY name, ending, category, attempts",
      [&](Query& row) -> Status {
        NameStats& s = by_name[row.text(0)];
        const std::int64_t count = row.integer(4);
        s.name = row.text(0);
        s.uses += count;
        s.failed_first += row.integer(5);
        s.endings[row.text(1)] += count;
        if (row.view(2) != "none") {
          s.categories[row.text(2)] += count;
        }
        if (row.view(1) == "healed") {
          s.healed_by[row.integer(3) - 1] += count;
          s.waited += row.duration(6);
        }
        s.first = s.first == Time{} ? row.time(7) : std::min(s.first, row.time(7));
        s.last = std::max(s.last, row.time(8));
        return {};
      },
      name));
  std::vector<NameStats> all;
  for (auto& [key, s] : by_name) {
    all.push_back(std::move(s));
  }
  return all;
}

}  // namespace darn::exec
