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

// Where the living shim of a process works, by the mark in its environment; empty: it has none.
std::string shim_dir(std::string_view environment) {
  constexpr std::string_view kMark = "DARN_SHIM=";
  const std::size_t at = environment.find(kMark);
  int pid = 0;
  unsigned long long start = 0;
  if (at == std::string_view::npos ||
      std::sscanf(std::string(environment.substr(at + kMark.size(), 40)).c_str(),  // NOLINT
                  "%d.%llu", &pid, &start) != 2 ||
      start_ticks(pid) != start) {
    return {};
  }
  // darn-shim, __shim, its directory, its slot
  const std::string words = read_file("/proc/" + std::to_string(pid) + "/cmdline");
  const std::size_t second = words.find('\0');
  const std::size_t third = second == std::string::npos ? second : words.find('\0', second + 1);
  return third == std::string::npos ? std::string() : std::string(words.c_str() + third + 1);
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
  constexpr std::string_view kFirst = "pid:[4026531836]";  // PROC_PID_INIT_INO
  std::array<char, 256> name{};
  const bool known = ::gethostname(name.data(), name.size() - 1) == 0;
  std::string host = known ? name.data() : "unknown";
  std::array<char, 64> space{};
  const ssize_t n = ::readlink("/proc/self/ns/pid", space.data(), space.size() - 1);
  if (n > 0 && space.data() != kFirst) {
    host += std::string(" ") + space.data();
  }
  return host;
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

pid_t find_attempt(const std::string& attempt_name, const std::string& dir) {
  const std::string entry = mark_of(attempt_name, 0, 0).attempt;
  for (const Process& p : all_processes()) {
    if (p.state == 'Z' || p.pid == ::getpid()) {
      continue;
    }
    const std::string environment = read_file("/proc/" + std::to_string(p.pid) + "/environ");
    const std::string elsewhere = shim_dir(environment);
    if (has_entry(environment, entry) && (elsewhere.empty() || elsewhere == dir)) {
      return p.pid;
    }
  }
  return 0;
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
