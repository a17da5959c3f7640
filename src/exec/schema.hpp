// The tables of exec.db. Times are milliseconds since 1970; nothing of a command but its program's
// base name is kept, or the name that the user gave.
#pragma once

namespace darn::exec {

inline constexpr int kSchemaVersion = 1;
inline constexpr const char* kSchema = R"sql(
CREATE TABLE uses (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  program TEXT NOT NULL,
  at INTEGER NOT NULL,
  ending TEXT NOT NULL,        -- ok, healed, fallback, failed, rejected, interrupted
  attempts INTEGER NOT NULL,
  category TEXT NOT NULL,      -- of the last failure
  exit INTEGER NOT NULL,       -- what darn ended with
  signal INTEGER NOT NULL,
  duration INTEGER NOT NULL,   -- of all of it
  waited INTEGER NOT NULL,     -- of that, between attempts
  failed_first INTEGER NOT NULL
);
CREATE INDEX uses_by_name ON uses (name, id);
CREATE TABLE breakers (
  name TEXT PRIMARY KEY,
  state TEXT NOT NULL,         -- breaker_core::save() at the time `at`
  at INTEGER NOT NULL,
  after INTEGER NOT NULL,      -- the settings it was last used with
  open_for INTEGER NOT NULL,
  category TEXT NOT NULL       -- of the last failure
) WITHOUT ROWID;
CREATE TABLE budgets (
  name TEXT PRIMARY KEY,
  tokens REAL NOT NULL,
  at INTEGER NOT NULL
) WITHOUT ROWID;
PRAGMA application_id = 1684371576;
PRAGMA user_version = 1;
)sql";

}  // namespace darn::exec
