#include "engine/lock.hpp"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include <doctest/doctest.h>

#include "support/temp_dir.hpp"

namespace darn {
namespace {

TEST_CASE("a run has one engine at a time, and looking at the lock does not take it") {
  const test::TempDir dir;
  const std::string path = dir.path() / "runs" / "r" / "lock";
  CHECK_FALSE(run_is_locked(path));
  {
    const auto lock = RunLock::acquire(path, "r");
    REQUIRE(lock);
    CHECK(run_is_locked(path));
    const auto second = RunLock::acquire(path, "r");
    REQUIRE_FALSE(second);
    CHECK(second.error().exit_status() == 75);
  }
  CHECK_FALSE(run_is_locked(path));
  CHECK(RunLock::acquire(path, "r"));
}

TEST_CASE("a child between fork and exec holds its dead parent's lock for a moment") {
  const test::TempDir dir;
  const std::string path = dir.path() / "lock";
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t parent = ::fork();
  if (parent == 0) {
    const auto lock = RunLock::acquire(path, "r");
    if (::fork() == 0) {  // as in posix_spawn, which has not come to close-on-exec yet
      ::poll(nullptr, 0, 200);
      ::_exit(0);
    }
    const char byte = lock ? 'y' : 'n';
    ::_exit(::write(ready[1], &byte, 1) == 1 ? 0 : 1);
  }
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  CHECK(byte == 'y');
  ::waitpid(parent, nullptr, 0);
  CHECK(run_is_locked(path));
  CHECK(RunLock::acquire(path, "r"));
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_CASE("kill -9 frees the lock") {
  const test::TempDir dir;
  const std::string path = dir.path() / "lock";
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto lock = RunLock::acquire(path, "r");
    const char byte = lock ? 'y' : 'n';
    if (::write(ready[1], &byte, 1) == 1) {
      ::pause();
    }
    ::_exit(0);
  }
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  CHECK(byte == 'y');
  CHECK(run_is_locked(path));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  CHECK_FALSE(run_is_locked(path));
  ::close(ready[0]);
  ::close(ready[1]);
}

}  // namespace
}  // namespace darn
