// What holds when an engine, a shim or the machine dies. Real processes, really killed.
#include <sys/syscall.h>

#include <chrono>
#include <cstring>
#include <map>

#include "process/leftovers.hpp"
#include "process/testing.hpp"

namespace darn {
namespace {

using test::Bench;
using test::eventually;
using test::is_dead;
using Fate = ProcessRunner::Fate;

// Another process is the engine: it starts the jobs, one per slot (or all in one), and is killed
// without a word.
void engine_dies(Bench& bench, const std::vector<Job>& jobs, bool in_one_slot = false) {
  bench.close();
  int ready[2];
  REQUIRE(::pipe2(ready, O_CLOEXEC) == 0);
  const pid_t engine = ::fork();
  REQUIRE(engine >= 0);
  if (engine == 0) {
    auto runner = make_shim_runner(bench.dir(), DARN_TEST_SHIM);
    bool good = runner.has_value();
    Result<int> slot = 0;
    for (const Job& job : jobs) {
      if (good && !(in_one_slot && &job != jobs.data())) {
        slot = (*runner)->acquire_slot();
      }
      good = good && slot && (*runner)->start(*slot, job);
    }
    const char told = good ? 1 : 0;
    good = ::write(ready[1], &told, 1) == 1;
    for (;;) {
      ::pause();
    }
  }
  char good = 0;
  REQUIRE(::read(ready[0], &good, 1) == 1);
  CHECK(good == 1);
  ::close(ready[0]);
  ::close(ready[1]);
  ::kill(engine, SIGKILL);
  REQUIRE(::waitpid(engine, nullptr, 0) == engine);
  bench.reopen();
}

std::map<AttemptKey, Fate> adopt(Bench& bench, const std::vector<Job>& jobs) {
  std::vector<ProcessRunner::Left> left;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    left.push_back({jobs[i].attempt, jobs[i].attempt_name, static_cast<int>(i)});
  }
  const auto adopted = bench.runner().adopt(left);
  REQUIRE_MESSAGE(adopted.has_value(), (adopted ? "" : adopted.error().text()));
  REQUIRE(adopted->size() == jobs.size());
  std::map<AttemptKey, Fate> fates;
  for (const auto& one : *adopted) {
    fates[one.attempt] = one.fate;
  }
  REQUIRE(fates.size() == jobs.size());
  return fates;
}

Ring ring_of(const Bench& bench, int slot) {
  Fd lock;
  auto ring = Ring::open(bench.dir(), slot, lock);
  REQUIRE(ring);
  return std::move(*ring);
}

bool shim_is_gone(const Bench& bench, int slot) {
  return eventually([&] {
    Fd lock;
    const auto ring = Ring::open(bench.dir(), slot, lock);
    return static_cast<bool>(lock);
  });
}

TEST_CASE("an attempt outlives its engine, is adopted, and its end counts") {
  Bench bench;
  Job job = bench.shell(
      "echo before; : > begun; while [ ! -e go ]; do sleep 0.01; done; "
      "echo after; echo x >> effects; exit 5");
  engine_dies(bench, {job});
  REQUIRE(bench.appears("begun"));
  CHECK(adopt(bench, {job})[job.attempt] == Fate::still_running);
  const auto other = bench.runner().acquire_slot();
  REQUIRE(other);
  CHECK(*other == 1);  // the adopted slot is busy
  bench.touch("go");
  const Outcome o = bench.finish();
  CHECK(o.end == End::exited);
  CHECK(o.exit_code == 5);
  CHECK(bench.text(o.out) == "before\nafter\n");
  CHECK(test::slurp(bench.path("effects")) == "x\n");
  CHECK(bench.start(bench.shell("exit 6")) == 0);  // and free again once released
  CHECK(bench.finish().exit_code == 6);
}

TEST_CASE("what ended while nobody was there is found, its check included") {
  Bench bench;
  Job passed = bench.shell("echo out");
  passed.check_argv = {"/bin/sh", "-c", "echo evidence; exit 8"};
  const Job failed = bench.shell("exit 9");
  engine_dies(bench, {passed, failed});
  REQUIRE(shim_is_gone(bench, 0));
  REQUIRE(shim_is_gone(bench, 1));
  auto fates = adopt(bench, {passed, failed});
  CHECK(fates[passed.attempt] == Fate::ended);
  CHECK(fates[failed.attempt] == Fate::ended);
  std::map<AttemptKey, Outcome> ends;
  const auto some = bench.runner().wait(Duration{0});
  REQUIRE(some);
  for (const Ended& end : *some) {
    ends[end.attempt] = end.outcome;
  }
  REQUIRE(ends.size() == 2);
  CHECK(bench.text(ends[passed.attempt].out) == "out\n");
  CHECK(ends[passed.attempt].check_exit == 8);
  CHECK(bench.text(ends[passed.attempt].check_out) == "evidence\n");
  CHECK(ends[failed.attempt].exit_code == 9);
  bench.runner().release({passed.attempt, failed.attempt});
  // The next engine asks about nothing, and the records are gone.
  bench.reopen();
  CHECK(adopt(bench, {}).empty());
  CHECK(bench.run("exit 0").exit_code == 0);
}

TEST_CASE("an end stays known until it is released, however many engines die") {
  Bench bench;
  const Job job = bench.shell("exit 11");
  engine_dies(bench, {job});
  REQUIRE(shim_is_gone(bench, 0));
  for (int i = 0; i < 3; ++i) {
    CHECK(adopt(bench, {job})[job.attempt] == Fate::ended);
    bench.reopen();
  }
}

TEST_CASE("limits hold without an engine") {
  Bench bench;
  Job job = bench.shell("trap '' TERM; while :; do sleep 1000; done");
  job.timeout = Duration{300};
  job.grace = Duration{100};
  engine_dies(bench, {job});
  adopt(bench, {job});
  CHECK(bench.finish().end == End::timed_out);
}

TEST_CASE("an adopted attempt can be stopped") {
  Bench bench;
  const Job polite = bench.shell("trap 'exit 3' TERM; : > ready1; sleep 1000 & wait");
  Job stubborn = bench.shell("trap '' TERM; : > ready2; while :; do sleep 1000; done");
  stubborn.grace = std::chrono::hours{1};
  engine_dies(bench, {polite, stubborn});
  REQUIRE(bench.appears("ready1"));
  REQUIRE(bench.appears("ready2"));
  adopt(bench, {polite, stubborn});
  bench.runner().stop(polite.attempt, false);
  const Outcome left = bench.finish();
  CHECK(left.end == End::cancelled);
  CHECK(left.exit_code == 3);
  bench.runner().stop(stubborn.attempt, true);
  const Outcome killed = bench.finish();
  CHECK(killed.end == End::cancelled);
  CHECK(killed.signal == SIGKILL);
}

constexpr const char* kFamily =
    "setsid sh -c 'echo $$ > one; exec sleep 1000' & sh -c 'echo $$ > two; exec sleep 1000' & "
    "echo $$ > self; echo seen; wait";

TEST_CASE("a killed shim: its attempt is lost, and nothing of it lives") {
  Bench bench;
  const int slot = bench.start(bench.shell(kFamily));
  const pid_t one = bench.pid_in("one");
  const pid_t two = bench.pid_in("two");
  const pid_t self = bench.pid_in("self");
  REQUIRE(eventually([&] { return test::slurp(bench.dir() + "/slot-0.out") == "seen\n"; }));
  ::kill(bench.shim_of(slot), SIGKILL);
  const Outcome o = bench.finish();
  CHECK(o.end == End::lost);
  CHECK(bench.text(o.out) == "seen\n");  // what it had said by then is not lost
  CHECK(is_dead(one));
  CHECK(is_dead(two));
  CHECK(is_dead(self));
  CHECK(bench.run("exit 2").exit_code == 2);  // the slot has a new shim
}

TEST_CASE("engine and shim killed: gone, and survivors are ended first") {
  Bench bench;
  const Job job = bench.shell(kFamily);
  engine_dies(bench, {job});
  const pid_t one = bench.pid_in("one");
  const pid_t two = bench.pid_in("two");
  const pid_t self = bench.pid_in("self");
  ::kill(bench.shim_of(0), SIGKILL);
  REQUIRE(shim_is_gone(bench, 0));
  CHECK(adopt(bench, {job})[job.attempt] == Fate::gone);
  CHECK(is_dead(one));
  CHECK(is_dead(two));
  CHECK(is_dead(self));
  // Until that is committed (something is released), it stays so for the next engine.
  bench.reopen();
  CHECK(adopt(bench, {job})[job.attempt] == Fate::gone);
  CHECK(bench.run("exit 0").exit_code == 0);
}

TEST_CASE("a shim killed while it was adopted") {
  Bench bench;
  const Job job = bench.shell("echo $$ > self; exec sleep 1000");
  engine_dies(bench, {job});
  const pid_t self = bench.pid_in("self");
  CHECK(adopt(bench, {job})[job.attempt] == Fate::still_running);
  ::kill(bench.shim_of(0), SIGKILL);
  CHECK(bench.finish().end == End::lost);
  CHECK(is_dead(self));
}

TEST_CASE("a shim killed while it had nothing to do is replaced") {
  Bench bench;
  const auto slot = bench.runner().acquire_slot();
  REQUIRE(slot);
  const pid_t shim = bench.shim_of(*slot);
  ::kill(shim, SIGKILL);
  REQUIRE(eventually([&] { return is_dead(shim); }));
  REQUIRE(bench.runner().start(*slot, bench.shell("exit 4")));
  CHECK(bench.finish().exit_code == 4);
}

TEST_CASE("claimed and never begun") {
  Bench bench;
  const Job before = bench.shell("exit 0");
  bench.run(before);  // so that the slot is known in this boot
  const Job unsent = bench.shell("exit 0");
  const Job unknown = bench.shell("exit 0");
  bench.reopen();
  REQUIRE(shim_is_gone(bench, 0));
  {
    const Ring ring = ring_of(bench, 0);  // as an engine leaves it that dies before it sends
    ring.record(0).body.attempt = unsent.attempt;
    ring.record(0).store(RecordState::queued);
  }
  auto fates = adopt(bench, {unsent});
  CHECK(fates[unsent.attempt] == Fate::never_started);
  fates = adopt(bench, {unknown});
  CHECK(fates[unknown.attempt] == Fate::never_started);
}

TEST_CASE("what waited in a slot when its engine died never begins; what ran goes on") {
  Bench bench;
  const Job first = bench.shell("echo > begun; until [ -e go ]; do sleep 0.01; done; exit 5");
  const Job second = bench.shell("echo > second");
  const Job third = bench.shell("echo > third");
  engine_dies(bench, {first, second, third}, true);
  REQUIRE(bench.appears("begun"));
  const auto fates = adopt(bench, {first, second, third});
  CHECK(fates.at(first.attempt) == Fate::still_running);
  CHECK(fates.at(second.attempt) == Fate::never_started);
  CHECK(fates.at(third.attempt) == Fate::never_started);
  bench.touch("go");
  CHECK(bench.finish().exit_code == 5);
  CHECK_FALSE(std::filesystem::exists(bench.path("second")));
  CHECK_FALSE(std::filesystem::exists(bench.path("third")));
}

TEST_CASE("after a reboot nothing is certain but what was recorded") {
  Bench bench;
  const Job ended = bench.shell("exit 3");
  bench.start(ended);
  REQUIRE(eventually([&] { return ring_of(bench, 0).record(0).load() == RecordState::ended; }));
  bench.reopen();
  REQUIRE(shim_is_gone(bench, 0));
  const Job began = bench.shell("exit 0");
  const Job queued = bench.shell("exit 0");
  const Job torn = bench.shell("exit 0");
  const Job unknown = bench.shell("exit 0");
  {
    const Ring ring = ring_of(bench, 0);
    ring.header().boot_id[0] = '!';
    const auto put = [&](std::uint32_t i, const Job& job, RecordState state) {
      ring.record(i).body = {};
      ring.record(i).body.attempt = job.attempt;
      ring.record(i).checksum = 1;
      ring.record(i).store(state);
    };
    put(1, began, RecordState::began);
    put(2, queued, RecordState::queued);
    put(3, torn, RecordState::ended);
  }
  std::vector<ProcessRunner::Left> left;
  for (const Job* job : {&ended, &began, &queued, &torn, &unknown}) {
    left.push_back({job->attempt, job->attempt_name, 0});
  }
  const auto adopted = bench.runner().adopt(left);
  REQUIRE(adopted);
  REQUIRE(adopted->size() == 5);
  for (const auto& one : *adopted) {
    CHECK(one.fate == (one.attempt == ended.attempt ? Fate::ended : Fate::gone));
  }
  CHECK(bench.finish().exit_code == 3);
}

TEST_CASE("a shim's number that is another process's by now is not taken for the shim") {
  Bench bench;
  const Job before = bench.shell("exit 0");
  bench.run(before);
  bench.reopen();
  REQUIRE(shim_is_gone(bench, 0));
  const Job job = bench.shell("exit 0");
  {
    const Ring ring = ring_of(bench, 0);
    ring.header().shim_pid = ::getpid();  // alive, and began at another time
    ring.header().shim_start = start_ticks(::getpid()) + 1;
    ring.record(0).body.attempt = job.attempt;
    ring.record(0).store(RecordState::began);
  }
  const auto begin = std::chrono::steady_clock::now();
  CHECK(adopt(bench, {job})[job.attempt] == Fate::gone);
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds{4});
}

