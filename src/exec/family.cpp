#include "exec/family.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <unordered_set>

#include "process/proc.hpp"

namespace darn::exec {
namespace {

std::vector<pid_t> own_children() {
  std::vector<pid_t> pids;
  std::ifstream file("/proc/self/task/" + std::to_string(::getpid()) + "/children");
  for (pid_t pid = 0; file >> pid;) {
    pids.push_back(pid);
  }
  return pids;
}

}  // namespace

Family::Family() {
  ::prctl(PR_GET_CHILD_SUBREAPER, &adopts_before_);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  for (const pid_t pid : own_children()) {
    earlier_.emplace_back(pid, start_ticks(pid));
  }
}

Family::~Family() { ::prctl(PR_SET_CHILD_SUBREAPER, adopts_before_); }

bool Family::is_earlier(pid_t pid) const {
  return std::any_of(earlier_.begin(), earlier_.end(),
                     [&](const auto& one) { return one.first == pid; });
}

std::vector<pid_t> Family::members() const {
  const std::vector<Process> all = all_processes();
  std::vector<pid_t> roots;
  for (const auto& [pid, start] : earlier_) {
    if (start_ticks(pid) == start) {  // else another one has its number now
      roots.push_back(pid);
    }
  }
  std::unordered_set<pid_t> others(roots.begin(), roots.end());
  for (const Process& p : descendants(all, roots)) {
    others.insert(p.pid);
  }
  std::vector<pid_t> found;
  for (const Process& p : descendants(all, {::getpid()})) {
    if (!others.contains(p.pid)) {
      found.push_back(p.pid);
    }
  }
  return found;
}

bool Family::signal_all(int signal) const {
  const std::vector<pid_t> all = members();
  for (const pid_t pid : all) {
    ::kill(pid, signal);
  }
  return !all.empty();
}

void Family::reap(pid_t not_this) const {
  for (const pid_t pid : own_children()) {
    if (pid != not_this && !is_earlier(pid)) {
      ::waitpid(pid, nullptr, WNOHANG);
    }
  }
}

}  // namespace darn::exec
