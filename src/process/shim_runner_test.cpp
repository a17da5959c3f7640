// What a job gets, and what is recorded of its end. Real processes.
#include "process/shim_runner.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <map>

#include "process/testing.hpp"

namespace darn {
namespace {

using test::Bench;

TEST_CASE("exit statuses, signals and times") {
  Bench bench;
  for (const int code : {0, 1, 42, 255}) {
    const Outcome o = bench.run("exit " + std::to_string(code));
    CHECK(o.end == End::exited);
    CHECK(o.exit_code == code);
    CHECK(o.signal == 0);
    CHECK(o.started.time_since_epoch().count() > 0);
    CHECK(o.ended >= o.started);
    CHECK(o.max_rss_kib > 0);
    CHECK_FALSE(o.lingered);
    CHECK_FALSE(o.check_ran);
  }
  const Outcome killed = bench.run("kill -9 $$");
  CHECK(killed.end == End::signalled);
  CHECK(killed.signal == SIGKILL);
  CHECK(killed.exit_code == -1);
  CHECK_FALSE(killed.out_of_memory);
  const Outcome busy = bench.run("i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done");
  CHECK((busy.user + busy.system).count() > 0);
  CHECK(busy.wall.count() > 0);
}

TEST_CASE("the core flag is what the kernel says") {
  Bench bench;
  const std::string script = "ulimit -c unlimited; kill -ABRT $$";
  const Outcome o = bench.run(script);
  const int status =
      std::system(("cd " + bench.path("") + " && exec sh -c '" + script + "'").c_str());
  CHECK(o.signal == SIGABRT);
  CHECK(o.core_dumped == (WIFSIGNALED(status) && WCOREDUMP(status)));
}

TEST_CASE("what cannot be started says at which step") {
  Bench bench;
  const auto check = [&](const Job& job, int error, const std::string& note) {
    const Outcome o = bench.run(job);
    CHECK(o.end == End::not_started);
    CHECK(o.start_errno == error);
    CHECK(bench.text(o.out) == note);
  };
  check(bench.job({"no-such-program"}), ENOENT,
        "darn: cannot start no-such-program: No such file or directory\n");
  check(bench.job({""}), ENOENT, "darn: cannot start : No such file or directory\n");
  check(bench.job({"/etc/passwd"}), EACCES, "darn: cannot start /etc/passwd: Permission denied\n");
  Job nowhere = bench.job({"true"});
  nowhere.cwd = "/no/such/dir";
  check(nowhere, ENOENT,
        "darn: cannot change to directory /no/such/dir: No such file or directory\n");
  Job unfed = bench.job({"true"});
  unfed.stdin_file = "/no/such/file";
  check(unfed, ENOENT,
        "darn: cannot read standard input from /no/such/file: No such file or directory\n");
  Job large = bench.job({"true", std::string(3U << 20U, 'x')});
  check(large, E2BIG, "darn: cannot start true: Argument list too long\n");
  CHECK(bench.run("exit 3").exit_code == 3);  // the slot is none the worse
}

TEST_CASE("a NUL in a job is refused, and so is an empty command") {
  Bench bench;
  const auto slot = bench.runner().acquire_slot();
  REQUIRE(slot);
  const auto nul = bench.runner().start(*slot, bench.job({"echo", std::string("a\0b", 3)}));
  REQUIRE_FALSE(nul);
  CHECK(nul.error().kind == ErrorKind::bad_input);
  CHECK_FALSE(bench.runner().start(*slot, bench.job({})));
  REQUIRE(bench.runner().start(*slot, bench.job({"true"})));  // the slot is still good
  CHECK(bench.finish().exit_code == 0);
}

TEST_CASE("a job that is refused lets go of its slot") {
  Bench bench;
  const auto slot = bench.runner().acquire_slot();
  REQUIRE(slot);
  REQUIRE_FALSE(bench.runner().start(*slot, bench.job({"echo", std::string("a\0b", 3)})));
  const auto again = bench.runner().acquire_slot();
  REQUIRE(again);
  CHECK(*again == *slot);
  REQUIRE(bench.runner().start(*again, bench.job({"true"})));
  CHECK(bench.finish().exit_code == 0);
}

TEST_CASE("programs are found along the job's own PATH") {
  Bench bench;
  std::filesystem::create_directory(bench.path("bin"));
  std::ofstream(bench.path("bin/tool")) << "#!/bin/sh\necho found $1\n";
  std::ofstream(bench.path("bin/plain")) << "echo no interpreter line, $1\n";
  for (const char* name : {"bin/tool", "bin/plain"}) {
    std::filesystem::permissions(bench.path(name), std::filesystem::perms::owner_all);
  }
  for (const std::string& path : {"/nowhere:" + bench.path("bin"), std::string("/nowhere:bin")}) {
    Job job = bench.job({"tool", "it"});
    job.env = {{EnvVar::Kind::set, "PATH", path}};
    CHECK(bench.text(bench.run(job).out) == "found it\n");
    job = bench.job({"plain", "really"});
    job.env = {{EnvVar::Kind::set, "PATH", path}};
    CHECK(bench.text(bench.run(job).out) == "no interpreter line, really\n");
  }
}

TEST_CASE("environment: darn's own with changes; secrets are copied by name") {
  ::setenv("DARN_TEST_KEEP", "kept", 1);
  ::setenv("DARN_TEST_DROP", "dropped", 1);
  ::setenv("DARN_TEST_SECRET", "s3cret", 1);
  Bench bench;
  Job job = bench.shell(
      "echo $DARN_TEST_KEEP,$DARN_TEST_DROP,$KEY,$MISSING,$TWICE,$EMPTY.; echo $DARN_ATTEMPT; "
      "env | grep -c ^TWICE=");
  job.env = {{EnvVar::Kind::unset, "DARN_TEST_DROP", ""},
             {EnvVar::Kind::copy_from, "KEY", "DARN_TEST_SECRET"},
             {EnvVar::Kind::copy_from, "MISSING", "DARN_TEST_NO_SUCH"},
             {EnvVar::Kind::set, "TWICE", "a"},
             {EnvVar::Kind::set, "TWICE", "b=c d"},
             {EnvVar::Kind::set, "EMPTY", ""},
             {EnvVar::Kind::set, "DARN_ATTEMPT", "forged"}};
  CHECK(bench.text(bench.run(job).out) == "kept,,s3cret,,b=c d,.\n" + job.attempt_name + "\n1\n");
}

TEST_CASE("a job larger than a packet arrives whole") {
  Bench bench;
  Job job = bench.job({"/bin/sh", "-c", "printf %s \"$1\" | wc -c; printf %s \"$BIG\" | wc -c",
                       "sh", std::string(100'000, 'x')});
  job.env = {{EnvVar::Kind::set, "BIG", std::string(90'000, 'y')}};
  CHECK(bench.text(bench.run(job).out) == "100000\n90000\n");
}

TEST_CASE("directory and standard input") {
  Bench bench;
  std::filesystem::create_directory(bench.path("work"));
  std::ofstream(bench.path("in")) << "from a file";
  Job job = bench.shell("pwd; cat");
  job.cwd = bench.path("work");
  job.stdin_file = bench.path("in");
  CHECK(bench.text(bench.run(job).out) ==
        std::filesystem::canonical(bench.path("work")).string() + "\nfrom a file");
  CHECK(bench.text(bench.run("cat; echo end").out) == "end\n");  // /dev/null
}

TEST_CASE("a task starts with clean signals, its own group and no descriptors of ours") {
  const Fd ours(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const Fd inherited(::open("/dev/null", O_RDONLY));  // somebody forgot O_CLOEXEC
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t blocked;
  sigset_t before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &blocked, &before);
  {
    Bench bench;
    const std::string signals =
        bench.text(bench.run("exec grep -E 'Sig(Blk|Ign)' /proc/self/status").out);
    std::uint64_t masked = 1;
    std::uint64_t ignored = 1;
    REQUIRE(std::sscanf(signals.c_str(), "SigBlk: %lx SigIgn: %lx", &masked, &ignored) == 2);
    CHECK(masked == 0);
    CHECK((ignored & ~(3ULL << 31U)) == 0);  // 32 and 33 are the C library's own
    const Outcome open = bench.run(bench.job({"/bin/ls", "/proc/self/fd"}));
    CHECK(bench.text(open.out) == "0\n1\n2\n3\n");  // 3: the listing itself
    const Outcome group = bench.run("cut -d' ' -f5 /proc/$$/stat; echo $$");
    const std::string text = bench.text(group.out);
    CHECK(text.substr(0, text.size() / 2) == text.substr(text.size() / 2));
  }
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
}

TEST_CASE("streams merged or apart, also through /dev/stdout opened again") {
  Bench bench;
  const Outcome merged = bench.run("echo a; echo b >&2; echo c > /dev/stdout; echo d");
  CHECK(bench.text(merged.out) == "a\nb\nc\nd\n");
  CHECK(merged.err.file.empty());
  Job job = bench.shell("echo out; echo err >&2; echo err2 > /dev/stderr");
  job.separate_stderr = true;
  const Outcome apart = bench.run(job);
  CHECK(bench.text(apart.out) == "out\n");
  CHECK(bench.text(apart.err) == "err\nerr2\n");
  CHECK(bench.run("exit 0").out.size() == 0);
}

TEST_CASE("output beyond the limit keeps its head and its tail to the byte") {
  Bench bench;
  const std::string whole = bench.text(bench.run("seq 1 400000").out);
  REQUIRE(whole.size() > 2U << 20U);
  for (const std::uint64_t limit : {0ULL, 1ULL, 4097ULL, 1ULL << 20U, 1ULL << 30U}) {
    CAPTURE(limit);
    Job job = bench.shell("seq 1 400000; seq 1 400000 >&2");
    job.separate_stderr = true;
    job.output_limit = limit;
    const Outcome o = bench.run(job);
    for (const OutputRef& ref : {o.out, o.err}) {
      CHECK(ref.size() == whole.size());
      const std::uint64_t head = limit / 2;
      const std::string expected =
          limit >= whole.size()
              ? whole
              : whole.substr(0, head) + "\n[darn: " + std::to_string(whole.size() - limit) +
                    " bytes dropped]\n" + whole.substr(whole.size() - (limit - head));
      CHECK(bench.text(ref) == expected);
    }
  }
}

TEST_CASE("the check runs after success, in the same place, and is recorded apart") {
  Bench bench;
  const auto with_check = [&](const std::string& script, std::vector<std::string> check) {
    Job job = bench.shell(script);
    job.check_argv = std::move(check);
    job.env = {{EnvVar::Kind::set, "SHARED", "yes"}};
    return bench.run(job);
  };
  const auto sh = [](const std::string& script) {
    return std::vector<std::string>{"/bin/sh", "-c", script};
  };
  const Outcome passed =
      with_check("echo made > made; echo task", sh("cat made; echo $SHARED $DARN_ATTEMPT >&2"));
  CHECK(passed.check_ran);
  CHECK(passed.check_end == End::exited);
  CHECK(passed.check_exit == 0);
  CHECK(bench.text(passed.out) == "task\n");
  CHECK(bench.text(passed.check_out).rfind("made\nyes ", 0) == 0);
  const Outcome failed = with_check("true", sh("echo why; exit 9"));
  CHECK(failed.exit_code == 0);
  CHECK(failed.check_exit == 9);
  CHECK(bench.text(failed.check_out) == "why\n");
  const Outcome skipped = with_check("exit 1", sh("exit 0"));
  CHECK(skipped.exit_code == 1);
  CHECK_FALSE(skipped.check_ran);
  const Outcome signalled = with_check("true", sh("kill -TERM $$"));
  CHECK(signalled.end == End::exited);
  CHECK(signalled.check_end == End::signalled);
  CHECK(signalled.check_exit == 128 + SIGTERM);
  const Outcome missing = with_check("true", {"no-such-check"});
  CHECK(missing.check_end == End::not_started);
  CHECK(missing.check_exit == 127);
  CHECK(bench.text(missing.check_out) ==
        "darn: cannot start no-such-check: No such file or directory\n");
}

TEST_CASE("many jobs on several slots each end once, as themselves; records are used again") {
  Bench bench;
  constexpr int kJobs = 2500;
  std::map<AttemptKey, int> expected;
  int next = 0;
  int running = 0;
  while (next < kJobs || running > 0) {
    while (next < kJobs && running < 3) {
      const Job job =
          bench.shell("echo " + std::to_string(next) + "; exit " + std::to_string(next % 100));
      bench.start(job);
      expected[job.attempt] = next++;
      ++running;
    }
    const auto ends = bench.runner().wait(std::chrono::seconds{10});
    REQUIRE(ends);
    for (const Ended& end : *ends) {
      REQUIRE(expected.count(end.attempt) == 1);
      const int number = expected[end.attempt];
      REQUIRE(end.outcome.exit_code == number % 100);
      REQUIRE(bench.text(end.outcome.out) == std::to_string(number) + "\n");
      expected.erase(end.attempt);
      bench.runner().release({end.attempt});
      --running;
    }
  }
  CHECK(expected.empty());
  CHECK(std::filesystem::exists(bench.dir() + "/slot-2.ring"));
  CHECK_FALSE(std::filesystem::exists(bench.dir() + "/slot-3.ring"));
}

TEST_CASE("a state directory longer than any socket path") {
  std::string deep;
  for (int i = 0; i < 8; ++i) {
    deep += std::string(100, static_cast<char>('a' + i)) + '/';
  }
  Bench bench(deep);
  CHECK(bench.text(bench.run("echo here").out) == "here\n");
}

volatile std::sig_atomic_t g_seen = 0;

TEST_CASE("wait lets a signal in that is blocked everywhere else") {
  Bench bench;
  struct sigaction action {};
  action.sa_handler = [](int) { g_seen = 1; };
  ::sigaction(SIGUSR1, &action, nullptr);
  sigset_t blocked;
  sigset_t before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGUSR1);
  ::sigprocmask(SIG_BLOCK, &blocked, &before);
  ::raise(SIGUSR1);
  CHECK(g_seen == 0);
  const auto ends = bench.runner().wait(std::chrono::minutes{10});
  REQUIRE(ends);
  CHECK(ends->empty());
  CHECK(g_seen == 1);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  ::signal(SIGUSR1, SIG_DFL);
}

TEST_CASE("what cannot be a state directory or a shim is said at once") {
  const auto nowhere = make_shim_runner("/no/such/place/at/all");
  REQUIRE_FALSE(nowhere);
  CHECK(nowhere.error().kind == ErrorKind::io);
  Bench bench;
  auto runner = make_shim_runner(bench.path("other"), "/no/such/executable");
  REQUIRE(runner);
  const auto slot = (*runner)->acquire_slot();
  REQUIRE_FALSE(slot);
  CHECK(slot.error().kind == ErrorKind::unavailable);
}

}  // namespace
}  // namespace darn
