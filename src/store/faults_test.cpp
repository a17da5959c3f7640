// Disks that are full, fail, or lose their power: under the store, at every kind of write.
#include <cstdio>
#include <filesystem>
#include <random>

#include "store/doctor.hpp"
#include "store/faulty_vfs.hpp"
#include "store/store_fixture.hpp"

namespace darn {

using test::FaultyVfs;
using test::TempDir;

namespace {

constexpr int kTasks = 60;

std::string id_of(int i) { return "t" + std::to_string(i); }

// A run's life, one commit after the other: the plan, then for each task its claim and its end.
// Goes on wherever the store stands, and stops at the first error.
class Life {
 public:
  explicit Life(std::string path, bool power) : path_(std::move(path)), power_(power) {}

  std::int64_t acknowledged = 0;  // commits that were reported as done
  Status last;

  bool open() {
    auto opened = open_sqlite_store(path_, {.power_durability = power_});
    if (!opened) {
      last = tl::unexpected<Error>(opened.error());
      return false;
    }
    store_ = std::move(*opened);
    return true;
  }
  void close() { store_.reset(); }

  bool live(int tasks = kTasks) {
    last = {};
    return step([&] { return plan(tasks); }) && work(tasks);
  }

  // How many of the commits are there.
  std::int64_t committed() const {
    const auto runs = store_->list_runs();
    if (!runs || runs->empty()) {
      return 0;
    }
    const auto run = store_->run(runs->front().key);
    REQUIRE(run);
    return 1 + run->attempts + run->counts.of(TaskState::succeeded);
  }

 private:
  bool step(const std::function<Status()>& what) {
    last = what();
    return last.has_value();
  }

  Status in_transaction(const std::function<Status()>& what) {
    DARN_TRY(store_->begin());
    Status done = what();
    if (done) {
      done = store_->commit();
    }
    if (!done) {
      store_->rollback();
      return done;
    }
    ++acknowledged;
    return {};
  }

  Status plan(int tasks) {
    DARN_ASSIGN(const auto runs, store_->list_runs());
    if (!runs.empty()) {
      key_ = runs.front().key;
      return {};
    }
    return in_transaction([&]() -> Status {
      RunRecord run;
      run.created = time_from_ms(1'700'000'000'000);
      DARN_TRY(store_->create_run(run));
      key_ = run.key;
      for (int i = 0; i < tasks; ++i) {
        std::vector<std::string> after;
        if (i >= 3) {
          after = {id_of(i - 3)};
        }
        DARN_TRY(store_->add_task(key_, test::spec(id_of(i), after), "p", std::string(500, 'r')));
      }
      return store_->finish_plan(key_);
    });
  }

  Status work_on(const std::string& id) {
    DARN_ASSIGN(const TaskRecord task, store_->task(key_, id));
    AttemptRecord attempt;
    if (task.state == TaskState::succeeded) {
      return {};
    }
    if (task.state == TaskState::running) {
      DARN_ASSIGN(const auto attempts, store_->attempts(key_, id));
      attempt = attempts.back();
    } else {
      DARN_TRY(in_transaction([&] {
        attempt.task = task.key;
        attempt.claimed = time_from_ms(1'700'000'001'000);
        attempt.batch = "b";
        return store_->claim(key_, attempt);
      }));
    }
    return in_transaction([&]() -> Status {
      attempt.state = AttemptState::succeeded;
      attempt.outcome.ended = time_from_ms(1'700'000'002'000);
      attempt.excerpt = std::string(1500, 'e');
      DARN_TRY(store_->end_attempt(key_, attempt));
      TaskUpdate update;
      update.state = TaskState::succeeded;
      return store_->update_task(key_, task.key, update);
    });
  }

  bool work(int tasks) {
    for (int i = 0; i < tasks; ++i) {
      if (!step([&] { return work_on(id_of(i)); })) {
        return false;
      }
    }
    return true;
  }

