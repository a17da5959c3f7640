#include "store/sqlite.hpp"

#include <cerrno>
#include <cstddef>
#include <system_error>

#include <sqlite3.h>

#include "base/disk_full.hpp"

namespace darn {
namespace {

std::string reason(int number) { return std::generic_category().message(number); }

// The errno behind an I/O error: SQLite keeps it with the connection, the file, or the -wal.
int system_errno(sqlite3* db) {
  if (db == nullptr) {
    return 0;
  }
  int number = sqlite3_system_errno(db);
  if (number == 0) {
    sqlite3_file_control(db, "main", SQLITE_FCNTL_LAST_ERRNO, &number);
  }
  sqlite3_file* wal = nullptr;
  if (number == 0 &&
      sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal) == SQLITE_OK &&
      wal != nullptr && wal->pMethods != nullptr && wal->pMethods->xFileControl != nullptr) {
    wal->pMethods->xFileControl(wal, SQLITE_FCNTL_LAST_ERRNO, &number);
  }
  return number;
}

}  // namespace

// --- Query

Query::Query(Database& db, std::vector<sqlite3_stmt*>& home, sqlite3_stmt* statement)
    : db_(&db), home_(&home), statement_(statement) {}

Query::Query(Query&& other) noexcept
    : db_(other.db_),
      home_(other.home_),
      statement_(std::exchange(other.statement_, nullptr)),
      copy_(other.copy_) {}

Query::~Query() {
  if (statement_ != nullptr) {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
    home_->push_back(statement_);
  }
}

Result<bool> Query::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) {
    return true;
  }
  if (code == SQLITE_DONE) {
    return false;
  }
  return tl::unexpected<Error>(db_->error(code));
}

std::int64_t Query::integer(int column) const { return sqlite3_column_int64(statement_, column); }
double Query::real(int column) const { return sqlite3_column_double(statement_, column); }
bool Query::null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}
std::string_view Query::view(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (text == nullptr) {
    return {};
  }
  return {text, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

void Query::bind(int index, std::int64_t value) { sqlite3_bind_int64(statement_, index, value); }
void Query::bind(int index, double value) { sqlite3_bind_double(statement_, index, value); }
void Query::bind(int index, std::nullptr_t) { sqlite3_bind_null(statement_, index); }
void Query::bind(int index, std::string_view value) {
  // An empty view may have no address, which would bind NULL.
  sqlite3_bind_text64(statement_, index, value.data() == nullptr ? "" : value.data(), value.size(),
                      copy_ ? SQLITE_TRANSIENT : SQLITE_STATIC, SQLITE_UTF8);
}

// --- Database

Result<std::unique_ptr<Database>> Database::open(const std::string& path, int flags, int busy_ms) {
  std::unique_ptr<Database> db(new Database(path));
  db->busy_ms_ = busy_ms;
  const int code = sqlite3_open_v2(path.c_str(), &db->db_, flags, nullptr);
  if (code != SQLITE_OK) {
    return tl::unexpected<Error>(db->error(code));
  }
  sqlite3_extended_result_codes(db->db_, 1);
  sqlite3_busy_timeout(db->db_, busy_ms);
  return db;
}

Database::~Database() {
  for (auto& [sql, statements] : idle_) {
    for (sqlite3_stmt* statement : statements) {
      sqlite3_finalize(statement);
    }
  }
  sqlite3_close_v2(db_);
}

Database::Idle::value_type& Database::idle(std::string_view sql) {
  const auto place = reinterpret_cast<std::uintptr_t>(sql.data()) / alignof(std::max_align_t);
  Recent& recent = recent_[place % recent_.size()];
  if (recent.at != sql.data() || recent.found->first != sql) {
    auto it = idle_.find(sql);
    if (it == idle_.end()) {
      it = idle_.emplace(std::string(sql), std::vector<sqlite3_stmt*>{}).first;
    }
    recent = {sql.data(), &*it};  // an element stays where it is
  }
  return *recent.found;
}

Result<Query> Database::prepare(std::string_view sql) {
  DARN_TRY(kept_.write_rows());
  auto& home = idle(sql).second;
  if (!home.empty()) {
    sqlite3_stmt* statement = home.back();
    home.pop_back();
    return Query(*this, home, statement);
  }
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) {
    return tl::unexpected<Error>(error(code));
  }
  return Query(*this, home, statement);
}

std::int64_t Database::changes() const { return sqlite3_changes64(db_); }
bool Database::in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }

Status Database::script(const std::string& sql) {
  const int code = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) {
    return tl::unexpected<Error>(error(code));
  }
  return {};
}

void Database::keep_log() { sqlite3_db_config(db_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr); }

Status Database::begin() {
  if (in_transaction()) {
    return fail(ErrorKind::internal, "a transaction is open already");
  }
  DARN_TRY(run("BEGIN IMMEDIATE"));
  return {};
}

Status Database::commit() {
  Status done = kept_.write_totals();
  if (done) {
    done = run("COMMIT").map([](std::int64_t) {});
  }
  if (!done) {
    rollback();
  }
  return done;
}

void Database::rollback() {
  kept_.forget();
  // Some errors (a full disk, I/O) have rolled back already.
  if (in_transaction()) {
    (void)run("ROLLBACK");
  }
}

Error Database::error(int code) const {
  const std::string said = db_ != nullptr ? sqlite3_errmsg(db_) : sqlite3_errstr(code);
  const bool of_system = (code & 0xff) == SQLITE_IOERR || (code & 0xff) == SQLITE_CANTOPEN;
  const int number = of_system ? system_errno(db_) : 0;
  const auto make = [&](ErrorKind kind, const std::string& message, const std::string& mend) {
    return Error{kind, path_ + ": " + message, mend, {}};
  };
  const std::string elsewhere = "name another state directory with --state DIR";
  const bool full = is_disk_full(number);
  switch (code & 0xff) {
    case SQLITE_FULL: return make(ErrorKind::io, "the disk is full", kMakeRoom);
    case SQLITE_IOERR:
      if (full) {
        return make(ErrorKind::io, "cannot grow: " + reason(number), kMakeRoom);
      }
      return make(ErrorKind::io, "I/O error: " + (number != 0 ? reason(number) : std::string(said)),
                  kCheckDisk);
    case SQLITE_CORRUPT:
      return make(ErrorKind::io, "the file is damaged (" + said + ")",
                  "'darn doctor --repair' saves what can be saved");
    case SQLITE_NOTADB: return make(ErrorKind::io, "not a darn database, or damaged", elsewhere);
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return make(ErrorKind::io,
                  "cannot open: " + (number != 0 ? reason(number) : std::string(said)), elsewhere);
    case SQLITE_READONLY: return make(ErrorKind::io, "cannot be written to", elsewhere);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return make(
          ErrorKind::try_again,
          "another darn has been writing to it for " + std::to_string(busy_ms_ / 1000) + " s",
          "try again later");
    case SQLITE_NOMEM: return make(ErrorKind::unavailable, "out of memory", "");
    default: return make(ErrorKind::internal, said + " (SQLite " + std::to_string(code) + ")", "");
  }
}

// --- Scope

Result<Scope> Scope::open(Database& db) {
  if (db.in_transaction()) {
    return Scope(nullptr);
  }
  DARN_TRY(db.begin());
  return Scope(&db);
}

Scope::~Scope() {
  if (db_ != nullptr) {
    db_->rollback();
  }
}

Status Scope::commit() {
  Database* db = std::exchange(db_, nullptr);
  return db != nullptr ? db->commit() : Status{};
}

}  // namespace darn
