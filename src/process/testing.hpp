// For the tests of this module: a runner in a temporary directory that is removed, and the proof,
// after each test, that no process is left. The test program is a subreaper, so that whatever a
// killed engine or shim leaves behind becomes a child of it, and "no children" means "no leaks".
#pragma once

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "process/output.hpp"
#include "process/proc.hpp"
#include "process/ring.hpp"
#include "process/shim_runner.hpp"

namespace darn::test {

// Polls a condition; false after a minute, which no healthy machine needs.
inline bool eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 12'000; ++i) {
    if (condition()) {
      return true;
    }
    ::poll(nullptr, 0, 5);
  }
  return false;
}

inline std::string slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Zombies are dead too: their parent is just not done with them.
inline bool is_dead(pid_t pid) {
  const std::vector<Process> all = all_processes();
  for (const Process& p : all) {
    if (p.pid == pid) {
      return p.state == 'Z';
    }
  }
  return true;
}

class Bench {
 public:
  explicit Bench(const std::string& folder = "state") {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    root_ = (std::filesystem::temp_directory_path() / "darn-process-XXXXXX").string();
    REQUIRE(::mkdtemp(root_.data()) != nullptr);
    dir_ = root_ + '/' + folder;
    std::filesystem::create_directories(dir_);
    reopen();
  }
  ~Bench() {
    runner_.reset();
    CHECK_MESSAGE(eventually([] { return ::waitpid(-1, nullptr, WNOHANG) < 0; }),
                  "processes are left: ", children());
    std::filesystem::remove_all(root_);
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  void reopen() {
    runner_.reset();
    auto made = make_shim_runner(dir_, DARN_TEST_SHIM);
    REQUIRE_MESSAGE(made.has_value(), (made ? "" : made.error().text()));
    runner_ = std::move(*made);
  }
  void close() { runner_.reset(); }

  ProcessRunner& runner() { return *runner_; }
  const std::string& dir() const { return dir_; }
  std::string path(const std::string& name) const { return root_ + '/' + name; }
  void touch(const std::string& name) const { std::ofstream(path(name)).put('\n'); }
  bool appears(const std::string& name) const {
    return eventually([&] { return std::filesystem::exists(path(name)); });
  }
  pid_t pid_in(const std::string& name) const {
    REQUIRE(eventually([&] { return slurp(path(name)).find('\n') != std::string::npos; }));
    return static_cast<pid_t>(std::stol(slurp(path(name))));
  }

  Job job(std::vector<std::string> argv) {
    Job job;
    job.attempt = ++attempts_;
    job.attempt_name = root_ + "/task/" + std::to_string(job.attempt);
    job.argv = std::move(argv);
    job.cwd = root_;
    job.grace = Duration{5000};
    return job;
  }
  Job shell(const std::string& script) { return job({"/bin/sh", "-c", script}); }

  int start(const Job& job) {
    const auto slot = runner_->acquire_slot();
    REQUIRE_MESSAGE(slot.has_value(), (slot ? "" : slot.error().text()));
    const auto started = runner_->start(*slot, job);
    REQUIRE_MESSAGE(started.has_value(), (started ? "" : started.error().text()));
    return *slot;
  }
  // Of exactly one job, which is then released.
  Outcome finish() {
    std::vector<Ended> ends;
    REQUIRE(eventually([&] {
      auto some = runner_->wait(std::chrono::seconds{5});
      REQUIRE(some);
      ends.insert(ends.end(), some->begin(), some->end());
      return !ends.empty();
    }));
    REQUIRE(ends.size() == 1);
    runner_->release({ends[0].attempt});
    return ends[0].outcome;
  }
  Outcome run(const Job& job) {
    start(job);
    return finish();
  }
  Outcome run(const std::string& script) { return run(shell(script)); }

  std::string text(const OutputRef& ref) const {
    std::string all;
    const auto read = read_output(dir_, ref, [&](std::string_view part) { all += part; });
    CHECK_MESSAGE(read.has_value(), (read ? "" : read.error().text()));
    return all;
  }

  pid_t shim_of(int slot) const {
    Fd lock;
    const auto ring = Ring::open(dir_, slot, lock);
    REQUIRE(ring);
    return ring->header().shim_pid;
  }

 private:
  static std::string children() {
    std::ostringstream out;
    for (const Process& p : descendants(all_processes(), {::getpid()})) {
      out << p.pid << ' ' << slurp("/proc/" + std::to_string(p.pid) + "/cmdline") << '\n';
      ::kill(p.pid, SIGKILL);
    }
    return out.str();
  }

  std::string root_;
  std::string dir_;
  AttemptKey attempts_ = 0;
  std::unique_ptr<ProcessRunner> runner_;
};

}  // namespace darn::test
