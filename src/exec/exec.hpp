// One command with recovery, in the foreground: its standard streams, its place in the terminal's
// foreground process group, its exit status and the signals that reach it are as if darn were not
// there. A failure is diagnosed; what may pass is tried again after a wait; a breaker and a budget
// of retries, by name, are shared with every other process of the user (ledger.hpp).
//
// run() blocks until it is over and talks on standard error. It takes the process's signals for
// itself meanwhile (they are blocked in the calling thread, so call it before there are others) and
// leaves them as they were. It fails only with ErrorKind::usage, before anything is started: what
// the command does is in the report. A ledger that cannot be used is said once and done without.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "config/retry_on.hpp"
#include "model/kinds.hpp"

namespace darn::exec {

// Which of the command's streams pass through a pipe of darn's, so that their end can be read when
// it fails. A pipe is felt: the command sees no terminal there. Where both are one file or pipe,
// one pipe keeps their order.
enum class Capture : std::uint8_t {
  automatic,  // standard error, unless it is a terminal, and standard output where it is the same
              // (both when an expression needs the output)
  always,     // both
  never,      // none: the exit status or signal is all that is known of a failure
};

struct Options {
  std::vector<std::string> argv;        // either this …
  std::string shell;                    // … or this, by /bin/sh -c
  std::vector<std::string> shell_args;  // "$@" of it
  std::string cwd;                      // empty: as it is
  std::string name;                     // of its statistics; empty: the program's base name
  std::optional<int> retries;     // at most; none: 5, and 1 of resource and unknown (DESIGN 6)
  std::vector<Duration> backoff;  // before retry 1, 2, …, the last one repeats; empty: by category
  std::optional<Duration> timeout;           // of one attempt
  std::optional<Duration> deadline;          // of all of it
  Duration grace = std::chrono::seconds{5};  // between TERM and KILL
  std::vector<RetryOn> retry_on;             // empty: by category; else these and nothing else
  std::string fallback;   // shell text, when the command was given up or its breaker is open
  std::string breaker;    // empty: none
  int breaker_after = 5;  // failures out of the last 10 attempts, at least half of them
  Duration breaker_open_for = std::chrono::minutes{1};
  std::string budget;  // empty: none
  Capture capture = Capture::automatic;
  bool quiet = false;  // says nothing, but for what is wrong with darn's own state
  std::string ledger;  // the database; empty: $XDG_STATE_HOME/darn/exec.db
};

enum class Ending : std::uint8_t {
  ok,           // at the first try
  healed,       // at a later one
  fallback,     // by the fallback
  failed,       // given up
  rejected,     // not started: the breaker is open
  interrupted,  // by a signal that darn was sent
};
std::string_view to_string(Ending);

struct Attempt {
  End end = End::exited;
  int exit_code = -1;  // when end is exited
  int signal = 0;
  Category category = Category::none;
  std::string why;  // for people: "connection refused"
  Duration wall{};
  Duration waited{};  // before it
  bool fallback = false;
};

struct Report {
  // To end with: `signal` is to be raised again when it is not 0, else `status` is the exit status
  // (124: timed out, 126 and 127: could not be started, 75: rejected).
  int status = 0;
  int signal = 0;
  Ending ending = Ending::ok;
  int attempts = 0;  // of the command; the fallback is not one
  bool healed = false;
  Category category = Category::none;  // of the last failure; none: there was none
  Duration duration{};                 // of all of it
  Duration waited{};                   // of that, between attempts
  bool used_fallback = false;          // it was started
  bool rejected = false;
  int asked = 0;  // the signal by which somebody asked darn to end; 0: nobody did
  std::string name;
  std::vector<Attempt> history;
};

Result<Report> run(const Options& options);

}  // namespace darn::exec
