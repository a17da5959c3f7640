// The subcommands: one options struct and one function each. parse.cpp fills the structs and knows
// nothing else; <command>.cpp reads as a list of steps; docs/commands/<command>.md teaches it.
// A command returns its exit status, or the Error that main_entry prints as one line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "cli/context.hpp"
#include "exec/exec.hpp"

namespace darn::cli {

struct GlobalOptions {
  std::string state_dir;  // --state, or DARN_STATE; empty: .darn in the working directory
  ColorMode color = ColorMode::automatic;
};

enum class ProgressMode : std::uint8_t { automatic, tty, plain, json, quiet };

// How a run is to be run; given to run, resume, and retry --launch. What is unset leaves the
// settings alone (flags.hpp lays them over).
struct RunningOptions {
  std::optional<int> jobs;                        // -j, --jobs
  bool auto_retry = false;                        // --auto-retry
  std::optional<int> max_retries;                 // --max-retries, --cycles
  std::string budget;                             // --budget: as in a cell, or a number of USD
  bool keep_going = false;                        // --keep-going; at most one of these three
  bool fail_fast = false;                         // --fail-fast
  std::optional<int> halt_after;                  // --halt-after N%
  bool fail_on_healed = false;                    // --fail-on-healed
  std::optional<Duration> timeout, idle_timeout;  // for tasks that set none
  std::optional<int> retries;                     // for tasks that set none
  std::optional<Duration> grace;
  std::string durability;  // process | power
  std::string notify;      // a command, called at the end
  bool detach = false;
  ProgressMode progress = ProgressMode::automatic;  // --progress, --quiet
  bool json = false;                                // the final status as JSON on standard output
  // resume and retry --force: also what is not idempotent and whose end nobody saw starts again.
  bool start_unclean = false;
  bool take_over = false;  // resume: from another host, which is known to be gone
};

struct RunOptions : RunningOptions {
  std::string file;  // "-": standard input
  bool dry_run = false;
  std::string agent;   // for tasks that have a prompt but neither command nor agent
  std::string parent;  // the run that this one goes on from; empty: none
  bool force = false;  // also what has succeeded in the lineage runs again
};
struct ResumeOptions : RunningOptions {
  std::string run;
};
struct RetryOptions : RunningOptions {
  std::string run;
  bool launch = false;
  std::string output;  // -o; empty: auto-retry-<parent timestamp>-<timestamp>.csv
};
struct AddOptions {
  std::string run;
  std::string file;
};
struct CancelOptions {
  std::string run;
  bool kill = false;
};
struct StatusOptions {
  std::string run;
  bool json = false;
  bool no_tasks = false;
};
struct FollowOptions {
  std::string run;
};
struct WaitOptions {
  std::string run;
  std::optional<Duration> timeout;
};
struct LogOptions {
  std::string run;
  std::string task;
  std::optional<int> attempt;       // default: the last one
  std::string stream;               // out | err | check; empty: out, then err where it is separate
  std::optional<std::size_t> tail;  // lines
  bool json = false;
};
struct LineageOptions {
  std::string run;
  std::string task;  // may be empty
  bool json = false;
};
struct ExplainOptions {
  std::string run;
  std::string task;
  bool json = false;
};
struct RunsOptions {
  bool json = false;
};
struct ExportOptions {
  std::string run;
  std::string format = "csv";  // csv | json | junit | markdown
  std::string output;          // empty: standard output
};
struct EventsOptions {
  std::string run;
  bool follow = false;
};
struct AgentsOptions {
  bool check = false;
  std::vector<std::string> names;  // of those to check; empty: all
  bool json = false;
};
struct GcOptions {
  std::optional<Duration> older_than;
  std::optional<int> keep;  // so many lineages, the newest
  bool yes = false;         // do it; otherwise only say what would go
  bool json = false;
};
struct DoctorOptions {
  bool repair = false;  // write what can be saved into a new file
  bool json = false;
};
struct ExecOptions {
  exec::Options use;
  bool fail_on_healed = false;
  bool json = false;
  std::string report;  // a file for what json shows
  // Instead of running something:
  bool stats = false;
  bool breakers = false;
  std::string reset;  // a breaker's name
  int minutes = 5;    // of a person's, that a healed failure saves
};
struct DevOptions {
  std::vector<std::string> names;  // of entries of [dev]; empty: list them
  std::vector<std::string> args;   // for the only one
  bool keep_going = false;
  bool fail_on_healed = false;
  bool json = false;
  bool dry_run = false;
  // Instead of running something:
  bool list = false;
  bool init = false;  // write a [dev]
};
struct HelpOptions {
  std::string topic;  // empty: the short introduction
};
struct VersionOptions {};

using Command =
    std::variant<HelpOptions, VersionOptions, RunOptions, ResumeOptions, RetryOptions, AddOptions,
                 CancelOptions, StatusOptions, FollowOptions, WaitOptions, LogOptions,
                 LineageOptions, ExplainOptions, RunsOptions, ExportOptions, EventsOptions,
                 AgentsOptions, GcOptions, DoctorOptions, ExecOptions, DevOptions>;

struct Invoked {
  GlobalOptions global;
  Command command;
};

// The command line -> what to do. Fails with ErrorKind::usage and the nearest suggestion.
Result<Invoked> parse_command_line(int argc, const char* const* argv);
// "Usage: …" and the options of one subcommand, as CLI11 prints them; empty: no such subcommand.
std::string options_text(const std::string& command);

Result<int> run(const Context&, const RunOptions&);
Result<int> resume(const Context&, const ResumeOptions&);
Result<int> retry(const Context&, const RetryOptions&);
Result<int> add(const Context&, const AddOptions&);
Result<int> cancel(const Context&, const CancelOptions&);
Result<int> status(const Context&, const StatusOptions&);
Result<int> follow(const Context&, const FollowOptions&);
Result<int> wait(const Context&, const WaitOptions&);
Result<int> log(const Context&, const LogOptions&);
Result<int> lineage(const Context&, const LineageOptions&);
Result<int> explain(const Context&, const ExplainOptions&);
Result<int> runs(const Context&, const RunsOptions&);
Result<int> export_run(const Context&, const ExportOptions&);
Result<int> events(const Context&, const EventsOptions&);
Result<int> agents(const Context&, const AgentsOptions&);
Result<int> gc(const Context&, const GcOptions&);
Result<int> doctor(const Context&, const DoctorOptions&);
Result<int> exec_command(const Context&, const ExecOptions&);
Result<int> exec_books(const Context&, const ExecOptions&);  // --stats, --breakers, --reset
Result<int> dev_command(const Context&, const DevOptions&);
Result<int> dev_init(const Context&, const DevOptions&);  // --init
Result<int> help(const Context&, const HelpOptions&);
Result<int> version(const Context&, const VersionOptions&);

// Everything but the shim: parses, runs the command, prints its error, flushes; the exit status.
int main_entry(int argc, char** argv);

}  // namespace darn::cli
