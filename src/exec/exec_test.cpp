#include "exec/exec.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>

#include "support/temp_dir.hpp"

namespace darn::exec {
namespace {

using namespace std::chrono_literals;

// As another command of darn's calls it. The command's output is the test's own.
struct UseFixture {
  test::TempDir dir;
  Options options;

  UseFixture() {
    options.cwd = dir.path().string();
    options.ledger = (dir.path() / "state" / "exec.db").string();
    options.backoff = {1ms};
    options.quiet = true;
  }
  Report run(const std::string& shell) {
    options.shell = shell;
    const auto report = exec::run(options);
    REQUIRE_MESSAGE(report, report.error().text());
    return *report;
  }
};

TEST_CASE_FIXTURE(UseFixture, "the report") {
  const Report ok = run("true");
  CHECK(ok.ending == Ending::ok);
  CHECK(ok.attempts == 1);
  CHECK(ok.name == "sh");

  const Report healed = run("echo x >> n; [ $(wc -l < n) -ge 3 ] || exit 75");
  CHECK(healed.ending == Ending::healed);
  CHECK(healed.healed);
  CHECK(healed.status == 0);
  CHECK(healed.attempts == 3);
  CHECK(healed.category == Category::transient);
  CHECK(healed.history.size() == 3);

  options.retries = 0;
  const Report failed = run("exit 9");
  CHECK(failed.ending == Ending::failed);
  CHECK(failed.status == 9);
  const Report killed = run("kill -KILL $$");
  CHECK(killed.signal == SIGKILL);

  options.fallback = "exit 0";
  const Report other = run("exit 9");
  CHECK(other.ending == Ending::fallback);
  CHECK(other.used_fallback);
  CHECK(other.status == 0);
  CHECK(other.attempts == 1);
}

TEST_CASE_FIXTURE(UseFixture, "limits") {
  options.retries = 0;
  options.timeout = 50ms;
  const Report slow = run("sleep 60");
  CHECK(slow.status == 124);
  CHECK(slow.signal == 0);
  CHECK(slow.category == Category::timeout);
  options.timeout.reset();
  options.deadline = 50ms;
  options.retries.reset();
  CHECK(run("sleep 60").attempts == 1);
}

TEST_CASE_FIXTURE(UseFixture, "signals are as they were, and those that came meanwhile are gone") {
  sigset_t before;
  sigset_t after;
  ::sigprocmask(SIG_SETMASK, nullptr, &before);
  options.retries = 0;
  const Report told = run("trap '' USR1; kill -USR1 $PPID; kill -TERM $PPID; exec sleep 60");
  CHECK(told.ending == Ending::interrupted);
  ::sigprocmask(SIG_SETMASK, nullptr, &after);
  for (int signal = 1; signal < 32; ++signal) {
    CHECK(sigismember(&before, signal) == sigismember(&after, signal));
  }
}

TEST_CASE_FIXTURE(UseFixture, "a rejected use") {
  options.breaker = "b";
  options.breaker_after = 1;
  options.retries = 0;
  CHECK_FALSE(run("exit 75").rejected);
  const Report rejected = run("touch started");
  CHECK(rejected.rejected);
  CHECK(rejected.status == 75);
  CHECK(rejected.attempts == 0);
  CHECK_FALSE(std::filesystem::exists(dir.path() / "started"));
}

TEST_CASE_FIXTURE(UseFixture, "what is wrong is said before anything starts") {
  CHECK_FALSE(exec::run(options));
  options.argv = {"true"};
  options.shell = "true";
  CHECK_FALSE(exec::run(options));
  options.shell.clear();
  options.breaker = "a\nb";
  const auto refused = exec::run(options);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ErrorKind::usage);
}

TEST_CASE_FIXTURE(UseFixture, "a directory that is not there") {
  options.cwd = "/nonexistent";
  const Report report = run("true");
  CHECK(report.status == 127);
  CHECK(report.attempts == 1);
}

}  // namespace
}  // namespace darn::exec