  std::string path_;
  bool power_;
  std::unique_ptr<Store> store_;
  RunKey key_ = 0;
};

void check_whole(const std::string& path) {
  const auto problems = check_store(path);
  REQUIRE_MESSAGE(problems, (problems ? "" : problems.error().text()));
  for (const StoreProblem& one : *problems) {
    FAIL_CHECK(one.what);
  }
}

std::int64_t writes_of_a_life(int tasks) {
  const TempDir dir;
  FaultyVfs disk;
  Life life(dir / "darn.db", true);
  REQUIRE(life.open());
  REQUIRE(life.live(tasks));
  return disk.writes;
}

}  // namespace

TEST_CASE("a full disk or an I/O error at the nth write: said, undone, and gone on from") {
  constexpr int kFew = 12;
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const std::int64_t all = writes_of_a_life(kFew);
  int faults = 0;
  for (std::int64_t at = 0; at < all; at += 1 + static_cast<std::int64_t>(random() % 3)) {
    CAPTURE(at);
    const TempDir dir;
    const std::string path = dir / "darn.db";
    const bool reopen = random() % 2 == 0;
    {
      FaultyVfs disk;
      disk.code = random() % 2 == 0 ? SQLITE_FULL : SQLITE_IOERR_WRITE;
      disk.fail_at = at;
      disk.fail_times = 1 + static_cast<std::int64_t>(random() % 4);
      Life life(path, random() % 2 == 0);
      for (int tries = 0; !(life.open() && life.live(kFew)); ++tries) {
        REQUIRE(tries < 10);
        ++faults;
        const Error& error = life.last.error();
        INFO(error.text());
        CHECK(error.kind == ErrorKind::io);
        CHECK(error.text().find('\n') == std::string::npos);
        CHECK(!error.mend.empty());
        if (tries > 0 || reopen) {
          life.close();
        }
      }
      // All commits are there once: a claim that had been reported as failed did not count.
      CHECK(life.committed() == 1 + 2 * kFew);
    }
    check_whole(path);
  }
  CHECK(faults > 20);
  std::printf("[count] %d failed writes of a store survived\n", faults);
}

TEST_CASE("power cuts: every commit is there with `power`, a prefix of them with `process`") {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  int cuts = 0;
  std::int64_t missing = 0;
  for (const bool power : {true, false}) {
    for (int life_number = 0; life_number < 3; ++life_number) {
      const TempDir dir;
      struct Cut {
        std::string dir;
        std::int64_t acknowledged;
      };
      std::vector<Cut> left;
      {
        FaultyVfs disk;
        Life life(dir / "darn.db", power);
        REQUIRE(life.open());
        // Rarely enough, and also in a row: around one commit or checkpoint.
        bool again = false;
        disk.before_write = [&] {
          if (random() % 60 != 0 && !(again && random() % 2 == 0)) {
            again = false;
            return;
          }
          again = true;
          const std::string to = dir / ("cut" + std::to_string(left.size()));
          std::filesystem::create_directory(to);
          disk.cut_power(to, random);
          left.push_back({to, life.acknowledged});
        };
        REQUIRE(life.live());
        disk.before_write = nullptr;
      }
      const FaultyVfs quick;  // waits for no disk
      for (const Cut& cut : left) {
        CAPTURE(cut.dir);
        Life after(cut.dir + "/darn.db", power);
        REQUIRE_MESSAGE(after.open(), (after.last ? "" : after.last.error().text()));
        const std::int64_t there = after.committed();
        CHECK(there <= cut.acknowledged + 1);
        if (power) {
          CHECK(there >= cut.acknowledged);
        }
        missing += std::max<std::int64_t>(0, cut.acknowledged - there);
        after.close();
        check_whole(cut.dir + "/darn.db");
        REQUIRE(after.open());
        CHECK(after.live());
        CHECK(after.committed() == 1 + 2 * kTasks);
        ++cuts;
      }
    }
  }
  CHECK(cuts > 30);
  MESSAGE(cuts, " power cuts; `process` lost ", missing, " commits");
  std::printf("[count] %d power cuts of a store survived\n", cuts);
}

}  // namespace darn
