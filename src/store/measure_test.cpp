// Figures, not checks: store_test --no-skip -tc='measure*', in a release build with the tests on.
#include <sys/resource.h>
#include <time.h>

#include <cstdio>
#include <string>

#include "store/store_fixture.hpp"

namespace darn {

using test::Fixture;
using test::spec;
using test::TempDir;

namespace {

// Of the processor, so that a busy machine does not count.
class Watch {
 public:
  double ms() const { return now() - start_; }

 private:
  static double now() {
    timespec t{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) / 1e6;
  }
  double start_ = now();
};

long peak_mib() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss / 1024;
}

// n tasks in one transaction; dependencies(i) are the ids of what the i-th comes after.
template <class Dependencies>
void plan(Fixture& f, int n, Dependencies dependencies) {
  MUST(f.store->begin());
  for (int i = 0; i < n; ++i) {
    f.add(spec("task-" + std::to_string(i), dependencies(i)));
  }
  MUST(f.store->finish_plan(f.run.key));
  MUST(f.store->commit());
}

std::vector<std::string> none(int) { return {}; }

}  // namespace

TEST_CASE("measure: a plan of 1,000,000 tasks" * doctest::skip()) {
  const std::pair<const char*, std::vector<std::string> (*)(int)> shapes[] = {
      {"independent", none},
      {"chains of 10",
       [](int i) -> std::vector<std::string> {
         return i % 10 == 0 ? std::vector<std::string>{}
                            : std::vector{"task-" + std::to_string(i - 1)};
       }},
      {"10 forward references each to 100,000",
       [](int i) -> std::vector<std::string> {
         return i < 900'000 ? std::vector{"task-" + std::to_string(900'000 + i % 100'000)}
                            : std::vector<std::string>{};
       }},
  };
  for (const auto& [name, dependencies] : shapes) {
    TempDir dir;
    Fixture f(dir / "darn.db");
    const Watch planning;
    plan(f, 1'000'000, dependencies);
    std::printf("plan 1M (%s): %.0f ms, peak %ld MiB\n", name, planning.ms(), peak_mib());
    const Watch counting;
    for (int i = 0; i < 1000; ++i) {
      f.counts();
    }
    std::printf("  counts: %.1f us\n", counting.ms());
    const Watch reading;
    MUST(f.store->ready_tasks(f.run.key, "p", 100));
    std::printf("  100 ready tasks: %.0f us\n", reading.ms() * 1000);
    const Watch pools;
    MUST(f.store->pools_with_ready(f.run.key));
    std::printf("  pools with ready: %.0f us\n", pools.ms() * 1000);
    const Watch opening;
    const auto second = MUST(open_sqlite_store(dir / "darn.db", {.read_only = true}));
    MUST(second->counts(MUST(second->find_run("last")).key));
    std::printf("  open read-only, find the run, count: %.1f ms\n", opening.ms());
    const Watch listing;
    std::int64_t n = 0;
    MUST(second->each_task(f.run.key, {}, true, [&](const TaskRecord&) -> Status {
      ++n;
      return {};
    }));
    std::printf("  each_task with specifications: %.0f ms (%lld)\n", listing.ms(),
                static_cast<long long>(n));
    f.store.reset();
    std::printf("  file: %.0f MiB\n",
                static_cast<double>(std::filesystem::file_size(dir / "darn.db")) / (1 << 20));
  }
}

TEST_CASE("measure: claim and end, one transaction for two tasks" * doctest::skip()) {
  for (const bool power : {false, true}) {
    TempDir dir;
    Fixture f(dir / "darn.db");
    const int n = 100'000;
    plan(f, n, none);
    f.store = MUST(open_sqlite_store(dir / "darn.db", {.power_durability = power}));
    const int measured = power ? 2'000 : n;
    const Watch watch;
    std::vector<AttemptRecord> running;
    for (int done = 0; done < measured; done += 2) {
      MUST(f.store->begin());
      for (AttemptRecord& attempt : running) {
        attempt.state = AttemptState::succeeded;
        attempt.outcome.exit_code = 0;
        attempt.outcome.started = attempt.outcome.ended = f.now;
        attempt.outcome.wall = std::chrono::milliseconds{5};
        attempt.outcome.out.file = "output/1";
        attempt.outcome.out.head = 100;
        MUST(f.store->end_attempt(f.run.key, attempt));
        MUST(f.store->history(f.run.key, attempt.task_id));
        TaskUpdate update;
        update.state = TaskState::succeeded;
        MUST(f.store->update_task(f.run.key, attempt.task, update));
      }
      running.clear();
      for (const TaskRecord& task : MUST(f.store->ready_tasks(f.run.key, "p", 2))) {
        AttemptRecord attempt;
        attempt.task = task.key;
        attempt.claimed = f.now;
        attempt.batch = "batch";
        MUST(f.store->claim(f.run.key, attempt));
        running.push_back(attempt);
      }
      MUST(f.store->commit());
    }
    std::printf("claim + end (%s): %.1f us a task\n", power ? "power" : "process",
                watch.ms() * 1000 / measured);
    const Watch typical;
    MUST(f.store->typical_duration(f.run.key));
    std::printf("  typical duration: %.0f us\n", typical.ms() * 1000);
  }
}

TEST_CASE("measure: cycles and dependents at 100,000" * doctest::skip()) {
  Fixture f;
  plan(f, 100'000, none);
  MUST(f.store->begin());
  for (int i = 0; i < 100'000; ++i) {
    const auto key = f.run.key * (std::int64_t{1} << 32) + i + 1;
    MUST(f.store->set_task_state(f.run.key, key,
                                 i % 1000 == 0 ? TaskState::failed : TaskState::succeeded));
  }
  MUST(f.store->commit());
  const Watch watch;
  MUST(f.store->open_cycle(f.run.key, 1, "b", f.now, {}));
  std::printf("open_cycle, 100 of 100,000 failed: %.1f ms\n", watch.ms());

  Fixture fan;
  plan(fan, 100'001, [](int i) {
    return i == 0 ? std::vector<std::string>{} : std::vector<std::string>{"task-0"};
  });
  const Watch failing;
  fan.set("task-0", TaskState::failed);
  std::printf("a failure skips 100,000 dependents: %.0f ms\n", failing.ms());
  const Watch reviving;
  MUST(fan.store->open_cycle(fan.run.key, 1, "b", fan.now, {}));
  std::printf("open_cycle revives them: %.0f ms\n", reviving.ms());
  const Watch releasing;
  fan.set("task-0", TaskState::succeeded);
  std::printf("a success releases 100,000 dependents: %.0f ms\n", releasing.ms());

  Fixture chain;
  plan(chain, 100'000, [](int i) {
    return i == 0 ? std::vector<std::string>{}
                  : std::vector<std::string>{"task-" + std::to_string(i - 1)};
  });
  const Watch skipping;
  chain.set("task-0", TaskState::failed);
  std::printf("a failure skips a chain of 100,000: %.0f ms\n", skipping.ms());
}

}  // namespace darn
