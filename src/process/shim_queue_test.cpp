// Jobs that wait in a busy slot: they begin in order and without another word, can be taken back
// until they begin, and are given back when their shim cannot go on. Real processes.
#include <csignal>
#include <set>

#include "process/testing.hpp"

namespace darn {
namespace {

using test::Bench;
using test::eventually;
using test::slurp;

// Starts all in one slot; the first one runs, the others wait.
int line_up(Bench& bench, const std::vector<Job>& jobs) {
  const int slot = bench.start(jobs.at(0));
  for (std::size_t i = 1; i < jobs.size(); ++i) {
    const auto started = bench.runner().start(slot, jobs[i]);
    REQUIRE_MESSAGE(started.has_value(), (started ? "" : started.error().text()));
  }
  return slot;
}

// All reports until there are `count`; ends are released.
std::vector<Ended> reports(Bench& bench, std::size_t count) {
  std::vector<Ended> all;
  REQUIRE(eventually([&] {
    const auto some = bench.runner().wait(std::chrono::seconds{5});
    REQUIRE(some);
    for (const Ended& one : *some) {
      all.push_back(one);
      if (!one.returned) {
        bench.runner().release({one.attempt});
      }
    }
    return all.size() >= count;
  }));
  REQUIRE(all.size() == count);
  return all;
}

Job note(Bench& bench, const std::string& what) {
  return bench.shell("echo " + what + " >> notes");
}

TEST_CASE("what waits begins when those before it have ended, in order") {
  Bench bench;
  std::vector<Job> jobs;
  std::string expected;
  for (int i = 0; i < kSlotJobs; ++i) {
    jobs.push_back(note(bench, std::to_string(i)));
    expected += std::to_string(i) + '\n';
  }
  const int slot = line_up(bench, jobs);
  const auto ends = reports(bench, jobs.size());
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    CHECK(ends[i].attempt == jobs[i].attempt);
    CHECK(ends[i].slot == slot);
    CHECK(ends[i].outcome.exit_code == 0);
  }
  CHECK(slurp(bench.path("notes")) == expected);
}

TEST_CASE("an end is told in time also while others wait") {
  Bench bench;
  line_up(bench, {bench.shell("exit 7"), bench.shell("sleep 30"), note(bench, "c"),
                  note(bench, "d"), note(bench, "e"), note(bench, "f"), note(bench, "g")});
  const auto ends = bench.runner().wait(std::chrono::seconds{20});
  REQUIRE(ends);
  REQUIRE(ends->size() == 1);
  CHECK(ends->front().outcome.exit_code == 7);
  bench.runner().release({ends->front().attempt});
  for (AttemptKey attempt = 7; attempt >= 2; --attempt) {  // who waits first: none begins
    bench.runner().stop(attempt, true);
  }
  for (const Ended& end : reports(bench, 6)) {
    CHECK(end.outcome.end == End::cancelled);
  }
  CHECK(slurp(bench.path("notes")).empty());
}

TEST_CASE("what was recalled never begins there, and may begin elsewhere") {
  Bench bench;
  const Job first = bench.shell("until [ -e go ]; do sleep 0.01; done");
  const Job second = note(bench, "second");
  const Job third = note(bench, "third");
  const int slot = line_up(bench, {first, second, third});
  CHECK(bench.runner().recall(second.attempt));
  CHECK_FALSE(bench.runner().recall(second.attempt));  // it is not there any more
  CHECK(bench.start(second) != slot);
  CHECK(reports(bench, 1).front().attempt == second.attempt);
  bench.touch("go");
  std::set<AttemptKey> ended;
  for (const Ended& end : reports(bench, 2)) {
    ended.insert(end.attempt);
  }
  CHECK(ended == std::set<AttemptKey>{first.attempt, third.attempt});
  CHECK(slurp(bench.path("notes")) == "second\nthird\n");
}

TEST_CASE("what has begun or ended is not recalled") {
  Bench bench;
  const Job job = bench.shell("echo > begun; sleep 0.2");
  bench.start(job);
  REQUIRE(bench.appears("begun"));
  CHECK_FALSE(bench.runner().recall(job.attempt));
  CHECK(bench.finish().exit_code == 0);
  CHECK_FALSE(bench.runner().recall(job.attempt));
}

TEST_CASE("a slot can be filled, emptied by recalls, and filled again behind the same job") {
  Bench bench;
  const Job first = bench.shell("until [ -e go ]; do sleep 0.01; done");
  std::vector<Job> jobs = {first};
  for (int i = 1; i < kSlotJobs; ++i) {
    jobs.push_back(note(bench, "never"));
  }
  const int slot = line_up(bench, jobs);
  for (std::size_t i = 1; i < jobs.size(); ++i) {
    REQUIRE(bench.runner().recall(jobs[i].attempt));
  }
  std::size_t started = 1;
  for (int i = 1; i < kSlotJobs; ++i, ++started) {
    REQUIRE(bench.runner().start(slot, note(bench, "again")));
  }
  bench.touch("go");
  CHECK(reports(bench, started).size() == started);
  CHECK(slurp(bench.path("notes")).find("never") == std::string::npos);
}

TEST_CASE("a killed shim loses what ran and gives back what waited") {
  Bench bench;
  const Job first = bench.shell("echo > begun; sleep 30");
  const Job second = note(bench, "second");
  const Job third = note(bench, "third");
  const int slot = line_up(bench, {first, second, third});
  REQUIRE(bench.appears("begun"));
  REQUIRE(bench.runner().recall(third.attempt));
  ::kill(bench.shim_of(slot), SIGKILL);
  for (const Ended& one : reports(bench, 2)) {
    CHECK(one.returned == (one.attempt == second.attempt));
    CHECK((one.returned || one.outcome.end == End::lost));
  }
  bench.start(second);
  bench.start(third);
  CHECK(reports(bench, 2).size() == 2);
  CHECK(slurp(bench.path("notes")).size() == std::string("second\nthird\n").size());
}

TEST_CASE("a shim that ends because something was left gives back what waited") {
  Bench bench;
  Job first = bench.shell("(setsid sleep 30 & echo $! > left); echo > begun; sleep 0.1");
  first.linger_leave = true;
  const Job second = note(bench, "second");
  line_up(bench, {first, second});
  const auto all = reports(bench, 2);
  CHECK(all[0].attempt == first.attempt);
  CHECK_FALSE(all[0].returned);
  CHECK(all[1].attempt == second.attempt);
  CHECK(all[1].returned);
  CHECK(slurp(bench.path("notes")).empty());
  bench.start(second);
  CHECK(bench.finish().exit_code == 0);
  ::kill(bench.pid_in("left"), SIGKILL);
}

TEST_CASE("a slot that was given back takes what was to wait in it") {
  Bench bench;
  const auto slot = bench.runner().acquire_slot();
  REQUIRE(slot);
  bench.runner().give_back_slot(*slot);
  const Job job = note(bench, "first");
  REQUIRE(bench.runner().start(*slot, job));
  const auto other = bench.runner().acquire_slot();
  REQUIRE(other);
  CHECK(*other != *slot);
  bench.runner().give_back_slot(*other);
  CHECK(bench.finish().exit_code == 0);
}

TEST_CASE("a socket that is full refuses a job for a moment, and loses no stop") {
  Bench bench;
  const Job first = bench.shell("echo > begun; sleep 30");
  const int slot = bench.start(first);
  REQUIRE(bench.appears("begun"));
  const pid_t shim = bench.shim_of(slot);
  ::kill(shim, SIGSTOP);
  std::size_t taken = 0;
  for (int i = 1; i < kSlotJobs; ++i) {
    Job large = note(bench, "large");
    large.env.push_back({EnvVar::Kind::set, "FILL", std::string(30'000, 'x')});
    const auto started = bench.runner().start(slot, large);
    if (!started) {
      CHECK(started.error().kind == ErrorKind::try_again);
      break;
    }
    ++taken;
  }
  CHECK(taken > 0);
  REQUIRE(taken + 1 < static_cast<std::size_t>(kSlotJobs));  // or nothing was tested
  bench.runner().stop(first.attempt, true);
  ::kill(shim, SIGCONT);
  const auto ends = reports(bench, taken + 1);
  CHECK(ends.front().attempt == first.attempt);
  CHECK(ends.front().outcome.end == End::cancelled);
  for (std::size_t i = 1; i < ends.size(); ++i) {
    CHECK(ends[i].outcome.exit_code == 0);
  }
}

}  // namespace
}  // namespace darn
