#include "dev/run.hpp"

#include <stdlib.h>

#include <doctest/doctest.h>

#include "support/temp_dir.hpp"

namespace darn::dev {
namespace {

using namespace std::chrono_literals;

TEST_CASE("what exec is asked to do") {
  DevEntry entry;
  entry.name = "lint";
  entry.run = "ruff check .\n";
  Plan plan{{&entry}, {"-x", "a b"}, "/project", false};
  exec::Options o = options_of(entry, plan, false);
  CHECK(o.shell == "ruff check . \"$@\"");
  CHECK(o.shell_args == std::vector<std::string>{"-x", "a b"});
  CHECK(o.cwd == "/project");
  CHECK(o.name == "dev:lint");
  CHECK(o.retry_on.size() == 4);
  CHECK_FALSE(o.retries);
  CHECK(o.capture == exec::Capture::always);
  CHECK(options_of(entry, plan, true).capture == exec::Capture::automatic);

  entry.run = "cd sub && pytest \"$@\" && echo done";
  CHECK(options_of(entry, plan, false).shell == entry.run);
  plan.args.clear();
  CHECK(options_of(entry, plan, false).shell == entry.run);

  entry.retries = 2;
  entry.retry_on = {{Category::unknown, {}, {}}};
  o = options_of(entry, plan, true);
  CHECK(o.capture == exec::Capture::always);
  CHECK(o.retry_on.size() == 1);
  CHECK(o.retries == 2);
}

TEST_CASE("commands in turn, until one fails") {
  const test::TempDir dir;
  ::setenv("XDG_STATE_HOME", dir.path().c_str(), 1);
  DevEntries entries(4);
  const char* const kRun[] = {"true", "exit 3", "exit 4", "true"};
  for (std::size_t i = 0; i < 4; ++i) {
    entries[i].name = std::string(1, static_cast<char>('a' + i));
    entries[i].run = kRun[i];
  }
  std::string said;
  const Before before = [&](const DevEntry& entry, std::size_t step, bool fallback) {
    said += entry.name + std::to_string(step) + (fallback ? "f " : " ");
  };
  Plan plan{{&entries[0], &entries[1], &entries[3]}, {}, dir.path().string(), false};
  auto account = run(plan, entries, before);
  REQUIRE(account);
  CHECK(said == "a0 b1 ");
  CHECK(account->steps[0].succeeded());
  CHECK(account->first_failure() == &account->steps[1]);
  CHECK(account->steps[1].uses.front().report.status == 3);
  CHECK(account->steps[1].uses.front().report.attempts == 1);
  CHECK(account->steps[2].uses.empty());

  said.clear();
  plan.keep_going = true;
  account = run(plan, entries, before);
  REQUIRE(account);
  CHECK(said == "a0 b1 d2 ");
  CHECK(account->first_failure() == &account->steps[1]);

  said.clear();
  plan.keep_going = false;
  entries[1].fallback = "c";
  entries[2].fallback = "d";
  account = run(plan, entries, before);
  REQUIRE(account);
  CHECK(said == "a0 b1 c1f d1f d2 ");
  CHECK(account->first_failure() == nullptr);
  CHECK(account->steps[1].uses.size() == 3);
}

}  // namespace
}  // namespace darn::dev
