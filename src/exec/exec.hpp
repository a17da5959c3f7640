// One command with recovery, in the foreground: what fails and may pass is tried again, with the
// same standard streams, signals and terminal as if nobody stood between. `darn exec` is a thin
// layer over this; other commands call it too.
//
// One call at a time, from the main thread of a process without other threads that take signals:
// while it runs, signals are read here and handed on, and this process adopts what its commands
// leave behind (PR_SET_CHILD_SUBREAPER); both are as before when it returns. Children that the
// caller has already are left alone. Nothing here throws; what fails is in the Report.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/outcome.hpp"

namespace darn::exec {

// Which outputs are read along, for the diagnosis of failures. What that costs the command is in
// docs/commands/exec.md.
enum class Capture : std::uint8_t {
  automatic,  // what can be read without the command noticing: never a terminal
  always,     // both, also when they are terminals: the command then sees pipes
  never,
};

// What is tried again, instead of the default by category. Empty: the default.
struct RetryOn {
  std::vector<Category> categories;
  std::vector<int> exits;
  std::vector<std::string> patterns;  // RE2, over what was captured
  bool empty() const { return categories.empty() && exits.empty() && patterns.empty(); }
};

struct Request {
  std::vector<std::string> argv;     // one of these two
  std::string shell;                 // run by /bin/sh -c
  std::string cwd;                   // empty: as it is
  std::string name;                  // in the record; empty: the program's base name
  std::optional<int> retries;        // of any kind; none: by category, 5 in all
  std::vector<Duration> backoff;     // before retry 1, 2, …; empty: 5, 15, 45, 135, 300 s
  std::optional<Duration> timeout;   // of one attempt
  std::optional<Duration> deadline;  // of all of it, waiting included
  Duration grace = std::chrono::seconds{10};  // between TERM and KILL, at a timeout
  RetryOn retry_on;
  std::string fallback;  // run by /bin/sh -c when all else has failed
  std::string breaker;   // names, shared by all processes of this user; empty: none
  std::string budget;
  Duration breaker_open = std::chrono::seconds{60};  // for how long it refuses
  Capture capture = Capture::automatic;
  bool quiet = false;  // no talk on standard error
  bool record = true;  // this use, for darn exec --stats
  std::string ledger;  // the file of the record; empty: default_ledger()
};

enum class Ending : std::uint8_t {
  succeeded,    // at the first try
  healed,       // at a later one
  fell_back,    // by the fallback
  failed,       // given up
  rejected,     // the breaker was open: nothing was started
  interrupted,  // by a signal from outside
};
std::string_view to_string(Ending ending);

struct Attempt {
  Outcome outcome;
  Diagnosis diagnosis;  // category none: it went well
  Duration waited{};    // before it
};

struct Report {
  Ending ending = Ending::failed;
  int status = 0;  // what to exit with; 128 + signal when a signal ended the command
  int signal = 0;  // end_like() raises it
  std::string name;
  std::vector<Attempt> attempts;  // of the command; the fallback is none
  std::string why;                // one clause: why it ended as it did; empty: succeeded
  Time began{};
  Duration took{};   // all of it
  Duration saved{};  // healed: from the end of the first try to the end; nobody had to watch that
  std::optional<Time> breaker_until;  // rejected: when it may be worth asking again
  std::optional<Outcome> fallback;
  std::string output, errors;  // the end of what was captured of the last attempt

  bool healed() const { return ending == Ending::healed; }
  bool used_fallback() const { return fallback.has_value(); }
  bool rejected() const { return ending == Ending::rejected; }
  std::size_t retries() const { return attempts.empty() ? 0 : attempts.size() - 1; }
  // Of the last failure; none when there was none.
  Category category() const;
};

// Checks what can be wrong before anything starts: ErrorKind::usage.
Status check(const Request& request);

Report execute(const Request& request);

// Ends this process as the command ended: by its signal, or by returning its status.
int end_like(const Report& report);

}  // namespace darn::exec