TEST_CASE("without exit records, whatever carries the attempt's name is a reason to stop") {
  Bench bench;
  const Job job = bench.shell("exit 0");
  const pid_t alive = ::fork();
  REQUIRE(alive >= 0);
  if (alive == 0) {
    const std::string mark = "DARN_ATTEMPT=" + job.attempt_name;
    ::execle("/bin/sleep", "sleep", "1000", nullptr,
             std::vector<const char*>{mark.c_str(), nullptr}.data());
    ::_exit(1);
  }
  REQUIRE(eventually([&] { return find_attempt(job.attempt_name, bench.dir()) == alive; }));
  const auto adopted = bench.runner().adopt({{job.attempt, job.attempt_name, 0}});
  REQUIRE_FALSE(adopted);
  CHECK(adopted.error().kind == ErrorKind::try_again);
  CHECK(adopted.error().message.find("process " + std::to_string(alive)) != std::string::npos);
  ::kill(alive, SIGKILL);
  REQUIRE(::waitpid(alive, nullptr, 0) == alive);
  CHECK(adopt(bench, {job})[job.attempt] == Fate::gone);
}

TEST_CASE("an attempt of that name under a shim of another directory is another run's") {
  Bench bench;
  const Job job = bench.shell("echo > begun; until [ -e go ]; do sleep 0.01; done");
  bench.start(job);
  REQUIRE(bench.appears("begun"));
  CHECK(find_attempt(job.attempt_name, bench.dir()) > 0);
  CHECK(find_attempt(job.attempt_name, bench.path("elsewhere")) == 0);
  bench.touch("go");
  CHECK(bench.finish().exit_code == 0);
}

