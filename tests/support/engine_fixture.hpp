// An engine on a real store (a file in a temporary directory), with fake processes and virtual
// time.
#pragma once

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "engine/engine.hpp"
#include "engine/planner.hpp"
#include "support/fake_runner.hpp"
#include "support/temp_dir.hpp"

namespace darn::test {

inline constexpr Duration kSecond{1000};

inline void write(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

class EngineFixture {
 public:
  EngineFixture() : world((std::filesystem::create_directories(run_dir()), run_dir())) {
    settings.jobs = 2;
    reopen();
  }

  // As after a crash: the old connection's open transaction is gone.
  void reopen() {
    store.reset();
    store = other_store();
  }
  std::unique_ptr<Store> other_store() const {
    auto opened = open_sqlite_store((dir.path() / "darn.db").string());
    REQUIRE_MESSAGE(opened, opened.error().text());
    return std::move(*opened);
  }

  // A scripted agent named after its program, with claude's way of reporting.
  AgentDef& agent(const std::string& name) {
    AgentDef& def = settings.agents[name];
    def.name = name;
    def.command = {name};
    def.stdin_text = "{task}";
    def.result.lines = "/type == \"result\"";
    def.cost_usd.at = "/total_cost_usd";
    return def;
  }

  void plan(const std::string& csv) {
    RunRecord run;
    run.settings = settings;
    run.cwd = dir.path();
    run.source = "tasks.csv";
    run.created = world.clock.now();
    run.seed = 42;
    const TaskSource source{"tasks.csv", csv, TaskSource::Format::csv};
    const Status planned = plan_run(*store, source, run);
    REQUIRE_MESSAGE(planned, planned.error().text());
    key = run.key;
    // The world's outputs belong where the engine reads them.
    std::filesystem::create_directories(dir.path() / "runs");
    std::filesystem::create_directory_symlink(run_dir(), dir.path() / "runs" / run.id);
  }

  RunRecord run(FakeRunner& runner) {
    EngineParts parts;
    parts.store = store.get();
    parts.runner = &runner;
    parts.clock = &world.clock;
    parts.events = events;
    parts.stop = &stop;
    parts.state_dir = dir.path();
    const auto ended = run_engine(parts, key);
    REQUIRE_MESSAGE(ended, ended.error().text());
    return *ended;
  }
  RunRecord run() {
    FakeRunner runner(world);
    return run(runner);
  }

  RunRecord record() const { return store->run(key).value(); }
  TaskRecord task(const std::string& id) const { return store->task(key, id).value(); }
  std::vector<AttemptRecord> attempts(const std::string& id) const {
    return store->attempts(key, id).value();
  }

  TempDir dir;
  FakeWorld world;
  RunSettings settings;
  std::unique_ptr<Store> store;
  RunKey key = 0;
  StopLevel stop{0};
  EventSink events;  // what is told of it

 private:
  std::string run_dir() const { return dir.path() / "world"; }
};

}  // namespace darn::test
