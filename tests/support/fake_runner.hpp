// Processes that exist only in a test: they take virtual time, end as their script says, and live
// on when the engine that started them "crashes". FakeWorld is the machine; a FakeRunner is one
// engine's connection to it. Single-threaded.
#pragma once

#include <algorithm>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "process/runner.hpp"

namespace darn::test {

// Thrown to end an engine at a point of the test's choice, as kill -9 would.
struct Crash {};

struct Script {
  Duration takes{1000};
  int exit_code = 0;
  int signal = 0;
  std::string out;
  int check_exit = 0;
};

class FakeWorld {
 public:
  explicit FakeWorld(std::string run_dir) : run_dir_(std::move(run_dir)) {}

  FakeClock clock;
  // What the nth start (from 1) of a task does.
  std::function<Script(const Job&, const std::string& task, int nth)> script =
      [](const Job&, const std::string&, int) { return Script{}; };
  std::function<void(const Job&, const std::string& task)> on_start;

  struct Process {
    Job job;
    std::string task;
    int slot = 0;
    Time ends{};
    Outcome outcome;
    bool reported = false;
  };

  std::vector<std::string> started;   // task ids in the order of starting
  std::map<std::string, int> starts;  // per task
  int most_at_once = 0;
  std::vector<std::string> twins;  // tasks that were started beside a living twin

  int living() const {
    return static_cast<int>(std::count_if(processes_.begin(), processes_.end(), [&](const auto& p) {
      return p.second.ends > clock.now();
    }));
  }
  // The machine loses its power: what ran is gone without a word.
  void power_loss() { processes_.clear(); }

 private:
  friend class FakeRunner;

  static std::string task_of(const Job& job) {
    const auto first = job.attempt_name.find('/');
    const auto last = job.attempt_name.rfind('/');
    return job.attempt_name.substr(first + 1, last - first - 1);
  }

  OutputRef write(const std::string& text) {
    OutputRef ref;
    if (text.empty()) {
      return ref;
    }
    ref.file = "fake.out";
    ref.offset = written_;
    ref.head = text.size();
    std::ofstream file(run_dir_ + "/fake.out", std::ios::binary | std::ios::app);
    file << text;
    written_ += text.size();
    return ref;
  }

  void start(int slot, const Job& job) {
    Process process;
    process.job = job;
    process.task = task_of(job);
    process.slot = slot;
    for (const auto& [key, other] : processes_) {
      if (other.task == process.task && other.ends > clock.now()) {
        twins.push_back(process.task);
      }
    }
    if (on_start) {
      on_start(job, process.task);
    }
    const Script plays = script(job, process.task, ++starts[process.task]);
    started.push_back(process.task);
    Outcome& outcome = process.outcome;
    outcome.started = clock.now();
    process.ends = clock.now() + plays.takes;
    if (job.timeout > Duration{0} && plays.takes > job.timeout) {
      process.ends = clock.now() + job.timeout;
      outcome.end = End::timed_out;
      outcome.signal = 15;
    } else if (plays.signal != 0) {
      outcome.end = End::signalled;
      outcome.signal = plays.signal;
    } else {
      outcome.exit_code = plays.exit_code;
      if (!job.check_argv.empty() && plays.exit_code == 0) {
        outcome.check_ran = true;
        outcome.check_exit = plays.check_exit;
      }
    }
    outcome.ended = process.ends;
    outcome.wall = process.ends - outcome.started;
    outcome.out = write(plays.out);
    processes_.emplace(job.attempt, std::move(process));
    most_at_once = std::max(most_at_once, living());
  }

  std::string run_dir_;
  std::uint64_t written_ = 0;
  std::map<AttemptKey, Process> processes_;
};

class FakeRunner final : public ProcessRunner {
 public:
  explicit FakeRunner(FakeWorld& world) : world_(world) {}

  // Counts down at each call; at 0 the engine crashes there. Negative: never.
  int crash_in = -1;
  bool crash_at_acquire = false;
  // Called before each wait: a test's hand on the engine.
  std::function<void()> on_wait;
  // Whether a slot gives this job back instead of beginning it, as one whose shim was killed.
  std::function<bool(const Job&)> gives_back;
  // Why this job is not taken now; nullopt: it is.
  std::function<std::optional<Error>(const Job&)> refuses;

  Result<int> acquire_slot() override {
    step();
    if (crash_at_acquire) {
      throw Crash{};
    }
    int slot = 0;
    while (std::count(busy_.begin(), busy_.end(), slot) > 0) {
      ++slot;
    }
    busy_.push_back(slot);
    return slot;
  }

  void give_back_slot(int slot) override { std::erase(busy_, slot); }

  Status start(int slot, const Job& job) override {
    step();
    if (const auto why = refuses ? refuses(job) : std::nullopt) {
      std::erase(busy_, slot);
      return tl::unexpected<Error>(*why);
    }
    if (gives_back && gives_back(job)) {
      std::erase(busy_, slot);
      returned_.push_back({job.attempt, slot, {}, true});
      return {};
    }
    world_.start(slot, job);
    step();
    return {};
  }

  bool recall(AttemptKey) override { return false; }

  void stop(AttemptKey attempt, bool) override {
    const auto found = world_.processes_.find(attempt);
    if (found == world_.processes_.end() || found->second.ends <= world_.clock.now()) {
      return;
    }
    FakeWorld::Process& process = found->second;
    process.ends = process.outcome.ended = world_.clock.now();
    process.outcome.end = End::cancelled;
    process.outcome.exit_code = -1;
    process.outcome.signal = 15;
  }

  Result<std::vector<Ended>> wait(Duration at_most) override {
    step();
    if (on_wait) {
      on_wait();
    }
    if (!returned_.empty()) {
      return std::exchange(returned_, {});
    }
    Time next = world_.clock.now() + at_most;
    for (const auto& [key, process] : world_.processes_) {
      if (!process.reported) {
        next = std::min(next, std::max(process.ends, world_.clock.now()));
      }
    }
    world_.clock.set(next);
    std::vector<Ended> ended;
    for (auto& [key, process] : world_.processes_) {
      if (process.reported || process.ends > next) {
        continue;
      }
      process.reported = true;
      ended.push_back({key, process.slot, process.outcome, false});
    }
    return ended;
  }

  void release(const std::vector<AttemptKey>& attempts) override {
    step();
    for (const AttemptKey key : attempts) {
      const auto found = world_.processes_.find(key);
      if (found == world_.processes_.end()) {
        continue;
      }
      std::erase(busy_, found->second.slot);
      world_.processes_.erase(found);
    }
  }

  Result<std::vector<Adopted>> adopt(const std::vector<Left>& left) override {
    std::vector<Adopted> adopted;
    for (const Left& attempt : left) {
      const auto found = world_.processes_.find(attempt.attempt);
      if (found == world_.processes_.end()) {
        adopted.push_back({attempt.attempt, lost_ ? Fate::gone : Fate::never_started});
        continue;
      }
      busy_.push_back(found->second.slot);
      found->second.reported = false;
      const bool ended = found->second.ends <= world_.clock.now();
      adopted.push_back({attempt.attempt, ended ? Fate::ended : Fate::still_running});
    }
    return adopted;
  }

  // What adopt() finds no process for was lost with the machine, not merely never started.
  void after_power_loss() { lost_ = true; }

 private:
  void step() {
    if (crash_in >= 0 && crash_in-- == 0) {
      throw Crash{};
    }
  }

  FakeWorld& world_;
  std::vector<int> busy_;
  std::vector<Ended> returned_;
  bool lost_ = false;
};

}  // namespace darn::test
