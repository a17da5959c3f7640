#include "process/proc.hpp"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>
#include <unordered_set>

#include "process/fd.hpp"

namespace darn {
namespace {

using Steady = std::chrono::steady_clock;

std::string read_file(const std::string& path) {
  std::string text;
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 4096> buffer;
  for (ssize_t n = 0; file && (n = ::read(file.get(), buffer.data(), buffer.size())) > 0;) {
    text.append(buffer.data(), static_cast<std::size_t>(n));
  }
  return text;
}

// "pid (comm) state ppid pgrp … starttime(22) …"; comm may hold anything, also ") ".
bool parse_stat(pid_t pid, const std::string& text, Process& p) {
  const std::size_t close = text.rfind(')');
  if (close == std::string::npos) {
    return false;
  }
  int parent = 0;
  int group = 0;
  unsigned long long start = 0;
  const int fields = std::sscanf(  // NOLINT(cert-err34-c): the kernel wrote it
      text.c_str() + close + 1,
      " %c %d %d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &p.state,
      &parent, &group, &start);
  p.pid = pid;
  p.parent = parent;
  p.group = group;
  p.start = start;
  return fields == 4;
}

bool read_process(pid_t pid, Process& p) {
  return parse_stat(pid, read_file("/proc/" + std::to_string(pid) + "/stat"), p);
}

bool has_entry(std::string_view environment, const std::string& entry) {
  for (std::size_t at = 0; at < environment.size();) {
    const std::size_t end = std::min(environment.find('\0', at), environment.size());
    if (environment.substr(at, end - at) == entry) {
      return true;
    }
    at = end + 1;
  }
  return false;
}

bool is_marked(pid_t pid, const std::vector<Mark>& marks) {
  const std::string environment = read_file("/proc/" + std::to_string(pid) + "/environ");
  return std::any_of(marks.begin(), marks.end(), [&](const Mark& mark) {
    return has_entry(environment, mark.shim) && has_entry(environment, mark.attempt);
  });
}

std::vector<Process> survivors(const std::vector<Mark>& marks) {
  const std::vector<Process> all = all_processes();
  std::vector<Process> found;
  std::vector<pid_t> roots;
  for (const Process& p : all) {
    if (p.state != 'Z' && p.pid != ::getpid() && is_marked(p.pid, marks)) {
      found.push_back(p);
      roots.push_back(p.pid);
    }
  }
  for (const Process& p : descendants(all, roots)) {
    found.push_back(p);
  }
  return found;
}

}  // namespace

std::string boot_id() {
  std::string text = read_file("/proc/sys/kernel/random/boot_id");
  text.resize(std::min<std::size_t>(text.find_last_not_of('\n') + 1, 36));
  return text;
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
}

std::uint64_t start_ticks(pid_t pid) {
  Process p;
  return read_process(pid, p) ? p.start : 0;
}

std::vector<Process> all_processes() {
  std::vector<Process> all;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir("/proc"), ::closedir);
  while (const dirent* entry = dir ? ::readdir(dir.get()) : nullptr) {
    pid_t pid = 0;
    const char* end = entry->d_name + std::strlen(entry->d_name);
    const auto parsed = std::from_chars(entry->d_name, end, pid);
    Process p;
    if (parsed.ptr == end && parsed.ec == std::errc{} && read_process(pid, p)) {
      all.push_back(p);
    }
  }
  return all;
}

std::vector<Process> descendants(const std::vector<Process>& all, const std::vector<pid_t>& roots) {
  std::unordered_set<pid_t> family(roots.begin(), roots.end());
  std::vector<Process> found;
  for (bool grown = true; grown;) {
    grown = false;
    for (const Process& p : all) {
      if (family.count(p.parent) != 0 && family.insert(p.pid).second) {
        grown = true;
        if (p.state != 'Z') {
          found.push_back(p);
        }
      }
    }
  }
  return found;
}

Mark mark_of(const std::string& attempt_name, pid_t shim_pid, std::uint64_t shim_start) {
  return {"DARN_ATTEMPT=" + attempt_name,
          "DARN_SHIM=" + std::to_string(shim_pid) + '.' + std::to_string(shim_start)};
}

bool end_survivors(const std::vector<Mark>& marks, Duration at_most) {
  if (marks.empty()) {
    return true;
  }
  const auto until = Steady::now() + at_most;
  // Two readings: a process can be born behind the back of one.
  for (int clean = 0; clean < 2;) {
    const std::vector<Process> found = survivors(marks);
    for (const Process& p : found) {
      ::kill(p.pid, SIGKILL);
    }
    clean = found.empty() ? clean + 1 : 0;
    if (!found.empty()) {
      if (Steady::now() > until) {
        return false;
      }
      ::poll(nullptr, 0, 5);  // until the kernel has taken them away
    }
  }
  return true;
}

}  // namespace darn
