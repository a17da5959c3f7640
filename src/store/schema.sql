-- darn's state: runs, their tasks, every attempt. docs/store.md explains it table by table.
--
-- This is the newest version; migrations/001.sql leads from version 1 to 2, and so on: a change of
-- this file comes with such a step, and raises user_version.
--
-- Keys say where a row belongs: a task's or attempt's key is its run's key * 2^32 + its number in
-- that run, so that everything of one run lies together in file order (tasks) or claiming order
-- (attempts) and needs no index. Times and durations are milliseconds, times since 1970, 0 = not
-- set. Words are those of model/kinds.hpp.
PRAGMA application_id = 1684107886;  -- "darn"
PRAGMA user_version = 2;

CREATE TABLE runs (
  key              INTEGER PRIMARY KEY CHECK (key BETWEEN 1 AND 2147483647),
  id               TEXT NOT NULL UNIQUE,
  state            TEXT NOT NULL,
  cycle            INTEGER NOT NULL,
  root             TEXT NOT NULL,
  parent           TEXT NOT NULL,
  created          INTEGER NOT NULL,
  ended            INTEGER NOT NULL,
  cancel_requested INTEGER NOT NULL,
  host             TEXT NOT NULL,  -- where its engine last ran
  boot_id          TEXT NOT NULL,
  pid              INTEGER NOT NULL,
  seed             INTEGER NOT NULL,
  source           TEXT NOT NULL,
  format           TEXT NOT NULL,
  cwd              TEXT NOT NULL,
  columns          TEXT NOT NULL,  -- JSON: the CSV's header
  settings         TEXT NOT NULL   -- JSON: model/record_fields.hpp, RunSettings
) STRICT;
CREATE INDEX runs_by_root ON runs (root);

