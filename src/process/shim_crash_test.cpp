// Engines that are killed at any instant, alone or together with their shims, over and over: no
// attempt has its effect twice, none that is called gone goes on, none is forgotten.
#include <cstdio>
#include <map>
#include <random>

#include "process/testing.hpp"

namespace darn {
namespace {

using test::Bench;
using Fate = ProcessRunner::Fate;

// What an engine's store would hold: claims before starts, ends before releases. Survives it.
struct Journal {
  explicit Journal(const std::string& file)
      : path(file), fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {}
  void write(const char* what, AttemptKey attempt, int number) const {
    char line[64];
    const int n = std::snprintf(line, sizeof line, "%s %ld %d\n", what, long{attempt}, number);
    REQUIRE(::write(fd.get(), line, static_cast<std::size_t>(n)) == n);
  }
  struct State {
    std::map<AttemptKey, int> open;  // claimed, not ended: the slot
    std::map<AttemptKey, std::string> ended;
    AttemptKey last = 0;
  };
  State read() const {
    State state;
    std::istringstream lines(test::slurp(path));
    std::string what;
    AttemptKey attempt = 0;
    for (int number = 0; lines >> what >> attempt >> number;) {
      state.last = std::max(state.last, attempt);
      if (what == "claim") {
        state.open[attempt] = number;
      } else {
        REQUIRE(state.open.erase(attempt) == 1);  // exactly one end
        state.ended[attempt] = what;
      }
    }
    return state;
  }

  std::string path;
  Fd fd;
};

std::string name_of(const Bench& bench, AttemptKey attempt) {
  return bench.path("task/") + std::to_string(attempt);
}

Job job_of(const Bench& bench, AttemptKey attempt) {
  const std::string number = std::to_string(attempt);
  Job job;
  job.attempt = attempt;
  job.attempt_name = name_of(bench, attempt);
  job.cwd = bench.path("");
  job.argv = {"/bin/sh", "-c",
              "echo " + number + " >> effects; " + (attempt % 3 == 0 ? "sleep 0.03; " : "") +
                  "echo " + number + " >> late; exit " + std::to_string(attempt % 50)};
  return job;
}

void settle(ProcessRunner& runner, const Journal& journal, Duration at_most) {
  const auto ends = runner.wait(at_most);
  REQUIRE(ends);
  for (const Ended& end : *ends) {
    if (end.outcome.end == End::exited) {
      REQUIRE(end.outcome.exit_code == static_cast<int>(end.attempt % 50));
    }
    journal.write(end.outcome.end == End::lost ? "lost" : "ended", end.attempt, end.slot);
    runner.release({end.attempt});
  }
}

// Two jobs at a time, for ever.
void work(const Bench& bench, const Journal& journal, AttemptKey next) {
  auto runner = make_shim_runner(bench.dir(), DARN_TEST_SHIM);
  REQUIRE(runner);
  for (;;) {
    while (journal.read().open.size() < 2) {
      const auto slot = (*runner)->acquire_slot();
      REQUIRE(slot);
      journal.write("claim", next, *slot);
      REQUIRE((*runner)->start(*slot, job_of(bench, next++)));
    }
    settle(**runner, journal, std::chrono::seconds{10});
  }
}

pid_t start_engine(const Bench& bench, const Journal& journal) {
  const AttemptKey next = journal.read().last + 1;
  const pid_t engine = ::fork();
  REQUIRE(engine >= 0);
  if (engine == 0) {
    try {
      work(bench, journal, next);
    } catch (...) {  // a failed REQUIRE, printed already
    }
    ::_exit(1);
  }
  return engine;
}

void kill_shims(const Bench& bench) {
  for (int slot = 0; slot < 2; ++slot) {
    Fd lock;
    const auto ring = Ring::open(bench.dir(), slot, lock);
    if (ring && !lock && ring->header().shim_pid > 0) {
      ::kill(ring->header().shim_pid, SIGKILL);
    }
  }
}

std::map<AttemptKey, int> counts(const std::string& path) {
  std::map<AttemptKey, int> found;
  std::istringstream lines(test::slurp(path));
  for (AttemptKey attempt = 0; lines >> attempt;) {
    ++found[attempt];
  }
  return found;
}

void recover(Bench& bench, const Journal& journal, std::map<AttemptKey, int>& late_when_gone) {
  std::vector<ProcessRunner::Left> left;
  for (const auto& [attempt, slot] : journal.read().open) {
    left.push_back({attempt, name_of(bench, attempt), slot});
  }
  const auto adopted = bench.runner().adopt(left);
  REQUIRE_MESSAGE(adopted.has_value(), (adopted ? "" : adopted.error().text()));
  REQUIRE(adopted->size() == left.size());
  auto late = counts(bench.path("late"));
  for (const auto& one : *adopted) {
    if (one.fate == Fate::gone) {
      late_when_gone[one.attempt] = late[one.attempt];
      journal.write("lost", one.attempt, 0);
    } else if (one.fate == Fate::never_started) {
      journal.write("never", one.attempt, 0);
    }
  }
  while (!journal.read().open.empty()) {
    settle(bench.runner(), journal, std::chrono::seconds{10});
  }
}

void check(const Bench& bench, const Journal::State& state,
           const std::map<AttemptKey, int>& late_when_gone) {
  auto effects = counts(bench.path("effects"));
  auto late = counts(bench.path("late"));
  for (const auto& [attempt, how] : state.ended) {
    CAPTURE(attempt);
    CAPTURE(how);
    CHECK(effects[attempt] <= 1);
    if (how == "ended") {
      CHECK(effects[attempt] == 1);
      CHECK(late[attempt] == 1);
    } else if (how == "never") {
      CHECK(effects[attempt] == 0);
    } else if (const auto at = late_when_gone.find(attempt); at != late_when_gone.end()) {
      CHECK(late[attempt] == at->second);
    }
  }
}

Journal::State torment(int kills, bool shims_too, unsigned seed) {
  CAPTURE(seed);
  std::mt19937 random(seed);
  Bench bench;
  const Journal journal(bench.path("journal"));
  std::map<AttemptKey, int> late_when_gone;
  for (int i = 0; i < kills; ++i) {
    bench.close();
    const pid_t engine = start_engine(bench, journal);
    ::usleep(static_cast<unsigned>(random() % 60'000));  // any instant: that is the point
    ::kill(engine, SIGKILL);
    if (shims_too) {
      kill_shims(bench);
    }
    int status = 0;
    REQUIRE(::waitpid(engine, &status, 0) == engine);
    REQUIRE(WIFSIGNALED(status));  // otherwise it failed by itself
    bench.reopen();
    recover(bench, journal, late_when_gone);
  }
  const Journal::State state = journal.read();
  check(bench, state, late_when_gone);
  return state;
}

TEST_CASE("engines killed alone: exactly once") {
  const Journal::State state = torment(40, false, std::random_device{}());
  std::size_t ended = 0;
  for (const auto& [attempt, how] : state.ended) {
    CHECK(how != "lost");
    ended += how == "ended" ? 1U : 0U;
  }
  MESSAGE("40 kills, ", ended, " of ", state.ended.size(), " attempts had their one effect");
}

TEST_CASE("engines killed with their shims: at most once, and never beside a living twin") {
  const Journal::State state = torment(25, true, std::random_device{}());
  std::size_t lost = 0;
  for (const auto& [attempt, how] : state.ended) {
    lost += how == "lost" ? 1U : 0U;
  }
  MESSAGE("25 kills, ", lost, " of ", state.ended.size(), " attempts were lost");
}

}  // namespace
}  // namespace darn
