#include "cli/session.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include "agent/presets.hpp"
#include "base/disk_full.hpp"
#include "cli/leftovers.hpp"
#include "cli/progress.hpp"
#include "cli/say.hpp"
#include "cli/status_json.hpp"
#include "cli/summary.hpp"
#include "config/config.hpp"
#include "engine/engine.hpp"
#include "engine/lock.hpp"
#include "process/command.hpp"
#include "process/run_tool.hpp"
#include "process/shim_runner.hpp"

namespace darn::cli {
namespace {

namespace fs = std::filesystem;

StopLevel stop_level{0};
volatile std::sig_atomic_t stop_signal = 0;

// Ctrl-C: first drain, then end what runs, then at once. TERM and HUP come from machines that will
// not wait for long tasks: they begin with ending what runs; 'darn resume' goes on.
void on_signal(int signal) {
  stop_signal = signal;
  const int level = stop_level.load();
  stop_level.store(signal == SIGINT ? level + 1 : std::max(level + 1, 2));
}

// Signals are blocked but while the engine waits (process/runner.hpp): none is lost or comes in the
// middle of a transaction.
class SignalGuard {
 public:
  SignalGuard() {
    stop_level.store(0);
    stop_signal = 0;
    sigset_t set;
    sigemptyset(&set);
    struct ::sigaction action {};
    action.sa_handler = on_signal;
    for (const int signal : kSignals) {
      sigaddset(&set, signal);
      // Under nohup a hang-up stays ignored.
      struct ::sigaction now {};
      ::sigaction(signal, nullptr, &now);
      if (now.sa_handler != SIG_IGN || signal != SIGHUP) {
        ::sigaction(signal, &action, nullptr);
      }
    }
    ::sigprocmask(SIG_BLOCK, &set, &before_);
    ::signal(SIGPIPE, SIG_IGN);
  }
  ~SignalGuard() {
    for (const int signal : kSignals) {
      ::signal(signal, SIG_DFL);
    }
    ::sigprocmask(SIG_SETMASK, &before_, nullptr);
  }
  SignalGuard(const SignalGuard&) = delete;
  SignalGuard& operator=(const SignalGuard&) = delete;

 private:
  static constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};
  sigset_t before_{};
};

Status make_run_dir(const StatePaths& paths, const std::string& run) {
  std::error_code error;
  fs::create_directories(paths.run_dir(run), error);
  if (error) {
    return tl::unexpected<Error>(with_room_mend(
        fail(ErrorKind::io, "cannot make " + paths.run_dir(run) + ": " + error.message()).value()));
  }
  return {};
}

// The summary on the command's standard input; what it prints goes to standard error.
void notify(const RunRecord& run, const StatePaths& paths, const std::string& text) {
  if (run.settings.notify.empty()) {
    return;
  }
  ToolOptions options;
  options.cwd = run.cwd;
  options.input = text;
  options.env = {{"DARN_RUN", run.id},
                 {"DARN_RUN_STATE", std::string(to_string(run.state))},
                 {"DARN_STATE", paths.root}};
  const auto done = run_tool(shell_argv(run.settings.notify), options);
  if (!done) {
    say("darn: notify: {}\n", done.error().text());
    return;
  }
  say("{}{}", done->out, done->err);
  if (done->exit_code != 0) {
    say("darn: notify: '{}' ended with status {}\n", run.settings.notify, done->exit_code);
  }
}

// Runs with the lock held and everything in place; signals are the caller's.
Result<RunRecord> work(const Context& context, Store& store, const RunRecord& run,
                       const RunningOptions& options) {
  DARN_ASSIGN(const auto runner, make_shim_runner(context.paths.run_dir(run.id)));
  DARN_ASSIGN(const auto typical, store.typical_duration(run.key));
  const auto progress = make_progress(context, options.progress, typical);
  EngineParts parts;
  parts.store = &store;
  parts.runner = runner.get();
  parts.clock = context.clock;
  parts.events = [&](const EngineEvent& event) { progress->on(event); };
  parts.stop = &stop_level;
  parts.state_dir = context.paths.root;
  parts.start_unclean = options.start_unclean;
  auto ended = run_engine(parts, run.key);
  progress->finish();
  return ended;
}

Result<int> foreground(const Context& context, const std::string& run_id,
                       const RunningOptions& options) {
  DARN_TRY(make_run_dir(context.paths, run_id));
  DARN_ASSIGN(const RunLock lock, RunLock::acquire(context.paths.lock(run_id), run_id));
  DARN_ASSIGN(const auto store, open_store(context, options.durability));
  DARN_ASSIGN(const RunRecord run, store->find_run(run_id));

  DARN_TRY(look_before_engine(context, *store, run, options));

  Result<RunRecord> ended = fail(ErrorKind::internal, "the run did not start");
  {
    const SignalGuard signals;
    ended = work(context, *store, run, options);
  }
  if (!ended) {
    return tl::unexpected<Error>(std::move(ended.error()));
  }

  DARN_ASSIGN(const Summary summary, summarise(*store, context.paths, *ended));
  const Time now = context.clock->now();
  if (options.progress != ProgressMode::quiet) {
    say("{}", summary_text(summary, context.paths, context.err, now));
  }
  if (options.json) {
    DARN_TRY(write_status_json(*store, *ended, true, print));
  }
  notify(*ended, context.paths, summary_text(summary, context.paths, Terminal{}, now));
  if (ended->state == RunState::interrupted && stop_signal != 0) {
    // The caller sees what a program sees that was interrupted: a shell loop ends, too.
    std::fflush(nullptr);
    ::signal(stop_signal, SIG_DFL);
    ::raise(stop_signal);
  }
  return exit_status(*ended);
}

// The child goes on without a terminal; what it says goes to a file of the run's.
Result<int> detach(const Context& context, const std::string& run_id,
                   const RunningOptions& options) {
  DARN_TRY(make_run_dir(context.paths, run_id));
  const std::string log = context.paths.run_dir(run_id) + "/darn.log";
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child < 0) {
    return fail_errno("cannot fork");
  }
  if (child > 0) {
    int status = 0;
    ::waitpid(child, &status, 0);
    print(run_id + "\n");
    say("run {} goes on in the background; 'darn follow {}' watches it\n", run_id, run_id);
    return 0;
  }
  ::setsid();
  // Not a session leader: no terminal can become its own again.
  if (::fork() != 0) {
    ::_exit(0);
  }
  const int null = ::open("/dev/null", O_RDWR);
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  ::dup2(null, 0);
  ::dup2(null, 1);
  ::dup2(out < 0 ? null : out, 2);
  ::signal(SIGHUP, SIG_IGN);
  RunningOptions quieter = options;
  quieter.detach = false;
  quieter.json = false;
  if (quieter.progress != ProgressMode::quiet) {
    quieter.progress = ProgressMode::plain;
  }
  Context plain = context;
  plain.out = plain.err = Terminal{};
  const auto status = foreground(plain, run_id, quieter);
  if (!status) {
    say("darn: {}\n", status.error().text());
  }
  std::fflush(nullptr);
  ::_exit(status ? *status : status.error().exit_status());
}

}  // namespace