-- What status shows, kept by whoever changes a task, so that nobody ever counts rows.
CREATE TABLE totals (
  run       INTEGER PRIMARY KEY REFERENCES runs (key),
  tasks     INTEGER NOT NULL DEFAULT 0,  -- the last one's seq
  attempts  INTEGER NOT NULL DEFAULT 0,  -- the last one's number in the run
  cost_usd  REAL    NOT NULL DEFAULT 0,
  tokens    INTEGER NOT NULL DEFAULT 0,
  waiting   INTEGER NOT NULL DEFAULT 0 CHECK (waiting >= 0),
  ready     INTEGER NOT NULL DEFAULT 0 CHECK (ready >= 0),
  running   INTEGER NOT NULL DEFAULT 0 CHECK (running >= 0),
  delayed   INTEGER NOT NULL DEFAULT 0 CHECK (delayed >= 0),
  succeeded INTEGER NOT NULL DEFAULT 0 CHECK (succeeded >= 0),
  failed    INTEGER NOT NULL DEFAULT 0 CHECK (failed >= 0),
  skipped   INTEGER NOT NULL DEFAULT 0 CHECK (skipped >= 0),
  cancelled INTEGER NOT NULL DEFAULT 0 CHECK (cancelled >= 0),
  abandoned INTEGER NOT NULL DEFAULT 0 CHECK (abandoned >= 0),
  healed    INTEGER NOT NULL DEFAULT 0 CHECK (healed BETWEEN 0 AND succeeded),
  highest_usd    REAL    NOT NULL DEFAULT 0,  -- of one attempt: what the next one is expected to take
  highest_tokens INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE cycles (
  run     INTEGER NOT NULL REFERENCES runs (key),
  cycle   INTEGER NOT NULL,
  batch   TEXT    NOT NULL UNIQUE,
  started INTEGER NOT NULL,
  ended   INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (run, cycle)
) STRICT, WITHOUT ROWID;

CREATE TABLE tasks (
  key         INTEGER PRIMARY KEY,
  run         INTEGER NOT NULL REFERENCES runs (key),
  id          TEXT    NOT NULL,
  state       TEXT    NOT NULL,
  pool        TEXT    NOT NULL,
  priority    INTEGER NOT NULL,
  pending     INTEGER NOT NULL CHECK (pending >= 0),  -- dependencies that have not succeeded
  work        INTEGER NOT NULL,                       -- a hash of its command or agent
  not_before  INTEGER NOT NULL DEFAULT 0,
  cycle       INTEGER NOT NULL DEFAULT 0,
  attempts    INTEGER NOT NULL DEFAULT 0,
  alone       INTEGER NOT NULL DEFAULT 0,
  healed      INTEGER NOT NULL DEFAULT 0,
  category    TEXT    NOT NULL DEFAULT 'none',
  cause       TEXT    NOT NULL DEFAULT 'none',
  severity    TEXT    NOT NULL DEFAULT 'none',
  signature   TEXT    NOT NULL DEFAULT '',
  summary     TEXT    NOT NULL DEFAULT '',
  advice      TEXT    NOT NULL DEFAULT '',
  exit        INTEGER,
  signal      INTEGER,
  score       REAL,
  cost_usd    REAL    NOT NULL DEFAULT 0,
  tokens      INTEGER NOT NULL DEFAULT 0,
  duration    INTEGER NOT NULL DEFAULT 0,
  started     INTEGER NOT NULL DEFAULT 0,
  ended       INTEGER NOT NULL DEFAULT 0,
  workspace   TEXT    NOT NULL DEFAULT '',
  session     TEXT    NOT NULL DEFAULT '',
  output_path TEXT    NOT NULL DEFAULT '',
  next_agent  TEXT    NOT NULL DEFAULT '',
  UNIQUE (run, id),
  -- Nothing starts before all it depends on has succeeded. (It may have succeeded in a parent run.)
  CHECK (pending = 0 OR (state <> 'ready' AND state <> 'running' AND state <> 'delayed'))
) STRICT;
-- No IN lists here: they cost a temporary table whenever a row is written.
CREATE INDEX tasks_ready ON tasks (run, pool, priority DESC) WHERE state = 'ready';
CREATE INDEX tasks_delayed ON tasks (run, not_before) WHERE state = 'delayed';
CREATE INDEX tasks_unsuccessful ON tasks (run, state)
  WHERE state = 'failed' OR state = 'skipped' OR state = 'cancelled' OR state = 'abandoned';

-- What is read only when a task starts or is shown in full.
CREATE TABLE task_specs (
  task INTEGER PRIMARY KEY REFERENCES tasks (key),
  spec TEXT NOT NULL,  -- JSON: TaskSpec
  raw  TEXT NOT NULL   -- the CSV record it came from
) STRICT;

CREATE TABLE dependencies (
  task      INTEGER NOT NULL REFERENCES tasks (key),
  dependent INTEGER NOT NULL,
  PRIMARY KEY (task, dependent)
) STRICT, WITHOUT ROWID;

-- Dependencies on ids that stand later in the file or elsewhere in the lineage, until the plan is
-- finished. They count as pending from the start.
CREATE TABLE unresolved (
  task INTEGER NOT NULL REFERENCES tasks (key),
  id   TEXT    NOT NULL,
  PRIMARY KEY (task, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE attempts (
  key             INTEGER PRIMARY KEY,
  task            INTEGER NOT NULL REFERENCES tasks (key),
  number          INTEGER NOT NULL,  -- within the task
  cycle           INTEGER NOT NULL,
  kind            TEXT    NOT NULL,
  state           TEXT    NOT NULL,
  agent           TEXT    NOT NULL,
  key_name        TEXT    NOT NULL,
  slot            INTEGER NOT NULL,
  claimed         INTEGER NOT NULL,
  reserved_usd    REAL    NOT NULL,
  reserved_tokens INTEGER NOT NULL,
  output_before   TEXT    NOT NULL,
  workspace       TEXT    NOT NULL,
  batch           TEXT    NOT NULL,
  -- Set once, at its end.
  ended_as        TEXT    NOT NULL DEFAULT 'exited',
  category        TEXT    NOT NULL DEFAULT 'none',
  cause           TEXT    NOT NULL DEFAULT 'none',
  signature       TEXT    NOT NULL DEFAULT '',
  charge          TEXT    NOT NULL DEFAULT 'retry',
  started         INTEGER NOT NULL DEFAULT 0,
  ended           INTEGER NOT NULL DEFAULT 0,
  wall            INTEGER NOT NULL DEFAULT 0,
  details         TEXT    NOT NULL DEFAULT '{}',  -- JSON: outcome, diagnosis, verdict, report, decision
  excerpt         TEXT    NOT NULL DEFAULT '',
  UNIQUE (task, number)
) STRICT;
CREATE INDEX attempts_running ON attempts (task) WHERE state = 'running';

CREATE TABLE pools (
  run   INTEGER NOT NULL REFERENCES runs (key),
  name  TEXT    NOT NULL,
  state TEXT    NOT NULL,  -- JSON: PoolState
  PRIMARY KEY (run, name)
) STRICT, WITHOUT ROWID;
