// A thin layer over SQLite: cached prepared statements, typed binding and reading, and errors that
// a person can act on. Inside store/ and exec/ only. A Database and its queries belong to one
// thread. What can fail in the world is a Result; a query outlives neither its database nor another
// step of itself.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/kinds.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace darn {

class Database;

// A prepared statement borrowed from the database's cache until the query is destroyed. Parameters
// ?1, ?2, … in the order of the arguments; columns count from 0.
class Query {
 public:
  Query(Database& db, std::vector<sqlite3_stmt*>& home, sqlite3_stmt* statement);
  ~Query();
  Query(Query&& other) noexcept;
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;
  Query& operator=(Query&&) = delete;

  // For statements whose parameters are too many to name; text must outlive the step.
  template <class T>
  void set(int index, const T& value) {
    bind(index, value);
  }
  // True when there is a row.
  Result<bool> step();

  std::int64_t integer(int column) const;
  double real(int column) const;
  bool null(int column) const;
  std::string_view view(int column) const;  // until the next step
  std::string text(int column) const { return std::string(view(column)); }
  bool flag(int column) const { return integer(column) != 0; }
  int number(int column) const { return static_cast<int>(integer(column)); }
  Time time(int column) const { return time_from_ms(integer(column)); }
  Duration duration(int column) const { return Duration{integer(column)}; }
  // An unknown word (a newer darn's) reads as the enumeration's first.
  template <class E>
  E kind(int column) const {
    return parse_kind<E>(view(column)).value_or(E{});
  }

 private:
  friend class Database;
  void bind(int index, std::int64_t value);
  void bind(int index, double value);
  void bind(int index, std::string_view value);
  void bind(int index, std::nullptr_t);
  void bind(int index, int value) { bind(index, std::int64_t{value}); }
  void bind(int index, bool value) { bind(index, std::int64_t{value}); }
  void bind(int index, const char* value) { bind(index, std::string_view(value)); }
  void bind(int index, const std::string& value) { bind(index, std::string_view(value)); }
  void bind(int index, Time value) { bind(index, to_ms(value)); }
  void bind(int index, Duration value) { bind(index, std::int64_t{value.count()}); }
  template <class E>
    requires std::is_enum_v<E>
  void bind(int index, E value) {
    bind(index, to_string(value));
  }
  template <class T>
  void bind(int index, const std::optional<T>& value) {
    if (value) {
      bind(index, *value);
    } else {
      bind(index, nullptr);
    }
  }

  Database* db_;
  std::vector<sqlite3_stmt*>* home_;  // in the cache
  sqlite3_stmt* statement_;
  bool copy_ = true;  // text arguments, which else outlive the query
};

class Database {
 public:
  // flags: SQLITE_OPEN_…. Waits up to 30 s, or so long, for another process's transaction.
  static Result<std::unique_ptr<Database>> open(const std::string& path, int flags,
                                                int busy_ms = 30'000);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  const std::string& path() const { return path_; }

  // To be stepped by the caller; text arguments are copied.
  template <class... Args>
  Result<Query> query(std::string_view sql, const Args&... args) {
    return bound(true, sql, args...);
  }
  // Its parameters come by Query::set().
  Result<Query> statement(std::string_view sql) { return bound(false, sql); }
  // Runs a statement that gives no rows; returns how many rows it changed. (No RETURNING: it costs
  // a temporary table each time, ten times the statement itself.)
  template <class... Args>
  Result<std::int64_t> run(std::string_view sql, const Args&... args) {
    DARN_ASSIGN(Query prepared, bound(false, sql, args...));
    DARN_TRY(prepared.step());
    return changes();
  }
  // Calls row(query) for each row.
  template <class Row, class... Args>
  Status each(std::string_view sql, Row&& row, const Args&... args) {
    DARN_ASSIGN(Query prepared, bound(false, sql, args...));
    while (true) {
      DARN_ASSIGN(const bool more, prepared.step());
      if (!more) {
        return {};
      }
      DARN_TRY(row(prepared));
    }
  }
  // The first column of the first row; nullopt when there is none or it is NULL.
  template <class... Args>
  Result<std::optional<std::int64_t>> integer(std::string_view sql, const Args&... args) {
    DARN_ASSIGN(Query prepared, bound(false, sql, args...));
    DARN_ASSIGN(const bool found, prepared.step());
    if (!found || prepared.null(0)) {
      return std::nullopt;
    }
    return prepared.integer(0);
  }
  // Several statements, without parameters, not cached.
  Status script(const std::string& sql);

  Status begin();
  Status commit();
  void rollback();
  bool in_transaction() const;
  // Who closes last leaves the write-ahead log for the next to come, instead of waiting for the
  // disk.
  void keep_log();
  // What is kept in memory while a transaction is open: rows that any other statement must find, so
  // that they are written before it, totals that are written before the commit; and both are
  // forgotten when the transaction is rolled back.
  struct Kept {
    std::function<Status()> write_rows = [] { return Status{}; };
    std::function<Status()> write_totals = [] { return Status{}; };
    std::function<void()> forget = [] {};
  };
  void keep(Kept kept) { kept_ = std::move(kept); }

  // What SQLite said, as darn says it: what is wrong with the file, and what would be right.
  Error error(int code) const;

 private:
  friend class Query;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  explicit Database(std::string path) : path_(std::move(path)) {}
  Result<Query> prepare(std::string_view sql);
  template <class... Args>
  Result<Query> bound(bool copy, std::string_view sql, const Args&... args) {
    DARN_ASSIGN(Query prepared, prepare(sql));
    prepared.copy_ = copy;
    int index = 0;
    (prepared.bind(++index, args), ...);
    return prepared;
  }
  std::int64_t changes() const;

  std::string path_;
  int busy_ms_ = 0;
  Kept kept_;
  sqlite3* db_ = nullptr;
  // Idle statements by their text; a query in use has taken its own out.
  using Idle = std::unordered_map<std::string, std::vector<sqlite3_stmt*>, Hash, std::equal_to<>>;
  Idle idle_;
  // The same again by where the text lies, for literals: hashing one takes as long as a small
  // statement. The text is compared, since something else may have come to lie there.
  struct Recent {
    const char* at = nullptr;
    Idle::value_type* found = nullptr;
  };
  std::array<Recent, 128> recent_{};
  Idle::value_type& idle(std::string_view sql);
};

// A transaction of its own, unless there is one already: then it is part of that. Rolls back when
// it is destroyed before commit().
class Scope {
 public:
  static Result<Scope> open(Database& db);
  ~Scope();
  Scope(Scope&& other) noexcept : db_(std::exchange(other.db_, nullptr)) {}
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  Scope& operator=(Scope&&) = delete;
  Status commit();

 private:
  explicit Scope(Database* db) : db_(db) {}
  Database* db_;  // nullptr: part of another one, or done
};

}  // namespace darn
