// simulator [--seed N] [--schedules N] [--verbose]: runs seeded schedules, stops at the first that
// breaks an invariant, and says how to see it again. DARN_SIM_SCHEDULES, when set, says how many.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "simulator/simulation.hpp"

namespace {

constexpr std::int64_t kSchedules = 5000;

struct Options {
  std::uint64_t seed = 1;
  std::int64_t schedules = kSchedules;
  bool verbose = false;
  bool keep_going = false;
};

bool parse(int argc, char** argv, Options& options) {
  bool counted = false;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--verbose") {
      options.verbose = true;
    } else if (word == "--keep-going") {
      options.keep_going = true;
    } else if (word == "--seed" && i + 1 < argc) {
      options.seed = std::strtoull(argv[++i], nullptr, 10);
      options.schedules = counted ? options.schedules : 1;
    } else if (word == "--schedules" && i + 1 < argc) {
      options.schedules = std::atoll(argv[++i]);
      counted = true;
    } else {
      std::fprintf(stderr,
                   "usage: simulator [--seed N] [--schedules N] [--verbose] [--keep-going]\n");
      return false;
    }
  }
  const char* count = std::getenv("DARN_SIM_SCHEDULES");
  if (count != nullptr && (counted || argc == 1)) {
    options.schedules = std::atoll(count);
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, options)) {
    return 64;
  }
  const auto start = std::chrono::steady_clock::now();
  const darn::sim::Workshop workshop;
  darn::sim::Figures figures;
  std::int64_t wrong = 0;
  for (std::int64_t i = 0; i < options.schedules; ++i) {
    const std::uint64_t seed = options.seed + static_cast<std::uint64_t>(i);
    const auto violation =
        darn::sim::run_schedule(seed, workshop.path(), options.verbose, &figures);
    if (!violation) {
      continue;
    }
    ++wrong;
    std::fprintf(stderr,
                 "seed %llu: invariant broken: %s: %s\n  replay: %s --seed %llu --verbose\n",
                 static_cast<unsigned long long>(seed), violation->invariant.c_str(),
                 violation->what.c_str(), argv[0], static_cast<unsigned long long>(seed));
    if (!options.keep_going) {
      break;
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  std::printf("[count] %lld simulated schedules\n", static_cast<long long>(figures.schedules));
  std::int64_t crashes = 0;
  for (const auto& [what, times] : figures.struck) {
    std::printf("  %lld %s\n", static_cast<long long>(times), what.c_str());
    crashes += times;
  }
  std::printf("[count] %lld simulated crashes and faults\n", static_cast<long long>(crashes));
  std::printf("  at %zu different places, %lld engines, %lld steps, %lld processes, %.1f s\n",
              figures.places.size(), static_cast<long long>(figures.engines),
              static_cast<long long>(figures.steps), static_cast<long long>(figures.processes),
              took.count());
  return wrong == 0 ? 0 : 1;
}
