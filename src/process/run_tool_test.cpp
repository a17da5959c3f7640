#include "process/run_tool.hpp"

#include <signal.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "process/fd.hpp"

namespace darn {
namespace {

Result<ToolResult> shell(const std::string& script, const ToolOptions& options = {}) {
  return run_tool({"/bin/sh", "-c", script}, options);
}

TEST_CASE("captures both streams and the exit status") {
  const auto result = shell("echo out; echo err >&2; exit 7");
  REQUIRE(result);
  CHECK(result->exit_code == 7);
  CHECK(result->out == "out\n");
  CHECK(result->err == "err\n");
  CHECK_FALSE(result->timed_out);
}

TEST_CASE("a signal is 128 + its number") {
  const auto result = shell("kill -9 $$");
  REQUIRE(result);
  CHECK(result->exit_code == 128 + SIGKILL);
}

TEST_CASE("input of any size, also when nobody reads it") {
  const std::string big(3U << 20U, 'x');
  const auto counted = run_tool({"wc", "-c"}, {.input = big});
  REQUIRE(counted);
  CHECK(counted->out == std::to_string(big.size()) + "\n");
  const auto unread = run_tool({"true"}, {.input = big});
  REQUIRE(unread);
  CHECK(unread->exit_code == 0);
}

TEST_CASE("directory and environment") {
  const auto result = shell("pwd; echo $DARN_TOOL_TEST; echo $HOME",
                            {.cwd = "/", .env = {{"DARN_TOOL_TEST", "a b"}, {"HOME", "/x"}}});
  REQUIRE(result);
  CHECK(result->out == "/\na b\n/x\n");
}

TEST_CASE("output beyond 16 MiB is dropped, not fatal") {
  const auto result = shell("head -c 20000000 /dev/zero");
  REQUIRE(result);
  CHECK(result->exit_code == 0);
  CHECK(result->out.size() == 16U << 20U);
}

TEST_CASE("a timeout ends the whole group, TERM ignored or not") {
  const auto result =
      shell("trap '' TERM; echo begun; sleep 100 & wait; sleep 100", {.timeout = Duration{200}});
  REQUIRE(result);
  CHECK(result->timed_out);
  CHECK(result->exit_code == 128 + SIGKILL);
  CHECK(result->out == "begun\n");
}

TEST_CASE("a grandchild that holds the pipe does not hold us") {
  const auto result = shell("sleep 100 & echo $!");
  REQUIRE(result);
  CHECK(result->exit_code == 0);
  CHECK_FALSE(result->timed_out);
  ::kill(static_cast<pid_t>(std::stol(result->out)), SIGKILL);
}

TEST_CASE("what cannot be started says why") {
  const auto missing = run_tool({"no-such-program-here"});
  REQUIRE_FALSE(missing);
  CHECK(missing.error().kind == ErrorKind::unavailable);
  CHECK(missing.error().message == "cannot start no-such-program-here: No such file or directory");
  const auto nowhere = run_tool({"true"}, {.cwd = "/no/such/dir"});
  REQUIRE_FALSE(nowhere);
  CHECK(nowhere.error().message == "cannot change to /no/such/dir: No such file or directory");
}

}  // namespace
}  // namespace darn
