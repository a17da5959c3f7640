// darn cancel RUN [--kill]
#include <chrono>
#include <csignal>
#include <string>
#include <thread>

#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/say.hpp"
#include "cli/session.hpp"
#include "engine/lock.hpp"
#include "process/proc.hpp"

namespace darn::cli {
namespace {

constexpr std::chrono::milliseconds kLook{50};

// Looks again and again until `holds`, for a few seconds at most.
template <class Condition>
bool soon(const Condition& holds) {
  for (int look = 0; look < 100; ++look) {
    if (holds()) {
      return true;
    }
    std::this_thread::sleep_for(kLook);
  }
  return false;
}

// The engine ends what runs with a grace period. Two more signals, as a second and third Ctrl-C
// would be, make it kill at once; the first one only once it has seen that this is a cancel.
Status kill_now(const Context& context, Store& store, const RunRecord& run) {
  const std::string lock = context.paths.lock(run.id);
  const auto over = [&] { return !run_is_locked(lock); };
  const auto obeyed = [&] {
    const Result<Counts> counts = store.counts(run.key);
    return over() || !counts || counts->unfinished() == counts->of(TaskState::running);
  };
  if (!soon(obeyed)) {
    return fail(ErrorKind::try_again, "run " + run.id + " does not answer",
                fmt::format("its engine is process {} on {}", run.pid, run.host));
  }
  if (run.host != host_name() || run.boot_id != boot_id() || run.pid <= 1) {
    return fail(ErrorKind::usage, "run " + run.id + " is worked on by host '" + run.host + "'",
                "use --kill there; here it was cancelled with its grace period");
  }
  for (int signals = 0; signals < 2 && !over(); ++signals) {
    ::kill(run.pid, SIGTERM);
    std::this_thread::sleep_for(std::chrono::milliseconds{500});
  }
  soon(over);
  return {};
}

// Nobody works on it: it is opened once more, only to end what may still run and to record it.
Result<int> cancel_dead(const Context& context, const std::string& run) {
  RunningOptions options;
  options.progress = ProgressMode::quiet;
  DARN_ASSIGN(const int status, run_session(context, run, options));
  static_cast<void>(status);  // 1: it did not succeed, which is what was asked for
  say("run {} is cancelled\n", run);
  return 0;
}

}  // namespace

Result<int> cancel(const Context& context, const CancelOptions& options) {
  std::string id;
  {
    DARN_ASSIGN(const Opened opened, open_run(context, options.run, false));
    id = opened.run.id;
    const RunState state = opened.run.state;
    if (state != RunState::running && state != RunState::interrupted) {
      say("run {} has ended: {}\n", id, to_string(state));
      return 0;
    }
    DARN_TRY(opened.store->request_cancel(opened.run.key, true));
    if (state == RunState::running) {
      if (options.kill) {
        DARN_TRY(kill_now(context, *opened.store, opened.run));
      }
      say("run {} is being cancelled; 'darn wait {}' waits for its end\n", id, id);
      return 0;
    }
  }
  return cancel_dead(context, id);
}

}  // namespace darn::cli
