// The same work as floor.cpp through the real ProcessRunner: N times /bin/true in J slots, with
// exit records, captured output and limits. Usage: process_bench [N=10000] [J=2]. Prints seconds.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

#include "process/shim_runner.hpp"

namespace {

int run(darn::ProcessRunner& runner, int total, int jobs) {
  darn::Job job;
  job.argv = {"/bin/true"};
  job.cwd = "/";
  int started = 0;
  int running = 0;
  while (started < total || running > 0) {
    while (started < total && running < jobs) {
      const auto slot = runner.acquire_slot();
      job.attempt = ++started;
      job.attempt_name = "bench/task/" + std::to_string(started);
      if (!slot || !runner.start(*slot, job)) {
        return 1;
      }
      ++running;
    }
    const auto ends = runner.wait(std::chrono::seconds{10});
    if (!ends) {
      return 1;
    }
    for (const darn::Ended& end : *ends) {
      if (end.outcome.exit_code != 0) {
        return 1;
      }
      runner.release({end.attempt});
      --running;
    }
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], darn::kShimArgument) == 0) {
    return darn::shim_main(argc, argv);
  }
  const int total = argc > 1 ? std::atoi(argv[1]) : 10'000;
  const int jobs = argc > 2 ? std::atoi(argv[2]) : 2;
  std::string dir = (std::filesystem::temp_directory_path() / "darn-bench-XXXXXX").string();
  if (::mkdtemp(dir.data()) == nullptr) {
    return 1;
  }
  auto runner = darn::make_shim_runner(dir);
  const auto begin = std::chrono::steady_clock::now();
  const int status = runner ? run(**runner, total, jobs) : 1;
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  runner->reset();
  std::filesystem::remove_all(dir);
  std::printf("%.3f\n", took.count());
  return status;
}
