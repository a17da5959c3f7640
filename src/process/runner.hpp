// The seam between the engine and processes. The real runner (process/shim_runner.hpp) has one
// small shim process per slot, which starts the task, enforces its timeouts, captures its output
// and records its end in a file-backed ring, also when darn itself is dead. The simulator has a
// fake. Single-threaded: all calls from the engine's thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/outcome.hpp"
#include "model/run.hpp"

namespace darn {

// A variable of the job's environment on top of darn's own.
struct EnvVar {
  enum class Kind : std::uint8_t { set, unset, copy_from } kind = Kind::set;
  std::string name;
  std::string value;  // copy_from: the variable whose value is taken (secrets stay references)
};

struct Job {
  AttemptKey attempt = 0;
  std::string attempt_name;  // "<run>/<task>/<number>": DARN_ATTEMPT in the environment, by which
                             // survivors are found after a crash
  std::vector<std::string> argv;
  std::vector<EnvVar> env;
  std::string cwd;          // absolute
  std::string stdin_file;   // empty: /dev/null
  Duration timeout{};       // 0: none
  Duration idle_timeout{};  // 0: none
  Time deadline{};          // wall clock; Time{}: none
  Duration grace{std::chrono::seconds{10}};
  std::uint64_t output_limit = 64ULL << 20U;  // per stream
  bool separate_stderr = false;
  bool linger_leave = false;
  std::vector<std::string> check_argv;  // run after an exit status of 0; empty: none
  Duration check_timeout{std::chrono::minutes{10}};
};

struct Ended {
  AttemptKey attempt = 0;
  int slot = 0;
  Outcome outcome;
  // Not an end: its slot could not go on and gives it back; as if it had been recalled.
  bool returned = false;
};

// How many jobs a slot may hold at a time: the one that runs and those that wait behind it.
inline constexpr int kSlotJobs = 16;

class ProcessRunner {
 public:
  virtual ~ProcessRunner() = default;

  // A slot that has nothing to do, reserved until start() and busy until release(); slots are made
  // as they are needed.
  virtual Result<int> acquire_slot() = 0;
  // It is not needed after all.
  virtual void give_back_slot(int slot) = 0;
  // Hands a job to an acquired slot, or to a busy one: there it begins, without another word, when
  // those before it have ended. The attempt must be committed to the store by now. When it fails,
  // the slot is no longer reserved: nothing is to be released. try_again, unavailable: not for the
  // job's sake; it may be handed out again after a moment.
  virtual Status start(int slot, const Job& job) = 0;
  // Takes back a job that waits in its slot. True: it never begins there, and the slot has
  // forgotten it. False: it has begun.
  virtual bool recall(AttemptKey attempt) = 0;
  // TERM, after the job's grace KILL, to its whole tree; it then ends as cancelled (or as it ended,
  // when it was faster). `now`: KILL at once. Unknown attempts are ignored.
  virtual void stop(AttemptKey attempt, bool now) = 0;
  // Waits until something ends, a signal arrives, or `at_most` has passed. The owner installs its
  // handlers (SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH) and blocks them in the
  // engine's thread: wait() alone lets them in, so that none slips past between a look at the
  // handler's flag and the wait. Returns empty then.
  virtual Result<std::vector<Ended>> wait(Duration at_most) = 0;
  // The ends of these attempts are committed to the store: their ring records and slots are free.
  virtual void release(const std::vector<AttemptKey>& attempts) = 0;

  // After a crash: takes over what an earlier engine of this run left behind. For each attempt that
  // the store holds as running: still_running (its end will come from wait()), ended (its end comes
  // from the next wait()), or gone (proven dead, end unseen; survivors of a killed shim are killed
  // first, found by DARN_ATTEMPT in their environment), or never_started (claimed, never begun).
  // Commit what is gone before acquire_slot(): a slot that is used again forgets that the machine
  // was started anew since.
  enum class Fate : std::uint8_t { still_running, ended, gone, never_started };
  struct Adopted {
    AttemptKey attempt = 0;
    Fate fate = Fate::gone;
  };
  struct Left {
    AttemptKey attempt = 0;
    std::string attempt_name;
    int slot = 0;
  };
  virtual Result<std::vector<Adopted>> adopt(const std::vector<Left>& left) = 0;
};

}  // namespace darn
