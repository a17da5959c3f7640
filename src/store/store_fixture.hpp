// What the store's tests share: a run in memory, tasks in one word, a directory that goes away.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "store/store.hpp"

namespace darn::test {

// The value, or a failure of the test that says why there is none.
template <class T>
T must(Result<T> result, const char* file, int line) {
  if (!result) {
    ADD_FAIL_AT(file, line, result.error().text());
    throw result.error();
  }
  if constexpr (!std::is_void_v<T>) {
    return std::move(*result);
  }
}
#define MUST(...) ::darn::test::must((__VA_ARGS__), __FILE__, __LINE__)

class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "darn-store-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
      throw std::runtime_error("mkdtemp " + name);
    }
    path_ = name;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline TaskSpec spec(const std::string& id, std::vector<std::string> after = {}) {
  TaskSpec task;
  task.id = id;
  task.command = "true";
  task.after = std::move(after);
  return task;
}

inline RunRecord new_run(Store& store, const std::string& parent = {},
                         const std::string& root = {}) {
  RunRecord run;
  run.parent = parent;
  run.root = root;
  run.source = "tasks.csv";
  run.format = "csv";
  run.cwd = "/somewhere";
  run.seed = 0xfedcba9876543210;  // more than a signed number holds
  run.created = time_from_ms(1'700'000'000'000);
  MUST(store.create_run(run));
  return run;
}

// A store, a run in it, and the steps that tests take over and over.
struct Fixture {
  explicit Fixture(const std::string& path = ":memory:") : store(MUST(open_sqlite_store(path))) {
    run = new_run(*store);
  }

  TaskKey add(const TaskSpec& task, const std::string& pool = "p") {
    return MUST(store->add_task(run.key, task, pool, "raw " + task.id));
  }
  void plan(const std::vector<TaskSpec>& tasks) {
    for (const TaskSpec& task : tasks) {
      add(task);
    }
    MUST(store->finish_plan(run.key));
  }
  TaskRecord task(const std::string& id) { return MUST(store->task(run.key, id)); }
  TaskState state(const std::string& id) { return task(id).state; }
  Counts counts() { return MUST(store->counts(run.key)); }
  void set(const std::string& id, TaskState state) {
    MUST(store->set_task_state(run.key, task(id).key, state));
  }
  AttemptRecord claim(const std::string& id, int cycle = 1) {
    AttemptRecord attempt;
    attempt.task = task(id).key;
    attempt.cycle = cycle;
    attempt.claimed = now;
    attempt.batch = "b";
    MUST(store->claim(run.key, attempt));
    return attempt;
  }
  // Claims it and ends it, with the task in that state.
  AttemptRecord attempt(const std::string& id, TaskState to, int cycle = 1, bool healed = false) {
    AttemptRecord attempt = claim(id, cycle);
    const bool good = to == TaskState::succeeded;
    attempt.state = good ? AttemptState::succeeded : AttemptState::failed;
    attempt.outcome.started = now;
    attempt.outcome.ended = now + std::chrono::seconds{2};
    attempt.outcome.wall = std::chrono::seconds{2};
    attempt.outcome.exit_code = good ? 0 : 1;
    MUST(store->end_attempt(run.key, attempt));
    TaskUpdate update;
    update.state = to;
    update.healed = healed;
    MUST(store->update_task(run.key, attempt.task, update));
    return attempt;
  }
  std::vector<std::string> ready(const std::string& pool = "p", int limit = 100) {
    std::vector<std::string> ids;
    for (const TaskRecord& one : MUST(store->ready_tasks(run.key, pool, limit))) {
      ids.push_back(one.spec.id);
    }
    return ids;
  }

  std::unique_ptr<Store> store;
  RunRecord run;
  Time now = time_from_ms(1'700'000'100'000);
};

using Ids = std::vector<std::string>;

}  // namespace darn::test