Result<int> run_session(const Context& context, const std::string& run_id,
                        const RunningOptions& options) {
  return options.detach ? detach(context, run_id, options) : foreground(context, run_id, options);
}

Result<RunLock> hold_lineage(const Context& context, Store& store, const std::string& root,
                             const std::string& own) {
  auto lock = RunLock::acquire(context.paths.lineage_lock(root), root);
  DARN_ASSIGN(const auto runs, store.lineage_of(root));
  for (const RunRecord& other : runs) {
    if (other.id != own && run_is_locked(context.paths.lock(other.id))) {
      return fail(ErrorKind::try_again, "run " + other.id + " of the same lineage is still running",
                  "wait for it with 'darn wait " + other.id + "'");
    }
    // Its engine was killed: they may still be running.
    DARN_ASSIGN(const auto open,
                other.id == own ? std::vector<AttemptRecord>{} : store.running_attempts(other.key));
    if (!open.empty()) {
      return fail(ErrorKind::try_again,
                  fmt::format("run {} of the same lineage was cut off, and its task '{}' may still "
                              "be running",
                              other.id, open.front().task_id),
                  "'darn resume " + other.id + "' finds out what became of it");
    }
  }
  return lock;
}

Result<RunSettings> base_settings(const Context& context, const RunRecord* parent) {
  // What a YAML file defined beside its tasks is not in the retry file made from it.
  if (parent != nullptr && parent->format == "yaml") {
    return parent->settings;
  }
  DARN_ASSIGN(RunSettings settings, load_config(context.cwd, agent_presets()));
  if (parent != nullptr) {
    settings.agents.insert(parent->settings.agents.begin(), parent->settings.agents.end());
    settings.pools.insert(parent->settings.pools.begin(), parent->settings.pools.end());
    // The budget is the lineage's; defaults came from flags, too.
    settings.budget = parent->settings.budget;
    settings.defaults = parent->settings.defaults;
  }
  return settings;
}

Result<std::unique_ptr<Store>> open_store(const Context& context, const std::string& durability) {
  std::error_code error;
  fs::create_directories(context.paths.root, error);
  if (error) {
    return fail(ErrorKind::io, "cannot make " + context.paths.root + ": " + error.message(),
                "choose another place with --state DIR");
  }
  StoreOptions options;
  options.power_durability = durability == "power";
  return open_sqlite_store(context.paths.database(), options);
}

}  // namespace darn::cli
