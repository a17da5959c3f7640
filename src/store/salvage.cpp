// Saving what can be read of a damaged store: row by row, from both ends of each table and then one
// by one between them, into a new file, which is then made to agree with itself.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sqlite3.h>

#include "base/text.hpp"
#include "store/doctor.hpp"
#include "store/open.hpp"
#include "store/salvage_steps.hpp"
#include "store/schema_transplant.hpp"
#include "store/sqlite.hpp"

namespace darn {
namespace {

// Between the last row that reads from one end and the last from the other, so many keys are tried.
constexpr std::int64_t kMostProbed = 5'000'000;
// More than what is lost with a page of a table that leads to others.
constexpr std::int64_t kMostMissed = 50'000;

struct Table {
  std::string_view name;
  std::string_view key;  // an integer primary key; empty: WITHOUT ROWID, or not in order
};
// Who is referred to comes first.
constexpr std::array kTables = {
    Table{"runs", "key"},    Table{"totals", "run"},      Table{"cycles", ""},
    Table{"tasks", "key"},   Table{"task_specs", "task"}, Table{"dependencies", ""},
    Table{"unresolved", ""}, Table{"attempts", "key"},    Table{"pools", ""},
};

struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
struct Close {
  void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
};
using Handle = std::unique_ptr<sqlite3, Close>;
using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

Statement prepare(sqlite3* db, const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  sqlite3_prepare_v2(db, sql.c_str(), -1, &statement, nullptr);
  return Statement(statement);
}

Handle open_raw(const std::string& path, int flags) {
  sqlite3* db = nullptr;
  sqlite3_open_v2(path.c_str(), &db, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  Handle handle(db);
  sqlite3_busy_timeout(db, 30'000);
  return handle;
}

// Opened as a writer would: a -wal without its index is read only so. Nothing is written. A
// writable schema is how SQLite is told to read on where a file is shorter than it says. One
// reader's transaction: what is read is of one moment, also while somebody writes.
Handle open_damaged(const std::string& path) {
  Handle db = open_raw(path, SQLITE_OPEN_READWRITE);
  sqlite3_db_config(db.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  sqlite3_exec(
      db.get(),
      "PRAGMA writable_schema = ON; PRAGMA cell_size_check = ON; PRAGMA query_only = ON; BEGIN;",
      nullptr, nullptr, nullptr);
  return db;
}

std::optional<std::int64_t> integer(sqlite3* db, const std::string& sql) {
  const Statement one = prepare(db, sql);
  if (!one || sqlite3_step(one.get()) != SQLITE_ROW) {
    return std::nullopt;
  }
  return sqlite3_column_int64(one.get(), 0);
}

// A file that reads and is another program's, or a newer darn's, is not damaged: what this darn
// would take for a whole copy of it would not be one.
Status refuse_others(sqlite3* db, const std::string& path) {
  const auto objects = integer(db, "SELECT count(*) FROM sqlite_schema");
  const auto id = integer(db, "PRAGMA application_id");
  const auto version = integer(db, "PRAGMA user_version");
  if (!objects || !id || !version) {
    return {};
  }
  return check_identity(path, {*id, *version, *objects}, store_schema());
}

bool lists_tables(sqlite3* db) {
  const auto tables = integer(db, "SELECT count(*) FROM sqlite_schema WHERE type = 'table'");
  return tables && *tables >= static_cast<std::int64_t>(kTables.size());
}

// A database that goes away unless it is kept. Outlives every connection to it.
struct Unfinished {
  explicit Unfinished(std::string file) : path(std::move(file)) {}
  ~Unfinished() {
    if (kept) {
      return;
    }
    std::error_code none;
    for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
      std::filesystem::remove(path + suffix, none);
    }
  }
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;
  std::string path;
  bool kept = false;
};

class Salvager {
 public:
  Salvager(sqlite3* from, sqlite3* to, Salvage& result) : from_(from), to_(to), result_(result) {}

  void copy(const Table& table) {
    table_ = table.name;
    columns_ = common_columns();
    if (columns_.empty()) {
      result_.notes.push_back(fmt::format("nothing of table {} can be read", table.name));
      return;
    }
    std::string marks = "?";
    for (std::size_t i = 1; i < columns_.size(); ++i) {
      marks += ", ?";
    }
    insert_ = prepare(to_, fmt::format("INSERT OR IGNORE INTO {} ({}) VALUES ({})", table_,
                                       join(columns_, ", "), marks));
    saved_ = refused_ = mended_ = 0;
    const bool whole = table.key.empty() ? copy_in_order() : copy_by_key(std::string(table.key));
    result_.rows[std::string(table_)] = saved_;
    if (!whole) {
      result_.notes.push_back(
          fmt::format("a part of table {} does not read; {} rows are saved", table_, saved_));
    }
    if (refused_ > 0) {
      result_.notes.push_back(
          fmt::format("{} rows of table {} make no sense and are left out", refused_, table_));
    }
    if (mended_ > 0) {
      result_.notes.push_back(
          fmt::format("{} rows of table {} are saved in part", mended_, table_));
    }
    insert_.reset();
  }

 private:
  // What holds JSON, and what stands for it when it does not read; null: the row is no use then.
  struct Json {
    std::string_view table, column;
    const char* instead;
  };
  static constexpr std::array kJson = {
      Json{"runs", "settings", "{}"},      Json{"runs", "columns", "[]"},
      Json{"task_specs", "spec", nullptr}, Json{"attempts", "details", "{}"},
      Json{"pools", "state", nullptr},
  };
  const Json* json_column(const std::string& column) const {
    for (const Json& one : kJson) {
      if (one.table == table_ && one.column == column) {
        return &one;
      }
    }
    return nullptr;
  }

  std::vector<std::string> columns_of(sqlite3* db) const {
    std::vector<std::string> names;
    const Statement info = prepare(db, fmt::format("PRAGMA table_info({})", table_));
    while (info && sqlite3_step(info.get()) == SQLITE_ROW) {
      names.emplace_back(reinterpret_cast<const char*>(sqlite3_column_text(info.get(), 1)));
    }
    return names;
  }
  std::vector<std::string> common_columns() const {
    const std::vector<std::string> theirs = columns_of(from_);
    std::vector<std::string> both;
    for (const std::string& name : columns_of(to_)) {
      if (std::find(theirs.begin(), theirs.end(), name) != theirs.end()) {
        both.push_back(name);
      }
    }
    return both;
  }

  void put(sqlite3_stmt* row) {
    for (int i = 0; i < static_cast<int>(columns_.size()); ++i) {
      const char* instead = nullptr;
      if (const Json* json = json_column(columns_[static_cast<std::size_t>(i)])) {
        const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(row, i));
        const auto size = static_cast<std::size_t>(sqlite3_column_bytes(row, i));
        if (text == nullptr || !nlohmann::json::accept(text, text + size)) {
          if (json->instead == nullptr) {
            ++refused_;
            return;
          }
          instead = json->instead;
          ++mended_;
        }
      }
      if (instead != nullptr) {
        sqlite3_bind_text(insert_.get(), i + 1, instead, -1, SQLITE_STATIC);
      } else {
        sqlite3_bind_value(insert_.get(), i + 1, sqlite3_column_value(row, i));
      }
    }
    if (sqlite3_step(insert_.get()) == SQLITE_DONE) {
      saved_ += sqlite3_changes(to_);
    } else {
      ++refused_;
    }
    sqlite3_reset(insert_.get());
  }

  // True when it was read to its end; `last` is the last row's key.
  bool scan(const std::string& rest, std::int64_t* last = nullptr) {
    // The key is asked for last, so that the columns are those that are written.
    const std::string sql =
        fmt::format("SELECT {}{} FROM {} {}", join(columns_, ", "),
                    last != nullptr ? ", " + key_ : std::string{}, table_, rest);
    const Statement rows = prepare(from_, sql);
    if (!rows) {
      return false;
    }
    int code = SQLITE_ROW;
    while ((code = sqlite3_step(rows.get())) == SQLITE_ROW) {
      if (last != nullptr) {
        *last = sqlite3_column_int64(rows.get(), static_cast<int>(columns_.size()));
      }
      put(rows.get());
    }
    return code == SQLITE_DONE;
  }

  bool copy_in_order() { return scan("") || (scan_backwards(), false); }
  void scan_backwards() {
    std::string order;
    for (const std::string& column : primary_key()) {
      order += (order.empty() ? "" : ", ") + column + " DESC";
    }
    if (!order.empty()) {
      scan("ORDER BY " + order);
    }
  }
  std::vector<std::string> primary_key() const {
    std::vector<std::string> key;
    const Statement info = prepare(to_, fmt::format("PRAGMA table_info({})", table_));
    while (info && sqlite3_step(info.get()) == SQLITE_ROW) {
      if (sqlite3_column_int(info.get(), 5) > 0) {
        key.emplace_back(reinterpret_cast<const char*>(sqlite3_column_text(info.get(), 1)));
      }
    }
    return key;
  }

  bool copy_by_key(const std::string& key) {
    key_ = key;
    std::int64_t low = 0;
    if (scan(fmt::format("NOT INDEXED ORDER BY {}", key), &low)) {
      return true;
    }
    std::int64_t high = low;
    if (scan(fmt::format("NOT INDEXED WHERE {} > {} ORDER BY {} DESC", key, low, key), &high)) {
      return false;  // only a page's worth between two readings
    }
    probe(key, low, high);
    return false;
  }

  // One by one, within each run's numbers.
  void probe(const std::string& key, std::int64_t low, std::int64_t high) {
    const Statement one = prepare(from_, fmt::format("SELECT {} FROM {} NOT INDEXED WHERE {} = ?1",
                                                     join(columns_, ", "), table_, key));
    std::int64_t tried = 0;
    std::int64_t missed = 0;  // in a row
    for (std::int64_t at = low + 1; one && at < high && tried < kMostProbed; ++at, ++tried) {
      sqlite3_bind_int64(one.get(), 1, at);
      if (sqlite3_step(one.get()) == SQLITE_ROW) {
        put(one.get());
        missed = 0;
      } else if (++missed > kMostMissed) {
        at = ((at >> 32) + 1) << 32;  // the next run's first
        missed = 0;
      }
      sqlite3_reset(one.get());
    }
  }

  sqlite3* from_;
  sqlite3* to_;
  Salvage& result_;
  std::string_view table_;
  std::string key_;
  std::vector<std::string> columns_;
  Statement insert_;
  std::int64_t saved_ = 0;
  std::int64_t refused_ = 0;
  std::int64_t mended_ = 0;
};

Status conclude(Database& db, Salvage& result) {
  DARN_TRY(db.begin());
  for (const Step& step : kSteps) {
    const auto changed = db.run(step.sql);
    if (!changed) {
      db.rollback();
      return tl::unexpected<Error>(changed.error());
    }
    if (*changed > 0 && !step.note.empty()) {
      result.notes.push_back(fmt::format(fmt::runtime(step.note), *changed));
    }
  }
  DARN_TRY(db.commit());
  // One file that can be moved: no -wal beside it.
  return db.script("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE;");
}

}  // namespace

Result<Salvage> salvage_store(const std::string& path, const std::string& to) {
  if (::access(to.c_str(), F_OK) == 0) {
    return fail(ErrorKind::io, to + " is there already", "move it away");
  }
  Salvage result;
  Unfinished made(to);
  {
    const Unfinished work(to + ".work");  // a copy that is worked on
    Handle from = open_damaged(path);
    DARN_TRY(refuse_others(from.get(), path));
    { DARN_ASSIGN(const auto fresh, open_database(to, {}, store_schema())); }
    if (!lists_tables(from.get())) {
      if (auto done = transplant_schema(path, to, work.path); done) {
        from = open_damaged(work.path);
        result.notes.emplace_back("its list of tables does not read, and was taken from a new one");
      }
    }
    if (!lists_tables(from.get())) {
      return fail(
          ErrorKind::io,
          fmt::format("{}: nothing can be read of it ({})", path, sqlite3_errmsg(from.get())),
          "restore a copy, or move it and its -wal away to start anew");
    }
    const Handle target = open_raw(to, SQLITE_OPEN_READWRITE);
    sqlite3_exec(target.get(), "PRAGMA foreign_keys = OFF; BEGIN", nullptr, nullptr, nullptr);
    Salvager salvager(from.get(), target.get(), result);
    for (const Table& table : kTables) {
      salvager.copy(table);
    }
    if (sqlite3_exec(target.get(), "COMMIT", nullptr, nullptr, nullptr) != SQLITE_OK) {
      return fail(ErrorKind::io, fmt::format("{}: {}", to, sqlite3_errmsg(target.get())));
    }
  }
  DARN_ASSIGN(const auto db, open_database(to, {.unchecked = true}, store_schema()));
  DARN_TRY(db->script("PRAGMA foreign_keys = OFF"));
  DARN_TRY(conclude(*db, result));
  made.kept = true;
  return result;
}

}  // namespace darn
