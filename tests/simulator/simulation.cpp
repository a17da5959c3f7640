#include "simulator/simulation.hpp"

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "engine/batch.hpp"
#include "engine/paths.hpp"
#include "engine/planner.hpp"
#include "engine/retry_file.hpp"

namespace darn::sim {
namespace {

namespace fs = std::filesystem;

// More engines than faults are needed only when something never ends.
constexpr int kSpareEngines = 12;
constexpr Duration kLongest = std::chrono::hours{6};

class SimClock final : public Clock {
 public:
  explicit SimClock(World& world) : world_(&world) {}
  Time now() const override {
    world_->step("now", false);
    const Time now = world_->now();
    world_->step("now", true);
    return now;
  }

 private:
  World* world_;
};

}  // namespace

Simulation::Simulation(const Scenario& scenario, const std::string& dir, bool verbose,
                       const Mutation* mutation)
    : scenario_(scenario),
      mutation_(mutation),
      cwd_(dir + "/work"),
      state_(dir + "/state"),
      world_(scenario, verbose),
      checks_(scenario, world_),
      store_(world_, checks_) {
  fs::create_directories(cwd_);
  fs::create_directories(state_);
  std::ofstream(cwd_ + "/data.txt") << "the user's\n";
  world_.watch.began = [this](const Process& process) { checks_.began(process); };
}

void Simulation::run() {
  RunRecord run;
  run.settings = scenario_.settings;
  run = drive(plan(run, scenario_.csv).key);
  check_run(run);
  const auto all_done = [](const Counts& counts) {
    return counts.of(TaskState::succeeded) == counts.total();
  };
  for (int i = 0; i < scenario_.reruns && !all_done(run.counts); ++i) {
    std::string csv = scenario_.csv;
    if (!scenario_.whole_file) {
      const std::string file =
          must(write_retry_file(store_.inner(), StatePaths{state_}, run, 1, world_.now()));
      csv = must(load_source(file)).text;
    }
    RunRecord again;
    again.settings = run.settings;
    again.parent = run.id;
    again.root = run.root;
    run = drive(plan(again, csv).key);
    check_run(run);
  }
}

// A plan that breaks off leaves nothing behind.
RunRecord Simulation::plan(RunRecord run, const std::string& csv) {
  run.cwd = cwd_;
  run.source = "tasks.csv";
  run.created = world_.now();
  run.seed = scenario_.seed;
  const TaskSource source{"tasks.csv", csv, TaskSource::Format::csv};
  const auto before = must(store_.inner().list_runs()).size();
  std::optional<Fault> fault = scenario_.planning;
  for (bool done = false; !done; fault.reset()) {
    RunRecord planned = run;
    world_.arm(fault);
    Mutant mutant;
    SimRunner unused(world_);
    if (mutation_ != nullptr) {
      mutation_->make(mutant, store_, unused, world_);
    }
    try {
      const Status status = plan_run(mutant.store ? *mutant.store : store_, source, planned);
      done = status.has_value();
      if (!done && !fault) {
        violated(invariant::kErrors, "planning: " + status.error().text());
      }
    } catch (const Crash&) {
      store_.disconnect();
    }
    const auto runs = must(store_.inner().list_runs());
    if (!done && runs.size() == before + 1) {
      planned = runs.front();  // it died just after its commit
      done = true;
    }
    if (runs.size() != before + (done ? 1 : 0)) {
      violated(invariant::kFree, "half a plan is left");
    }
    if (done) {
      run = must(store_.inner().run(planned.key));
    }
  }
  world_.arm({});
  store_.mark_durable();
  checks_.open_run(run, cwd_, state_);
  world_.set_run_dir(StatePaths{state_}.run_dir(run.id));
  return run;
}

RunRecord Simulation::drive(RunKey key) {
  for (int spare = 0; spare < kSpareEngines;) {
    const RunRecord run = must(store_.inner().run(key));
    // Again, when a power failure took it back half way.
    const bool half = reopened_ && run.counts.unfinished() > 0;
    if (run.state == RunState::cancelled && scenario_.reopen_cancelled && (!reopened_ || half)) {
      reopen_cancelled(run);
    } else if (run.state != RunState::planning && run.state != RunState::running &&
               run.state != RunState::interrupted) {
      return run;
    }
    std::optional<Fault> fault;
    if (next_fault_ < scenario_.faults.size()) {
      fault = scenario_.faults[next_fault_++];
    } else {
      ++spare;
    }
    clean_ = run_engine_once(key, fault);
    world_.arm({});
    world_.advance(world_.now() + world_.dice.ms(0, 3000));
  }
  violated(invariant::kEnds, "one engine after the other goes on with the run");
}

std::int64_t Simulation::failures() { return world_.figures.struck["failing calls"]; }

// Whether it came to its end.
bool Simulation::run_engine_once(RunKey run, const std::optional<Fault>& fault) {
  ++engines_;
  world_.log("===== an engine starts");
  world_.arm(fault);
  checks_.engine_starts();
  checks_.stop_level = 0;
  StopLevel stop{0};
  const std::int64_t failures_before = failures();
  bool power = false;
  bool died = false;
  {
    SimRunner runner(world_);
    runner.outside = [&] { return outside(run, stop); };
    runner.next_outside = [&]() -> std::optional<Time> {
      return next_event_ < scenario_.events.size()
                 ? std::optional(world_.now() - world_.since_start() +
                                 scenario_.events[next_event_].at)
                 : std::nullopt;
    };
    runner.starting = [&](const Job& job) { checks_.starting(job); };
    const SimClock clock(world_);
    Mutant mutant;
    if (mutation_ != nullptr) {
      mutation_->make(mutant, store_, runner, world_);
    }
    EngineParts parts;
    parts.store = mutant.store ? mutant.store.get() : &store_;
    parts.runner = mutant.runner ? mutant.runner.get() : &runner;
    parts.clock = &clock;
    parts.stop = mutation_ != nullptr && mutation_->deaf ? nullptr : &stop;
    parts.state_dir = state_;
    try {
      const auto ended = run_engine(parts, run);
      if (!ended) {
        check_error(ended.error(), failures_before);
        died = true;
      }
    } catch (const Crash& crash) {
      died = true;
      power = crash.power;
    }
  }
  store_.disconnect();
  if (power) {
    world_.power_failure();
    if (!scenario_.power_durable && fault) {
      store_.lose_commits(fault->lost_commits);
    }
  }
  return !died;
}

void Simulation::check_error(const Error& error, std::int64_t failures_before) const {
  auto& self = const_cast<Simulation&>(*this);
  if (self.failures() == failures_before) {
    violated(invariant::kErrors, "without a cause: " + error.text());
  }
  if (error.kind == ErrorKind::internal || error.message.empty()) {
    violated(invariant::kErrors, "not clear: " + error.text());
  }
  self.world_.log("===== the engine gives up:", error.text());
}

// What happens outside while an engine waits. True when a signal came.
bool Simulation::outside(RunKey run, StopLevel& stop) {
  if (world_.since_start() > kLongest) {
    violated(invariant::kEnds, "not within six hours");
  }
  const int before = stop;
  while (next_event_ < scenario_.events.size() &&
         scenario_.events[next_event_].at <= world_.since_start()) {
    happen(scenario_.events[next_event_++], run, stop);
  }
  return stop != before;
}

void Simulation::happen(const Event& event, RunKey run, StopLevel& stop) {
  switch (event.kind) {
    case Event::Kind::interrupt:
      world_.log("----- Ctrl-C");
      checks_.stop_level = ++stop;
      break;
    case Event::Kind::kill_shim: world_.kill_shim(); break;
    case Event::Kind::cancel:
      world_.log("----- darn cancel");
      store_.other_process([&] { must(store_.request_cancel(run, true)); });
      break;
    case Event::Kind::add:
      world_.log("----- darn add");
      store_.other_process([&] {
        const RunRecord record = must(store_.run(run));
        const TaskSource source{"more.csv", scenario_.more, TaskSource::Format::csv};
        // The run may just have ended, or have these tasks already.
        static_cast<void>(add_to_run(store_, source, record));
      });
      break;
  }
}

// As cli/resume.cpp does it.
void Simulation::reopen_cancelled(const RunRecord& run) {
  reopened_ = true;
  world_.log("----- the cancelled run is resumed");
  checks_.reopened();
  store_.other_process([&] {
    const std::string batch = must(new_batch_name(store_, StatePaths{state_}, world_.now()));
    must(store_.begin());
    must(store_.request_cancel(run.key, false));
    must(store_.open_cycle(run.key, run.cycle, batch, world_.now(), {}, true));
    must(store_.commit());
  });
}

void Simulation::check_run(const RunRecord& run) {
  Mutant mutant;
  SimRunner unused(world_);
  if (mutation_ != nullptr) {
    mutation_->make(mutant, store_, unused, world_);
  }
  checks_.run_ended(store_.inner(), mutant.store ? *mutant.store : store_, run.key, clean_);
  checks_.effects();
  checks_.files();
}

void Simulation::show() {
  std::fprintf(stderr, "%s", scenario_.csv.c_str());
  const auto runs = store_.inner().list_runs();
  for (const RunRecord& run : runs ? *runs : std::vector<RunRecord>{}) {
    std::fprintf(stderr, "run %s: %s, cycle %d\n", run.id.c_str(),
                 std::string(to_string(run.state)).c_str(), run.cycle);
    static_cast<void>(
        store_.inner().each_task(run.key, {}, true, [](const TaskRecord& task) -> Status {
          std::fprintf(stderr, "  %s: %s in %s, %d attempts: %s\n", task.spec.id.c_str(),
                       std::string(to_string(task.state)).c_str(), task.pool.c_str(), task.attempts,
                       task.summary.c_str());
          return {};
        }));
  }
}

std::optional<Violation> run_schedule(std::uint64_t seed, const std::string& dir, bool verbose,
                                      Figures* figures, const Mutation* mutation) {
  const Scenario scenario = make_scenario(seed);
  const std::string own = dir + "/" + std::to_string(seed);
  std::optional<Violation> found;
  {
    Simulation simulation(scenario, own, verbose, mutation);
    try {
      simulation.run();
    } catch (const Violation& violation) {
      found = violation;
      if (verbose) {
        simulation.show();
      }
    }
    if (figures != nullptr) {
      const World::Figures& done = simulation.world().figures;
      ++figures->schedules;
      figures->engines += simulation.engines();
      figures->steps += done.steps;
      figures->processes += done.processes;
      for (const auto& [what, times] : done.struck) {
        figures->struck[what] += times;
      }
      figures->places.insert(done.places.begin(), done.places.end());
    }
  }
  std::error_code error;
  fs::remove_all(own, error);
  return found;
}

Workshop::Workshop() {
  const bool memory = ::access("/dev/shm", W_OK) == 0;
  path_ = (memory ? std::string("/dev/shm") : fs::temp_directory_path().string()) +
          "/darn-simulator-XXXXXX";
  if (::mkdtemp(path_.data()) == nullptr) {
    throw std::runtime_error("cannot make " + path_);
  }
}

Workshop::~Workshop() {
  std::error_code error;
  fs::remove_all(path_, error);
}

}  // namespace darn::sim
