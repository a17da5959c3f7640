#include "process/proc.hpp"

#include <unistd.h>

#include <algorithm>

#include <doctest/doctest.h>

namespace darn {
namespace {

bool has(const std::vector<Process>& all, pid_t pid) {
  return std::any_of(all.begin(), all.end(), [&](const Process& p) { return p.pid == pid; });
}

TEST_CASE("the process table has us in it, as the descendant of our parent") {
  const std::vector<Process> all = all_processes();
  CHECK(has(all, ::getpid()));
  CHECK(has(descendants(all, {::getppid()}), ::getpid()));
  CHECK_FALSE(has(descendants(all, {::getpid()}), ::getpid()));
  CHECK(start_ticks(::getpid()) > 0);
  CHECK(start_ticks(-1) == 0);
  CHECK(boot_id().size() == 36);
  CHECK_FALSE(host_name().empty());
}

TEST_CASE("descendants are transitive, in whatever order the table comes; zombies do not count") {
  const std::vector<Process> all = {{5, 4, 5, 'S', 1}, {4, 3, 4, 'S', 1}, {3, 1, 3, 'S', 1},
                                    {6, 3, 6, 'Z', 1}, {7, 6, 7, 'R', 1}, {9, 1, 9, 'S', 1}};
  const std::vector<Process> found = descendants(all, {3});
  CHECK(found.size() == 3);
  CHECK(has(found, 4));
  CHECK(has(found, 5));
  CHECK(has(found, 7));
}

TEST_CASE("nobody carries a mark that was never given") {
  CHECK(end_survivors({}, Duration{0}));
  CHECK(end_survivors({mark_of("no/such/attempt", 1, 1)}, Duration{0}));
}

}  // namespace
}  // namespace darn
