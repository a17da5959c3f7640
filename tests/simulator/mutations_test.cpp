// The simulator can fail: each part that is broken on purpose is caught, by the invariant that it
// breaks; and the sound ones pass the same schedules.
#include "simulator/mutations.hpp"

#include <cstdio>
#include <map>

#include <doctest/doctest.h>

namespace darn::sim {
namespace {

constexpr std::uint64_t kAtMost = 400;

TEST_CASE("every part that is broken on purpose is caught by the invariant that it breaks") {
  const Workshop workshop;
  std::int64_t caught = 0;
  for (const Mutation& mutation : mutations()) {
    CAPTURE(mutation.name);
    // The first that is seen may be another: what is broken breaks more than one thing.
    std::map<std::string, std::uint64_t> seen;
    for (std::uint64_t seed = 1; seed <= kAtMost && !seen.contains(mutation.caught_by); ++seed) {
      if (const auto violation = run_schedule(seed, workshop.path(), false, nullptr, &mutation)) {
        seen.emplace(violation->invariant, seed);
      }
    }
    std::string others;
    for (const auto& [which, seed] : seen) {
      others += which == mutation.caught_by ? "" : "; also " + which;
    }
    CAPTURE(others);
    CHECK(seen.contains(mutation.caught_by));
    if (seen.contains(mutation.caught_by)) {
      ++caught;
      std::printf("%s: caught by '%s' with seed %llu%s\n", mutation.name.c_str(),
                  mutation.caught_by.c_str(),
                  static_cast<unsigned long long>(seen[mutation.caught_by]), others.c_str());
    }
  }
  std::printf("[count] %lld mutations caught by the simulator\n", static_cast<long long>(caught));
}

TEST_CASE("the same seed is the same schedule") {
  const Workshop workshop;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Figures first;
    Figures second;
    CHECK_FALSE(run_schedule(seed, workshop.path(), false, &first));
    CHECK_FALSE(run_schedule(seed, workshop.path(), false, &second));
    CHECK(first.steps == second.steps);
    CHECK(first.processes == second.processes);
    CHECK(first.places == second.places);
  }
}

}  // namespace
}  // namespace darn::sim
