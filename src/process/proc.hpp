// The process table as /proc shows it: who descends from whom, and who carries which mark in its
// environment. A reading is not a snapshot; callers that must end everything repeat until a reading
// finds nothing.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.hpp"

namespace darn {

struct Process {
  pid_t pid = 0;
  pid_t parent = 0;
  pid_t group = 0;
  char state = 0;           // 'Z': a zombie
  std::uint64_t start = 0;  // ticks since the boot
};

std::string boot_id();
// Where processes that are ours to see live: the machine's name and, in a container, which one.
std::string host_name();
// 0 when there is no such process.
std::uint64_t start_ticks(pid_t pid);

std::vector<Process> all_processes();
// `roots` are not part of the answer, zombies neither.
std::vector<Process> descendants(const std::vector<Process>& all, const std::vector<pid_t>& roots);

// Entries of the environment ("NAME=value") that a job's processes have, and nobody else.
struct Mark {
  std::string attempt;
  std::string shim;
};
Mark mark_of(const std::string& attempt_name, pid_t shim_pid, std::uint64_t shim_start);

// A process of this attempt; 0: none that we may look at. Runs in other directories that began in
// the same second may have attempts of that name: those under a living shim that works in another
// directory than `dir` are not ours.
pid_t find_attempt(const std::string& attempt_name, const std::string& dir);

// Ends, with SIGKILL, all processes that carry one of the marks, and what descends from them, until
// none is left. False when some are still there after `at_most`.
bool end_survivors(const std::vector<Mark>& marks, Duration at_most);

}  // namespace darn
