// Saving what can be read of a store, and what is not to be saved at all.
#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <sqlite3.h>

#include "store/doctor.hpp"
#include "store/open.hpp"
#include "store/schema_transplant.hpp"
#include "store/sqlite_store.hpp"
#include "store/store_fixture.hpp"

namespace darn {

using test::Fixture;
using test::spec;
using test::TempDir;

namespace {

bool nothing_made(const TempDir& dir) {
  const std::filesystem::directory_iterator files(dir.path());
  return std::none_of(begin(files), end(files), [](const auto& file) {
    return file.path().filename().string().starts_with("new.db");
  });
}

void sql(const std::string& path, const std::string& script) {
  MUST(MUST(Database::open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE))->script(script));
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void replace(std::string& text, const std::string& what, const std::string& with) {
  const std::size_t at = text.find(what);
  REQUIRE(at != std::string::npos);
  text.replace(at, what.size(), with);
}

// schema.sql as it was, to the letter.
std::string version_1() {
  std::string text(store_schema().sql);
  replace(text, "user_version = 2", "user_version = 1");
  const std::size_t comma = text.find(",\n  highest_usd");
  const std::size_t end = text.find("\n) STRICT", comma);
  REQUIRE(comma != std::string::npos);
  text.erase(comma, end - comma);
  replace(text, "run         INTEGER NOT NULL,\n  id          ",
          "run         INTEGER NOT NULL REFERENCES runs (key),\n  id          ");
  replace(text, "task INTEGER PRIMARY KEY,\n  spec",
          "task INTEGER PRIMARY KEY REFERENCES tasks "
          "(key),\n  spec");
  return text;
}

using Roots = std::map<std::string, std::int64_t>;
Roots roots(const std::string& path, const std::string& type) {
  Roots all;
  const auto db = MUST(Database::open(path, SQLITE_OPEN_READWRITE));
  MUST(db->each("SELECT name, rootpage, type FROM sqlite_schema", [&](Query& row) -> Status {
    if (row.view(2) == type) {
      all[row.text(0)] = row.integer(1);
    }
    return {};
  }));
  return all;
}

void attempt_with(Fixture& f, const std::string& id, double usd, std::int64_t in,
                  std::int64_t out) {
  AttemptRecord attempt = f.claim(id);
  attempt.report.cost_usd = usd;
  attempt.report.tokens_in = in;
  attempt.report.tokens_out = out;
  attempt.state = AttemptState::succeeded;
  attempt.outcome.ended = f.now;
  MUST(f.store->end_attempt(f.run.key, attempt));
  TaskUpdate update;
  update.state = TaskState::succeeded;
  MUST(f.store->update_task(f.run.key, attempt.task, update));
}

}  // namespace

TEST_CASE("a salvaged store has the totals that the old one had") {
  TempDir dir;
  Store::Spent before;
  {
    Fixture f(dir / "darn.db");
    f.plan({spec("a"), spec("b"), spec("c", {"a"})});
    attempt_with(f, "a", 0.75, 10, 5);
    attempt_with(f, "b", 0.25, 100, 5);
    before = MUST(f.store->lineage_spent(f.run.key));
  }
  REQUIRE(before.highest_usd == 0.75);
  REQUIRE(before.highest_tokens == 105);
  const Salvage done = MUST(salvage_store(dir / "darn.db", dir / "new.db"));
  CHECK(done.notes.empty());
  const auto store = MUST(open_sqlite_store(dir / "new.db"));
  const RunRecord run = MUST(store->find_run(""));
  CHECK(run.counts.of(TaskState::succeeded) == 2);
  CHECK(run.counts.of(TaskState::ready) == 1);
  CHECK(run.attempts == 2);
  const Store::Spent after = MUST(store->lineage_spent(run.key));
  CHECK(after.usd == before.usd);
  CHECK(after.tokens == before.tokens);
  CHECK(after.highest_usd == before.highest_usd);
  CHECK(after.highest_tokens == before.highest_tokens);
}

TEST_CASE("a task that is known by its specification alone goes to the pool of its kind") {
  TempDir dir;
  {
    Fixture f(dir / "darn.db");
    f.plan({spec("a"), spec("b")});
  }
  sql(dir / "darn.db", "DELETE FROM tasks WHERE id = 'b'");
  MUST(salvage_store(dir / "darn.db", dir / "new.db"));
  const auto db = MUST(Database::open(dir / "new.db", SQLITE_OPEN_READWRITE));
  CHECK(MUST(db->integer("SELECT count(*) FROM tasks WHERE id = 'b' AND state = 'abandoned' AND "
                         "pool = 'commands'")) == 1);
}

TEST_CASE("what is not finished does not stay") {
  TempDir dir;
  {
    Fixture f(dir / "darn.db");
    f.plan({spec("a")});
  }
  // Their sum is more than a number holds: there is no total to be counted.
  sql(dir / "darn.db",
      "UPDATE tasks SET tokens = 9223372036854775807;"
      "INSERT INTO tasks (key, run, id, state, pool, priority, pending, work, tokens) "
      "SELECT key + 1, run, 'b', 'ready', pool, 0, 0, 0, tokens FROM tasks;");
  REQUIRE(!salvage_store(dir / "darn.db", dir / "new.db"));
  CHECK(nothing_made(dir));
}

TEST_CASE("what reads and is not of this darn is not salvaged") {
  TempDir dir;
  const std::string path = dir / "darn.db";
  const auto refused = [&] {
    const std::string content = read_file(path);
    const auto done = salvage_store(path, dir / "new.db");
    REQUIRE(!done);
    CHECK(nothing_made(dir));
    CHECK(read_file(path) == content);
    return done.error();
  };
  SUBCASE("a newer darn's") {
    { const Fixture f(path); }
    sql(path, "ALTER TABLE runs ADD COLUMN more TEXT; PRAGMA user_version = 99;");
    const Error error = refused();
    CHECK(error.kind == ErrorKind::config);
    CHECK(error.text() == path +
                              ": written by a newer darn (version 99; this one knows 2); upgrade "
                              "darn, or name another state directory with --state DIR");
  }
  SUBCASE("another program's") {
    sql(path, "CREATE TABLE t (x); PRAGMA application_id = 7;");
    CHECK(refused().message == path + ": a database of another program");
  }
  SUBCASE("another program's that has tables like ours") {
    { const Fixture f(path); }
    sql(path, "PRAGMA application_id = 7;");
    CHECK(refused().message == path + ": a database of another program");
  }
}

TEST_CASE("an older file is salvaged into a new one") {
  TempDir dir;
  sql(dir / "darn.db", version_1() +
                           "INSERT INTO runs VALUES (1, 'r', 'interrupted', 1, 'r', '', "
                           "1, 0, 0, '', '', 0, 0, '', 'csv', '/', '[]', '{}'); INSERT INTO totals "
                           "(run) VALUES (1);");
  const auto looked = check_store(dir / "darn.db");
  REQUIRE(!looked);
  CHECK(looked.error().mend.find("brings it up to date") != std::string::npos);
  MUST(salvage_store(dir / "darn.db", dir / "new.db"));
  CHECK(MUST(check_store(dir / "new.db")).empty());
  CHECK(MUST(MUST(open_sqlite_store(dir / "new.db"))->find_run("")).id == "r");
}

TEST_CASE("a new file's list of tables fits a migrated one") {
  TempDir dir;
  const std::string path = dir / "darn.db";
  sql(path, version_1());
  {
    Fixture f(path);
    std::vector<TaskSpec> tasks;
    for (int i = 0; i < 300; ++i) {
      tasks.push_back(
          spec("t" + std::to_string(i),
               i < 10 ? std::vector<std::string>{} : std::vector{"t" + std::to_string(i - 10)}));
    }
    f.plan(tasks);
    for (int i = 0; i < 100; ++i) {
      attempt_with(f, "t" + std::to_string(i), 0.5, 1, 1);
    }
  }
  sql(path, "PRAGMA wal_checkpoint(TRUNCATE)");
  { const Fixture fresh(dir / "fresh.db"); }
  sql(dir / "fresh.db", "PRAGMA wal_checkpoint(TRUNCATE)");
  CHECK(roots(path, "table") == roots(dir / "fresh.db", "table"));
  // If these agree one day, schema_transplant.hpp says too little.
  CHECK(roots(path, "index") != roots(dir / "fresh.db", "index"));

  std::string content = read_file(path);
  content.replace(100, 3996, std::string(3996, '\x55'));
  std::ofstream(path, std::ios::binary) << content;
  std::filesystem::remove(path + "-wal");
  std::filesystem::remove(path + "-shm");
  const Salvage done = MUST(salvage_store(path, dir / "new.db"));
  CHECK(done.notes ==
        std::vector<std::string>{"its list of tables does not read, and was taken from a new one"});
  CHECK(MUST(check_store(dir / "new.db")).empty());
  const auto store = MUST(open_sqlite_store(dir / "new.db"));
  const RunRecord run = MUST(store->find_run(""));
  CHECK(run.counts.total() == 300);
  CHECK(run.counts.of(TaskState::succeeded) == 100);
  CHECK(run.attempts == 100);
}

TEST_CASE("what is salvaged is of one moment, also while somebody writes") {
  TempDir dir;
  Fixture f(dir / "darn.db");
  std::vector<TaskSpec> tasks;
  for (int i = 0; i < 10'000; ++i) {
    tasks.push_back(spec("t" + std::to_string(i)));
  }
  f.plan(tasks);
  std::atomic<bool> over{false};
  std::atomic<int> added{0};
  std::thread writer([&] {
    for (int i = 0; !over; ++i) {
      if (f.store->add_task(f.run.key, spec("n" + std::to_string(i)), "p", "raw")) {
        ++added;
      }
    }
  });
  while (added == 0) {
    std::this_thread::yield();
  }
  const auto done = salvage_store(dir / "darn.db", dir / "new.db");
  over = true;
  writer.join();
  REQUIRE(done);
  CHECK(done->notes.empty());
  CHECK(done->rows.at("tasks") == done->rows.at("task_specs"));
}

}  // namespace darn
