// The closed sets of words that darn's records are made of (DESIGN, "Words"), and their spelling in
// files, JSON and on the terminal. Spellings are stable: they are stored.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "darn/category.hpp"
#include "resilience/cause.hpp"

namespace darn {

// What to do about a failure, and how bad it is: the words of the library (darn/category.hpp); what
// it is (Cause) stands with the library's tables of codes.
using Category = category;
using Severity = severity;

// How the process of an attempt ended.
enum class End : std::uint8_t {
  exited,
  signalled,
  timed_out,       // the attempt's timeout
  idle_timed_out,  // no output for longer than the idle timeout
  deadline,        // the task's deadline over all its attempts
  cancelled,       // by the user, or a race that another one won
  not_started,     // the program could not be executed
  lost,            // proven dead, its end unseen
};

enum class TaskState : std::uint8_t {
  waiting,    // for its dependencies
  ready,      // may start now
  running,    //
  delayed,    // not before a time: backoff, a parked pool
  succeeded,  //
  failed,     // given up in this cycle
  skipped,    // something it depends on did not succeed
  cancelled,  // by the user
  abandoned,  // given up for good, left to manual review
};
inline constexpr std::size_t kTaskStates = 9;
constexpr bool is_terminal(TaskState s) { return s >= TaskState::succeeded; }

enum class RunState : std::uint8_t { planning, running, succeeded, failed, interrupted, cancelled };

// What an attempt uses up (DESIGN invariants 4 and 6; snoozes are bounded by their own limit).
enum class Charge : std::uint8_t {
  retry,   // one of the task's tries
  poison,  // lost: not a try, but it counts towards the poison limit
  none,    // a limit of somebody else: snoozed
};

enum class AttemptKind : std::uint8_t {
  first,     // the first one of a cycle
  retry,     // after a failure
  snoozed,   // after a limit of somebody else
  recovery,  // after a lost attempt
  fallback,  // by the fallback agent
  remedy,    // with a change made by darn
};

enum class AttemptState : std::uint8_t { running, succeeded, failed, lost, cancelled };

enum class Action : std::uint8_t {
  succeed,
  retry,    // after a delay
  snooze,   // until a time, without using up a try
  give_up,  // in this cycle
  abandon,  // for good
};

std::string_view to_string(Cause);
std::string_view to_string(End);
std::string_view to_string(TaskState);
std::string_view to_string(RunState);
std::string_view to_string(Charge);
std::string_view to_string(AttemptKind);
std::string_view to_string(AttemptState);
std::string_view to_string(Action);

// The inverse; E is one of the enumerations above.
template <class E>
std::optional<E> parse_kind(std::string_view text);

}  // namespace darn
