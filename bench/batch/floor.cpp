// The floor under every runner: posix_spawn /bin/true N times, at most J at a time, reap, repeat.
// Usage: process_floor [N=10000] [J=2]. Prints seconds.
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
  const int total = argc > 1 ? std::atoi(argv[1]) : 10'000;
  const int jobs = argc > 2 ? std::atoi(argv[2]) : 2;
  char name[] = "/bin/true";
  char* words[] = {name, nullptr};
  const auto begin = std::chrono::steady_clock::now();
  int started = 0;
  int running = 0;
  while (started < total || running > 0) {
    while (started < total && running < jobs) {
      pid_t pid = -1;
      if (::posix_spawn(&pid, name, nullptr, nullptr, words, environ) != 0) {
        std::perror("posix_spawn");
        return 1;
      }
      ++started;
      ++running;
    }
    if (::waitpid(-1, nullptr, 0) > 0) {
      --running;
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::printf("%.3f\n", took.count());
  return 0;
}