TEST_CASE("looking at slots takes nothing over") {
  Bench bench;
  CHECK(look_at_slots(bench.dir()).empty());
  const Job job = bench.shell("while [ ! -e go ]; do sleep 0.01; done");
  engine_dies(bench, {job});
  auto slots = look_at_slots(bench.dir());
  REQUIRE(slots.size() == 1);
  CHECK(slots[0].shim_lives);
  CHECK(slots[0].same_boot);
  CHECK(slots[0].open == 1);
  CHECK(slots[0].highest == job.attempt);
  bench.touch("go");
  REQUIRE(eventually([&] { return !look_at_slots(bench.dir())[0].shim_lives; }));
  CHECK(adopt(bench, {job})[job.attempt] == Fate::ended);
  CHECK(bench.finish().exit_code == 0);
  std::filesystem::resize_file(bench.dir() + "/slot-0.ring", 100);
  slots = look_at_slots(bench.dir());
  REQUIRE(slots.size() == 1);
  CHECK(slots[0].trouble.ends_with("slot-0.ring is cut short"));
}

TEST_CASE("a living shim that nobody asked about is left alone") {
  Bench bench;
  const Job job = bench.shell("while [ ! -e go ]; do sleep 0.01; done; echo x >> effects");
  engine_dies(bench, {job});
  CHECK(bench.start(bench.shell("exit 1")) == 1);
  CHECK(bench.finish().exit_code == 1);
  bench.touch("go");
  REQUIRE(shim_is_gone(bench, 0));
  CHECK(test::slurp(bench.path("effects")) == "x\n");
}

TEST_CASE("a stopped shim with an open question is an error, not a hang and not a guess") {
  Bench bench;
  const Job job = bench.shell("echo $$ > self; exec sleep 1000");
  engine_dies(bench, {job});
  bench.pid_in("self");
  const pid_t shim = bench.shim_of(0);
  ::kill(shim, SIGSTOP);
  {
    const Ring ring = ring_of(bench, 0);
    ring.record(1).store(RecordState::queued);
  }
  const auto adopted = bench.runner().adopt({{job.attempt, job.attempt_name, 0}});
  REQUIRE_FALSE(adopted);
  CHECK(adopted.error().kind == ErrorKind::try_again);
  ::kill(shim, SIGKILL);
  bench.reopen();
  CHECK(adopt(bench, {job})[job.attempt] == Fate::gone);
}

TEST_CASE("a ring of another version, or a foreign file, is refused") {
  Bench bench;
  std::ofstream(bench.dir() + "/slot-0.ring") << std::string(8192, 'x');
  const auto slot = bench.runner().acquire_slot();
  REQUIRE_FALSE(slot);
  CHECK(slot.error().message == std::filesystem::canonical(bench.dir()).string() +
                                    "/slot-0.ring was written by another version of darn");
}

}  // namespace
}  // namespace darn
