// Time limits, stops, and what becomes of a task's descendants. Real processes.
#include "process/testing.hpp"

namespace darn {
namespace {

using test::Bench;
using test::is_dead;

constexpr const char* kStubborn = "trap '' TERM; while :; do sleep 1000; done";

TEST_CASE("a timeout: TERM, then KILL to what does not listen") {
  Bench bench;
  Job polite = bench.shell("trap 'echo bye; exit 7' TERM; echo hi; sleep 1000 & wait");
  polite.timeout = Duration{500};
  const Outcome left = bench.run(polite);
  CHECK(left.end == End::timed_out);
  CHECK(left.exit_code == 7);
  CHECK(left.wall >= Duration{500});
  CHECK(bench.text(left.out) == "hi\nbye\n");
  Job stubborn = bench.shell(kStubborn);
  stubborn.timeout = Duration{200};
  stubborn.grace = Duration{100};
  const Outcome killed = bench.run(stubborn);
  CHECK(killed.end == End::timed_out);
  CHECK(killed.signal == SIGKILL);
  CHECK_FALSE(killed.out_of_memory);
  Job brisk = bench.shell(kStubborn);
  brisk.timeout = Duration{100};
  brisk.grace = Duration{0};
  CHECK(bench.run(brisk).signal == SIGKILL);
  Job stopped = bench.shell("kill -STOP $$");
  stopped.timeout = Duration{200};
  CHECK(bench.run(stopped).signal == SIGTERM);  // not only after the grace period
}

TEST_CASE("silence is timed out, slow talk is not") {
  Bench bench;
  Job job = bench.shell("for i in 1 2 3 4; do echo $i; sleep 0.4; done; exec sleep 1000");
  job.idle_timeout = Duration{1500};
  job.timeout = std::chrono::minutes{5};
  const Outcome o = bench.run(job);
  CHECK(o.end == End::idle_timed_out);
  CHECK(o.signal == SIGTERM);
  CHECK(o.wall >= Duration{1500 + 3 * 400});
  CHECK(bench.text(o.out) == "1\n2\n3\n4\n");
}

TEST_CASE("a deadline ends what runs, and what comes too late does not start") {
  Bench bench;
  Job job = bench.shell("exec sleep 1000");
  job.deadline = SystemClock().now() + Duration{300};
  job.timeout = std::chrono::minutes{5};
  CHECK(bench.run(job).end == End::deadline);
  Job late = bench.shell("touch started");
  late.deadline = SystemClock().now() - Duration{1};
  CHECK(bench.run(late).end == End::deadline);
  CHECK_FALSE(std::filesystem::exists(bench.path("started")));
}

TEST_CASE("a timeout reaches re-parented and setsid descendants") {
  Bench bench;
  Job job = bench.shell(
      "setsid sh -c 'trap \"\" TERM; echo $$ > one; while :; do sleep 1000; done' &\n"
      "(setsid sh -c 'sh -c \"echo \\$\\$ > two; exec sleep 1000\" &' &)\n"
      "sleep 1000 & echo $! > three\n"
      "wait");
  job.timeout = Duration{1000};
  job.grace = Duration{200};
  bench.start(job);
  const pid_t one = bench.pid_in("one");
  const pid_t two = bench.pid_in("two");
  const pid_t three = bench.pid_in("three");
  CHECK(bench.finish().end == End::timed_out);
  CHECK(is_dead(one));
  CHECK(is_dead(two));
  CHECK(is_dead(three));
}

TEST_CASE("what outlives its task is ended, and does not delay its end") {
  Bench bench;
  const Outcome o = bench.run(
      "setsid sh -c 'echo $$ > one; trap \"\" TERM; while :; do sleep 1000; done' &\n"
      "sleep 1000 & echo $! > two\n"
      "while [ ! -s one ]; do :; done; echo done; exit 4");
  CHECK(o.end == End::exited);
  CHECK(o.exit_code == 4);
  CHECK(o.lingered);
  CHECK(bench.text(o.out) == "done\n");
  CHECK(is_dead(bench.pid_in("one")));
  CHECK(is_dead(bench.pid_in("two")));
}

TEST_CASE("a helper that is just finishing may finish") {
  Bench bench;
  const Outcome o = bench.run("(cat; echo tail) </dev/null & exit 0");
  CHECK(o.exit_code == 0);
  CHECK(bench.text(o.out) == "tail\n");
}

TEST_CASE("what lingers can be left, and is no part of the next job") {
  Bench bench;
  Job job = bench.shell("sleep 1000 & echo $! > left; echo done");
  job.linger_leave = true;
  const Outcome o = bench.run(job);  // although the pipe is still held open
  CHECK(o.exit_code == 0);
  CHECK_FALSE(o.lingered);
  CHECK(bench.text(o.out) == "done\n");
  const pid_t left = bench.pid_in("left");
  Job next = bench.shell("exec sleep 1000");
  next.timeout = Duration{100};
  CHECK(bench.run(next).end == End::timed_out);
  CHECK_FALSE(is_dead(left));
  ::kill(left, SIGKILL);
}

TEST_CASE("leaving what lingers does not spare the tree of a stopped task") {
  Bench bench;
  Job job = bench.shell("sleep 1000 & echo $! > one; " + std::string(kStubborn));
  job.linger_leave = true;
  job.timeout = Duration{500};
  job.grace = Duration{100};
  CHECK(bench.run(job).end == End::timed_out);
  CHECK(is_dead(bench.pid_in("one")));
}

TEST_CASE("stop: politely, at once, and of what is not there") {
  Bench bench;
  const Job polite = bench.shell("trap 'echo bye; exit 3' TERM; : > ready1; sleep 1000 & wait");
  bench.start(polite);
  REQUIRE(bench.appears("ready1"));
  bench.runner().stop(polite.attempt, false);
  bench.runner().stop(polite.attempt, false);  // twice is once
  const Outcome left = bench.finish();
  CHECK(left.end == End::cancelled);
  CHECK(left.exit_code == 3);
  CHECK(bench.text(left.out) == "bye\n");

  Job stubborn = bench.shell("trap '' TERM; : > ready2; while :; do sleep 1000; done");
  stubborn.grace = std::chrono::hours{1};
  bench.start(stubborn);
  REQUIRE(bench.appears("ready2"));
  bench.runner().stop(stubborn.attempt, false);
  bench.runner().stop(stubborn.attempt, true);
  const Outcome killed = bench.finish();
  CHECK(killed.end == End::cancelled);
  CHECK(killed.signal == SIGKILL);

  bench.runner().stop(stubborn.attempt, true);
  bench.runner().stop(12345, true);
  CHECK(bench.run("exit 0").exit_code == 0);
}

TEST_CASE("a check has its own timeout, and can be cancelled") {
  Bench bench;
  Job slow = bench.shell("true");
  slow.check_argv = {"/bin/sh", "-c", "echo checking; exec sleep 1000"};
  slow.check_timeout = Duration{300};
  const Outcome o = bench.run(slow);
  CHECK(o.end == End::exited);
  CHECK(o.check_end == End::timed_out);
  CHECK(o.check_exit == 128 + SIGTERM);
  CHECK(bench.text(o.check_out) == "checking\n");
  Job checked = bench.shell("true");
  checked.check_argv = {"/bin/sh", "-c", ": > checking; exec sleep 1000"};
  bench.start(checked);
  REQUIRE(bench.appears("checking"));
  bench.runner().stop(checked.attempt, false);
  CHECK(bench.finish().end == End::cancelled);
}

}  // namespace
}  // namespace darn
