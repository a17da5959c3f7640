#include "exec/family.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

namespace darn::exec {
namespace {

bool have_children() {
  siginfo_t info{};
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

}  // namespace

Family::Family() {
  ::prctl(PR_GET_CHILD_SUBREAPER, &was_reaper_);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  if (have_children()) {
    for (const Process& p : descendants(all_processes(), {::getpid()})) {
      strangers_.push_back(p.pid);
    }
  }
}

Family::~Family() { ::prctl(PR_SET_CHILD_SUBREAPER, was_reaper_); }

std::vector<Process> Family::members(Which which) const {
  if (!have_children()) {
    return {};
  }
  const std::vector<Process> all = all_processes();
  std::vector<Process> found = descendants(all, {::getpid()});
  const std::vector<Process> theirs = descendants(all, strangers_);
  const auto is_other = [&](const Process& p) {
    return std::find(strangers_.begin(), strangers_.end(), p.pid) != strangers_.end() ||
           std::any_of(theirs.begin(), theirs.end(),
                       [&](const Process& q) { return q.pid == p.pid; }) ||
           (which == Which::of_our_group && p.group != ::getpgrp());
  };
  std::erase_if(found, is_other);
  return found;
}

void Family::send(const std::vector<Process>& to, int signal) {
  for (const Process& p : to) {
    ::kill(p.pid, signal);
  }
  if (signal == SIGTERM) {
    for (const Process& p : to) {
      ::kill(p.pid, SIGCONT);
    }
  }
}

}  // namespace darn::exec
