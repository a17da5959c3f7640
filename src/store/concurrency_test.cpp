// The database between processes: readers and writers at once, and what a kill leaves behind.
#include <signal.h>

#include <atomic>
#include <cstdio>
#include <set>
#include <string>
#include <thread>

#include "store/process_fixture.hpp"
#include "store/store_fixture.hpp"

namespace darn {

using test::child;
using test::Fixture;
using test::Pipe;
using test::quick_check;
using test::spec;
using test::TempDir;
using test::wait_for;

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
      start.only_read();
      start.get();  // until all are there
      auto store = open_sqlite_store(path);
      RunRecord run;
      run.created = time_from_ms(1'700'000'000'000);
      return store && (*store)->create_run(run) ? 0 : 1;
    }));
  }
  start.only_read();  // which lets them go
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
    committed.only_read();
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
  ready.only_read();
  REQUIRE(ready.get());
  CHECK(std::filesystem::file_size(path + "-wal") > (20U << 20U));
  ::kill(pid, SIGKILL);
  wait_for(pid);
  const auto store = MUST(open_sqlite_store(path));
  CHECK(MUST(store->counts(1)).total() == 1);
  CHECK(MUST(store->task(1, "a")).state == TaskState::ready);
  MUST(store->set_task_state(1, (RunKey{1} << 32) + 1, TaskState::failed));
}

}  // namespace darn
