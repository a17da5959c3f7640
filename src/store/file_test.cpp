// The database as a file: several processes, crashes, damage, full disks.
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <set>
#include <string>
#include <thread>

#include <fmt/format.h>
#include <sqlite3.h>

#include "store/open.hpp"
#include "store/sqlite_store.hpp"
#include "store/store_fixture.hpp"

namespace darn {

using test::Fixture;
using test::Ids;
using test::new_run;
using test::spec;
using test::TempDir;

namespace {

// A child process that ends as `body` returns, or by a signal. No test framework inside.
template <class Body>
pid_t child(Body body) {
  std::fflush(nullptr);  // what is buffered is to be printed once
  std::cout.flush();
  const pid_t pid = ::fork();
  if (pid == 0) {
    int status = 99;
    try {
      status = body();
    } catch (...) {
    }
    ::_exit(status);
  }
  return pid;
}

int wait_for(pid_t pid) {
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

struct Pipe {
  Pipe() { REQUIRE(::pipe(ends.data()) == 0); }
  ~Pipe() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  void put() const { (void)!::write(ends[1], "x", 1); }
  bool get() const {
    char byte = 0;
    return ::read(ends[0], &byte, 1) == 1;
  }
  std::array<int, 2> ends{};
};

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

std::string quick_check(const std::string& path) {
  const auto db = MUST(Database::open(path, SQLITE_OPEN_READWRITE));
  Query row = MUST(db->query("PRAGMA quick_check(1)"));
  MUST(row.step());
  return row.text(0);
}

}  // namespace

TEST_CASE("a reader sees the last commit, no more and no less") {
  TempDir dir;
  Fixture f(dir / "darn.db");
  f.plan({spec("a"), spec("b", {"a"})});
  const auto reader = MUST(open_sqlite_store(dir / "darn.db", {.read_only = true}));
  const auto version = MUST(reader->data_version());
  CHECK(MUST(reader->data_version()) == version);
  MUST(f.store->begin());
  f.attempt("a", TaskState::succeeded);
  CHECK(MUST(reader->task(f.run.key, "a")).state == TaskState::ready);
  CHECK(MUST(reader->counts(f.run.key)).of(TaskState::succeeded) == 0);
  CHECK(MUST(reader->data_version()) == version);
  MUST(f.store->commit());
  CHECK(MUST(reader->data_version()) != version);
  CHECK(MUST(reader->task(f.run.key, "b")).state == TaskState::ready);
  CHECK(MUST(reader->counts(f.run.key)).of(TaskState::succeeded) == 1);
  CHECK(!reader->request_cancel(f.run.key, true));  // it only reads
}

TEST_CASE("a second writer waits for the first") {
  TempDir dir;
  Fixture f(dir / "darn.db");
  f.plan({spec("a")});
  MUST(f.store->begin());
  std::atomic<bool> about_to = false;
  std::string seen;
  std::thread second([&] {
    const auto store = open_sqlite_store(dir / "darn.db");
    about_to = true;
    about_to.notify_one();
    if (store && (*store)->begin()) {
      seen = (*store)->task(f.run.key, "a")->summary;
      (void)(*store)->commit();
    }
  });
  about_to.wait(false);
  MUST(f.store->set_task_state(f.run.key, f.task("a").key, TaskState::failed, "by the first"));
  MUST(f.store->commit());
  second.join();
  CHECK(seen == "by the first");
}

TEST_CASE("many darns may create the same database at once") {
  TempDir dir;
  const std::string path = dir / "state/darn.db";
  Pipe start;
  std::vector<pid_t> pids;
  for (int i = 0; i < 8; ++i) {
    pids.push_back(child([&] {
      ::close(start.ends[1]);
      start.get();  // until all are there
      auto store = open_sqlite_store(path);
      RunRecord run;
      run.created = time_from_ms(1'700'000'000'000);
      return store && (*store)->create_run(run) ? 0 : 1;
    }));
  }
  ::close(start.ends[1]);
  start.ends[1] = -1;
  for (const pid_t pid : pids) {
    CHECK(wait_for(pid) == 0);
  }
  std::set<std::string> ids;
  for (const RunRecord& run : MUST(MUST(open_sqlite_store(path))->list_runs())) {
    ids.insert(run.id);
  }
  CHECK(ids.size() == 8);
  CHECK(quick_check(path) == "ok");
}

TEST_CASE("kill -9 leaves the last commit") {
  TempDir dir;
  const std::string path = dir / "darn.db";
  const int rounds = 20;
  for (int round = 1; round <= rounds; ++round) {
    Pipe committed;
    const pid_t pid = child([&] {
      auto store = open_sqlite_store(path);
      RunRecord run;
      run.created = time_from_ms(1'700'000'000'000);
      if (!store || !(*store)->create_run(run)) {
        return 1;
      }
      for (int i = 0;; ++i) {
        // Half a task at a time: its two rows must come together.
        if (!(*store)->begin() ||
            !(*store)->add_task(run.key, spec(std::to_string(i)), "p", "raw") ||
            !(*store)->finish_plan(run.key) || !(*store)->commit()) {
          return 2;
        }
        committed.put();
      }
    });
    for (int i = 0; i < round * 3; ++i) {
      REQUIRE(committed.get());
    }
    ::kill(pid, SIGKILL);
    CHECK(wait_for(pid) == -SIGKILL);
    const auto store = MUST(open_sqlite_store(path));
    const RunRecord run = MUST(store->find_run("last"));
    CHECK(run.counts.total() >= round * 3);
    std::int64_t tasks = 0;
    MUST(store->each_task(run.key, {}, true, [&](const TaskRecord&) -> Status {
      ++tasks;
      return {};
    }));
    CHECK(run.counts.total() == tasks);
    CHECK(run.counts.of(TaskState::ready) == tasks);
  }
  CHECK(quick_check(path) == "ok");
  std::printf("[count] %d kills of a writing store survived\n", rounds);
}

TEST_CASE("a transaction that was cut off has not happened") {
  TempDir dir;
  const std::string path = dir / "darn.db";
  {
    Fixture f(path);
    f.plan({spec("a")});
  }
  Pipe ready;
  const pid_t pid = child([&] {
    auto store = open_sqlite_store(path);
    if (!store || !(*store)->begin() ||
        !(*store)->set_task_state(1, (RunKey{1} << 32) + 1, TaskState::failed)) {
      return 1;
    }
    // Enough to leave the page cache for the file.
    const std::string large(1 << 20, 'x');
    for (int i = 0; i < 100; ++i) {
      if (!(*store)->add_task(1, spec("more-" + std::to_string(i)), "p", large)) {
        return 2;
      }
    }
    ready.put();
    ::pause();
    return 3;
  });
  REQUIRE(ready.get());
  CHECK(std::filesystem::file_size(path + "-wal") > (20U << 20U));
  ::kill(pid, SIGKILL);
  wait_for(pid);
  const auto store = MUST(open_sqlite_store(path));
  CHECK(MUST(store->counts(1)).total() == 1);
  CHECK(MUST(store->task(1, "a")).state == TaskState::ready);
  MUST(store->set_task_state(1, (RunKey{1} << 32) + 1, TaskState::failed));
}

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
                            ": written by a newer darn (version 2; this one knows 1); upgrade "
                            "darn, or name another state directory with --state DIR");
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
  CHECK(quick_check(dir / "darn.db") == "ok");
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
