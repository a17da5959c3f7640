// The database as a file: older, newer, foreign, damaged, on a full disk.
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include <sqlite3.h>

#include "store/open.hpp"
#include "store/process_fixture.hpp"
#include "store/sqlite_store.hpp"
#include "store/store_fixture.hpp"

namespace darn {

using test::child;
using test::Fixture;
using test::spec;
using test::TempDir;
using test::wait_for;

namespace {

void write_file(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}
std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// The error of an opening that must fail: one line that names the file and what to do.
Error refusal(const std::string& path, const StoreOptions& options = {}) {
  const auto store = open_sqlite_store(path, options);
  REQUIRE_FALSE(store.has_value());
  const Error error = store.error();
  INFO(error.text());
  CHECK(error.text().find('\n') == std::string::npos);
  CHECK(!error.mend.empty());
  return error;
}

void sql(const std::string& path, const std::string& script) {
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &db) == SQLITE_OK);
  REQUIRE(sqlite3_exec(db, script.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(db);
}

}  // namespace

TEST_CASE("an older state is brought up to date, once, and keeps what it has") {
  TempDir dir;
  const std::string path = dir / "darn.db";
  {
    Fixture version_1(path);
    version_1.plan({spec("a"), spec("b", {"a"})});
    version_1.attempt("a", TaskState::succeeded);
  }
  Schema next = store_schema();
  const std::string step =
      "ALTER TABLE runs ADD COLUMN note TEXT NOT NULL DEFAULT 'migrated';"
      "CREATE TABLE extra (key INTEGER PRIMARY KEY);";
  next.migrations.emplace_back(step);
  {
    const auto old = open_database(path, {.read_only = true}, next);
    REQUIRE(!old.has_value());
    CHECK(old.error().message.ends_with("written by an older darn"));
  }
  for (int i = 0; i < 2; ++i) {
    SqliteStore store(MUST(open_database(path, {}, next)));
    CHECK(MUST(store.find_run("")).counts.of(TaskState::succeeded) == 1);
    CHECK(MUST(store.task(1, "b")).state == TaskState::ready);
  }
  const auto db = MUST(open_database(path, {}, next));
  CHECK(MUST(db->integer("PRAGMA user_version")) == next.version());
  CHECK(MUST(db->integer("SELECT count(*) FROM runs WHERE note = 'migrated'")) == 1);

  // This darn has never heard of that version.
  const Error newer = refusal(path);
  CHECK(newer.kind == ErrorKind::config);
  CHECK(newer.text() == path +
                            ": written by a newer darn (version 3; this one knows 2); upgrade "
                            "darn, or name another state directory with --state DIR");
}

TEST_CASE("version 1 learns from its attempts what the dearest one cost") {
  TempDir dir;
  const std::string path = dir / "darn.db";
  RunKey key = 0;
  {
    Fixture f(path);
    key = f.run.key;
    f.plan({spec("a"), spec("b")});
    for (const auto& [id, usd] : {std::pair{"a", 0.75}, {"b", 0.25}}) {
      auto attempt = f.claim(id);
      attempt.report.cost_usd = usd;
      attempt.report.tokens_in = usd > 0.5 ? 10 : 100;
      attempt.report.tokens_out = 5;
      attempt.state = AttemptState::failed;
      MUST(f.store->end_attempt(f.run.key, attempt));
    }
  }
  {
    const auto db = MUST(Database::open(path, SQLITE_OPEN_READWRITE));
    MUST(
        db->script("ALTER TABLE totals DROP COLUMN highest_usd;"
                   "ALTER TABLE totals DROP COLUMN highest_tokens; PRAGMA user_version = 1;"));
  }
  const auto store = MUST(open_sqlite_store(path));
  CHECK(MUST(store->lineage_spent(key)).highest_usd == 0.75);
  CHECK(MUST(store->lineage_spent(key)).highest_tokens == 105);
}

TEST_CASE("a migration that fails changes nothing") {
  TempDir dir;
  const std::string path = dir / "darn.db";
  { const Fixture version_1(path); }
  Schema broken = store_schema();
  broken.migrations.emplace_back("CREATE TABLE half (x); SELECT nonsense;");
  CHECK(!open_database(path, {}, broken));
  Fixture still(path);
  CHECK(MUST(still.store->list_runs()).size() == 2);
  const auto db = MUST(Database::open(path, SQLITE_OPEN_READWRITE));
  CHECK(MUST(db->integer("SELECT count(*) FROM sqlite_schema WHERE name = 'half'")) == 0);
}

TEST_CASE("the schema's own version is the newest") {
  const auto db = MUST(open_database(":memory:", {}, store_schema()));
  CHECK(MUST(db->integer("PRAGMA user_version")) == store_schema().version());
  CHECK(MUST(db->integer("PRAGMA application_id")) == 0x6461726e);
}

TEST_CASE("what is not darn's, or no longer whole, is refused in one line") {
  TempDir dir;
  const std::string path = dir / "darn.db";
  SUBCASE("another kind of file") {
    write_file(path, std::string(5000, 'x'));
    CHECK(refusal(path).text() ==
          path +
              ": not a darn database, or damaged; name another state directory with --state DIR");
    CHECK(read_file(path) == std::string(5000, 'x'));
  }
  SUBCASE("another program's database") {
    sql(path, "CREATE TABLE t (x); INSERT INTO t VALUES (1);");
    const std::string before = read_file(path);
    CHECK(refusal(path).message == path + ": a database of another program");
    CHECK(read_file(path) == before);
  }
  SUBCASE("another program's empty database") {
    sql(path, "PRAGMA application_id = 7; VACUUM;");
    CHECK(refusal(path).message == path + ": a database of another program");
  }
  SUBCASE("a directory") {
    ::mkdir(path.c_str(), 0755);
    CHECK(refusal(path).kind == ErrorKind::io);
  }
  SUBCASE("cut off") {
    {
      Fixture f(path);
      f.plan({spec("a"), spec("b")});
    }
    ::truncate(path.c_str(), 20'000);
    CHECK(refusal(path).message.find("damaged") != std::string::npos);
  }
  SUBCASE("overwritten in the middle") {
    {
      Fixture f(path);
      f.plan({spec("a"), spec("b")});
    }
    std::string content = read_file(path);
    REQUIRE(content.size() > 40'000);
    for (std::size_t i = 8192; i < content.size(); ++i) {
      content[i] = static_cast<char>(i * 31);
    }
    write_file(path, content);
    const Error error = refusal(path);
    CHECK(error.kind == ErrorKind::io);
    CHECK(error.message.find("damaged") != std::string::npos);
  }
  SUBCASE("a record that does not read") {
    Fixture f(path);
    f.plan({spec("a")});
    sql(path, "UPDATE task_specs SET spec = '{\"after\": 3}'");
    const auto task = f.store->task(f.run.key, "a");
    REQUIRE(!task);
    CHECK(task.error().kind == ErrorKind::io);
    CHECK(task.error().message.starts_with("a damaged record in the state"));
  }
}

TEST_CASE("a state that is not there is not made by looking") {
  TempDir dir;
  const std::string path = dir / "state/darn.db";
  CHECK(refusal(path, {.read_only = true}).text() ==
        "no runs here: " + path +
            " does not exist; go to where darn run was started, or name its "
            "state with --state DIR");
  CHECK(!std::filesystem::exists(dir / "state"));
}

TEST_CASE("a directory that cannot be written to") {
  TempDir dir;
  const std::string closed = dir / "closed";
  ::mkdir(closed.c_str(), 0555);
  // Root may write anywhere: be somebody else for a moment.
  const bool root = ::geteuid() == 0;
  if (root) {
    ::chmod(dir.path().c_str(), 0755);
    REQUIRE(::seteuid(65534) == 0);
  }
  const auto file = open_sqlite_store(closed + "/darn.db");
  const auto parent = open_sqlite_store(closed + "/state/darn.db");
  if (root) {
    REQUIRE(::seteuid(0) == 0);
  }
  REQUIRE(!file.has_value());
  CHECK(file.error().text() ==
        closed +
            "/darn.db: cannot be written to: Permission denied; name another "
            "state directory with --state DIR");
  REQUIRE(!parent.has_value());
  CHECK(parent.error().text() == "cannot create " + closed +
                                     "/state: Permission denied; name another state directory "
                                     "with --state DIR");
}

TEST_CASE("a full disk is said in one line, and what was committed stays") {
  TempDir dir;
  Fixture f(dir / "darn.db");
  f.plan({spec("a")});
  // No file may grow beyond this: the same error paths as a full disk, without needing one.
  const auto old_action = ::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  rlimit limit = before;
  limit.rlim_cur = 1 << 20;
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  Status failed;
  int added = 0;
  for (; failed && added < 1000; ++added) {
    const auto done = f.store->add_task(f.run.key, spec("t" + std::to_string(added)), "p",
                                        std::string(50'000, 'x'));
    if (!done) {
      failed = tl::unexpected<Error>(done.error());
    }
  }
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  ::signal(SIGXFSZ, old_action);
  REQUIRE(!failed);
  CHECK(failed.error().kind == ErrorKind::io);
  CHECK(failed.error().text() == (dir / "darn.db") +
                                     ": cannot grow: File too large; free some "
                                     "space, then darn resume");
  CHECK(f.counts().total() == added);  // "a", and all but the last of the others
  f.attempt("a", TaskState::succeeded);
  f.store.reset();
  CHECK(test::quick_check(dir / "darn.db") == "ok");
}

TEST_CASE("a full file system, where one may be mounted") {
  constexpr int kNotPermitted = 77;
  TempDir dir;
  const int status = wait_for(child([&] {
    if ((::unshare(CLONE_NEWNS) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) ||
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", dir.path().c_str(), "tmpfs", 0, "size=1m") != 0) {
      return kNotPermitted;
    }
    auto store = open_sqlite_store(dir / "darn.db");
    RunRecord run;
    if (!store || !(*store)->create_run(run)) {
      return 1;
    }
    for (int i = 0; i < 1000; ++i) {
      const auto done =
          (*store)->add_task(run.key, spec(std::to_string(i)), "p", std::string(50'000, 'x'));
      if (!done) {
        const bool said = done.error().text() == (dir / "darn.db") +
                                                     ": the disk is full; free "
                                                     "some space, then darn resume";
        return said && (*store)->counts(run.key)->total() == i ? 0 : 2;
      }
    }
    return 3;
  }));
  if (status == kNotPermitted) {
    MESSAGE("no file system may be mounted here");
  } else {
    CHECK(status == 0);
  }
}

TEST_CASE("durability is as asked for") {
  TempDir dir;
  const auto synchronous = [&](const StoreOptions& options) {
    return *MUST(MUST(open_database(dir / "darn.db", options, store_schema()))
                     ->integer("PRAGMA synchronous"));
  };
  CHECK(synchronous({}) == 1);
  CHECK(synchronous({.power_durability = true}) == 2);
  const auto db = MUST(open_database(dir / "darn.db", {}, store_schema()));
  Query mode = MUST(db->query("PRAGMA journal_mode"));
  MUST(mode.step());
  CHECK(mode.view(0) == "wal");
  CHECK(MUST(db->integer("PRAGMA foreign_keys")) == 1);
}

TEST_CASE("network file systems are known by their numbers") {
  CHECK(network_file_system(0x6969) == std::string("NFS"));
  CHECK(network_file_system(0xff534d42) == std::string("CIFS"));
  // f_type is signed on some machines.
  CHECK(network_file_system(static_cast<std::uint64_t>(static_cast<std::int32_t>(0xfe534d42))) ==
        std::string("SMB2"));
  CHECK(network_file_system(0xef53) == nullptr);      // ext4
  CHECK(network_file_system(0x01021994) == nullptr);  // tmpfs
  CHECK(network_file_system(0x9123683e) == nullptr);  // btrfs
  CHECK(network_file_system(0x794c7630) == nullptr);  // overlayfs
}

}  // namespace darn
