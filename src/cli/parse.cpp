// The only file that knows CLI11: declares every subcommand and flag, fills commands.hpp's structs.
#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/parse_dev.hpp"
#include "cli/parse_exec.hpp"
#include "cli/parse_flags.hpp"
#include "cli/suggest.hpp"

namespace darn::cli {
namespace {

// CLI11 makes "RUN REQUIRED" of a required positional by itself.
void positional(CLI::App* app, const std::string& name, std::string& value, const std::string& help,
                bool required = true) {
  app->add_option(name, value, help)->type_name("")->required(required);
}

constexpr const char* kRunHelp =
    "A run's id, a beginning or end of it that is unique, or 'last' (the default)";
constexpr const char* kRunNeeded = "A run's id, a beginning or end of it that is unique, or 'last'";

struct Parser {
  CLI::App app;
  Invoked invoked;
  bool version_asked = false;

  HelpOptions help;
  VersionOptions version;
  RunOptions run;
  ResumeOptions resume;
  RetryOptions retry;
  AddOptions add;
  CancelOptions cancel;
  StatusOptions status;
  FollowOptions follow;
  WaitOptions wait;
  LogOptions log;
  LineageOptions lineage;
  ExplainOptions explain;
  RunsOptions runs;
  ExportOptions export_;
  EventsOptions events;
  AgentsOptions agents;
  GcOptions gc;
  DoctorOptions doctor;
  ExecFlags exec;
  DevFlags dev;

  Parser() {
    app.name("darn");
    app.set_help_flag("-h,--help", "Show this");
    app.add_flag("--version", version_asked, "Show the version");
    app.require_subcommand(0, 1);
    app.allow_extras();  // so that what is left over can be named, with a suggestion
    app.option_defaults()->take_last();
    add_global(&app);
    declare_starting();
    declare_reading();
    exec.declare(subcommand("exec", "Run one command, with recovery", exec.options));
    dev.declare(subcommand("dev", "Run named commands of the project, with recovery", dev.options));
    declare_others();
    for (CLI::App* sub : app.get_subcommands({})) {
      add_global(sub);
    }
  }

  template <class Options>
  CLI::App* subcommand(const char* name, const char* what, Options& options) {
    CLI::App* sub = app.add_subcommand(name, what);
    sub->set_help_flag("-h,--help", "Show this page");
    sub->callback([this, &options] { invoked.command = options; });
    return sub;
  }

  void add_global(CLI::App* target) {
    text(target, "--state", invoked.global.state_dir, "DIR",
         "Where runs are kept (default: DARN_STATE, or .darn in the working directory)");
    choice(
        target, "--color", {"auto", "always", "never"},
        [this](std::size_t i) { invoked.global.color = static_cast<ColorMode>(i); },
        "Colours; auto heeds NO_COLOR");
  }

  void add_running(CLI::App* sub, RunningOptions& o) {
    number(sub, "-j,--jobs", o.jobs, 1, 1'000'000, "Commands at a time (default: the cores)");
    sub->add_flag("--auto-retry", o.auto_retry, "Run what did not succeed again, in more cycles");
    number(sub, "--max-retries,--cycles", o.max_retries, 0, 1'000'000,
           "Cycles after the first, with --auto-retry (default: 5)");
    number(sub, "--retries", o.retries, 0, 1'000'000,
           "Retries within a cycle, for tasks that set none");
    text(sub, "--budget", o.budget, "AMOUNT", "Spend at most: 5 (USD), 5usd or 200000tokens");
    sub->add_flag("--keep-going", o.keep_going, "Go on after failures (the default)");
    sub->add_flag("--fail-fast", o.fail_fast, "Start nothing more after the first failed task");
    const auto percent = [&o](std::string value) {
      value = value.ends_with('%') ? value.substr(0, value.size() - 1) : value;
      const std::optional<std::int64_t> n = parse_int(value);
      if (!n || *n < 1 || *n > 100) {
        throw wrong("--halt-after", "'" + value + "' is not a percentage from 1% to 100%");
      }
      o.halt_after = static_cast<int>(*n);
    };
    sub->add_option_function<std::string>("--halt-after", percent,
                                          "Start nothing more when so many of the tasks failed")
        ->type_name("N%");
    sub->add_flag("--fail-on-healed", o.fail_on_healed,
                  "Exit with 1 also when a task succeeded only after a retry");
    duration(sub, "--timeout", o.timeout, "Of one attempt, for tasks that set none");
    duration(sub, "--idle-timeout", o.idle_timeout,
             "Without output, of one attempt, for tasks that set none");
    duration(sub, "--grace", o.grace, "Between TERM and KILL (default: 10s)");
    choice(
        sub, "--durability", {"process", "power"},
        [&o](std::size_t i) { o.durability = i == 0 ? "process" : "power"; },
        "What the store survives: the death of processes, or a power cut");
    text(sub, "--notify", o.notify, "CMD", "Called at the end, the summary on its standard input");
    sub->add_flag("--detach", o.detach, "Go on in the background; prints the run's id");
    choice(
        sub, "--progress", {"auto", "tty", "plain", "json", "quiet"},
        [&o](std::size_t i) { o.progress = static_cast<ProgressMode>(i); },
        "How to show what happens");
    sub->add_flag_callback(
        "-q,--quiet", [&o] { o.progress = ProgressMode::quiet; }, "The same as --progress quiet");
    json(sub, o.json, "The final status as JSON on standard output");
  }

  void declare_starting() {
    CLI::App* sub = subcommand("run", "Run the tasks of a file", run);
    positional(sub, "FILE", run.file, "Tasks: CSV or YAML; '-' reads standard input");
    sub->add_flag("-n,--dry-run", run.dry_run, "Print the plan and start nothing");
    text(sub, "--agent", run.agent, "NAME",
         "For tasks that have a prompt but neither command nor agent");
    text(sub, "--parent", run.parent, "RUN", "The run that this one goes on from");
    sub->add_flag("--force", run.force, "Also run what has succeeded in the lineage");
    add_running(sub, run);

    sub = subcommand("resume", "Go on with an interrupted run", resume);
    positional(sub, "RUN", resume.run, kRunHelp, false);
    sub->add_flag("--force", resume.start_unclean,
                  "Also start again what is idempotent=false and whose end nobody saw");
    sub->add_flag("--take-over", resume.take_over,
                  "From another host or container, which is known to be gone");
    add_running(sub, resume);

    sub = subcommand("retry", "Write (and launch) a file of what did not succeed", retry);
    positional(sub, "RUN", retry.run, kRunHelp, false);
    sub->add_flag("--launch", retry.launch, "Run it at once, as a child of RUN");
    sub->add_flag("--force", retry.start_unclean,
                  "Also start again what is idempotent=false and whose end nobody saw");
    text(sub, "-o,--output", retry.output, "FILE", "Where to write it");
    add_running(sub, retry);

    sub = subcommand("add", "Put more tasks into a run that is going on", add);
    positional(sub, "RUN", add.run, kRunNeeded);
    positional(sub, "FILE", add.file, "Tasks: CSV or YAML; '-' reads standard input");

    sub = subcommand("cancel", "End a run", cancel);
    positional(sub, "RUN", cancel.run, kRunNeeded);
    sub->add_flag("--kill", cancel.kill, "Kill what runs at once, without a grace period");
  }

  void declare_reading() {
    CLI::App* sub = subcommand("status", "Show how a run stands", status);
    positional(sub, "RUN", status.run, kRunHelp, false);
    json(sub, status.json);
    sub->add_flag("--no-tasks", status.no_tasks, "Leave the tasks out: quick on a big run");

    sub = subcommand("follow", "Watch a run until it ends", follow);
    positional(sub, "RUN", follow.run, kRunHelp, false);

    sub = subcommand("wait", "Wait for a run's end, silently", wait);
    positional(sub, "RUN", wait.run, kRunHelp, false);
    duration(sub, "--timeout", wait.timeout, "Give up after this long, with exit status 75");

    sub = subcommand("log", "Show a task's output", log);
    positional(sub, "RUN", log.run, kRunNeeded);
    positional(sub, "TASK", log.task, "A task's id");
    number(sub, "--attempt", log.attempt, 1, 1'000'000'000, "Which one (default: the last)");
    choice(
        sub, "--stream", {"out", "err", "check"},
        [this](std::size_t i) {
          log.stream = std::array{"out", "err", "check"}[i];
        },
        "Only this one (default: out, then err where it is separate)");
    sub->add_option("--tail", log.tail, "Only the last N lines")->type_name("N");
    json(sub, log.json, "The attempt's record and output as JSON");

    sub = subcommand("lineage", "Show the tree of cycles and re-runs", lineage);
    positional(sub, "RUN", lineage.run, kRunHelp, false);
    positional(sub, "TASK", lineage.task, "Only this task, with each attempt", false);
    json(sub, lineage.json);

    sub = subcommand("explain", "Say what happened to a task, and why", explain);
    positional(sub, "RUN", explain.run, kRunNeeded);
    positional(sub, "TASK", explain.task, "A task's id");
    json(sub, explain.json);

    sub = subcommand("runs", "List the runs", runs);
    json(sub, runs.json);

    sub = subcommand("export", "Write a run as CSV, JSON, JUnit XML or Markdown", export_);
    positional(sub, "RUN", export_.run, kRunHelp, false);
    choice(
        sub, "-f,--format", {"csv", "json", "junit", "markdown"},
        [this](std::size_t i) {
          export_.format = std::array{"csv", "json", "junit", "markdown"}[i];
        },
        "Default: csv");
    text(sub, "-o,--output", export_.output, "FILE", "Instead of standard output");

    sub = subcommand("events", "Print a run's events as JSON Lines", events);
    positional(sub, "RUN", events.run, kRunHelp, false);
    sub->add_flag("--follow", events.follow, "Go on until the run ends");
  }

  void declare_others() {
    CLI::App* sub = subcommand("agents", "List the agents, or check that they can run", agents);
    choice(
        sub, "ACTION", {"list", "check"}, [this](std::size_t i) { agents.check = i == 1; },
        "list (the default) or check");
    sub->add_option("NAME", agents.names, "Only these")
        ->type_name("")
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    json(sub, agents.json);

    sub = subcommand("gc", "Remove old runs: says what first", gc);
    duration(sub, "--older-than", gc.older_than, "Runs that ended longer ago (default: 30d)");
    number(sub, "--keep", gc.keep, 0, 1'000'000, "Keep so many of the newest");
    bool& yes = gc.yes;
    sub->add_flag("-y,--yes", yes, "Remove them; without it nothing is touched");
    sub->add_flag_callback(
        "--dry-run", [&yes] { yes = false; }, "Only say what would go (the default)");
    json(sub, gc.json);

    sub = subcommand("doctor", "Check the state, and save what can be saved", doctor);
    sub->add_flag("--repair", doctor.repair, "Write what can be saved into a new file");
    json(sub, doctor.json);

    sub = subcommand("help", "Teach a command", help);
    positional(sub, "COMMAND", help.topic, "Which one", false);

    sub = subcommand("version", "Show the version", version);
  }

  std::vector<std::string> command_names() const {
    std::vector<std::string> names;
    for (const CLI::App* sub : app.get_subcommands({})) {
      names.push_back(sub->get_name());
    }
    return names;
  }

  static std::vector<std::string> flag_names(const CLI::App* sub) {
    std::vector<std::string> names;
    for (const CLI::Option* option : sub->get_options()) {
      for (const std::string& name : option->get_lnames()) {
        names.push_back("--" + name);
      }
    }
    return names;
  }

  // What nobody wanted: a mistyped subcommand or flag, or one argument too many.
  Status check_left_over() const {
    const std::vector<CLI::App*> parsed = app.get_subcommands();
    const CLI::App* sub = parsed.empty() ? nullptr : parsed.front();
    std::vector<std::string> left = app.remaining();
    if (sub != nullptr) {
      const std::vector<std::string> more = sub->remaining();
      left.insert(left.end(), more.begin(), more.end());
    }
    std::erase(left, "--");
    if (left.empty()) {
      return {};
    }
    for (const std::string& word : left) {
      if (word.starts_with('-')) {
        const std::string name = word.substr(0, word.find('='));
        return unknown_flag(name, sub);
      }
    }
    if (sub == nullptr) {
      return fail(ErrorKind::usage, "unknown command '" + left.front() + "'",
                  did_you_mean(left.front(), command_names(), "'darn help' lists them"));
    }
    if (sub->get_name() == "exec") {
      return fail(ErrorKind::usage, "the command has to stand behind '--'",
                  "darn exec [OPTIONS] -- " + left.front() + " …");
    }
    return fail(ErrorKind::usage, "'darn " + sub->get_name() + "' takes no '" + left.front() + "'",
                see_help(sub));
  }

  Status unknown_flag(const std::string& name, const CLI::App* sub) const {
    const std::string of = sub == nullptr ? "" : " of 'darn " + sub->get_name() + "'";
    return fail(ErrorKind::usage, "unknown option '" + name + "'" + of,
                did_you_mean(name, flag_names(sub == nullptr ? &app : sub), see_help(sub)));
  }

  static std::string see_help(const CLI::App* sub) {
    return sub == nullptr ? "see 'darn help'" : "see 'darn " + sub->get_name() + " --help'";
  }

  const CLI::App* parsed_subcommand() const {
    const std::vector<CLI::App*> parsed = app.get_subcommands();
    return parsed.empty() ? nullptr : parsed.front();
  }

  Result<Invoked> parse(int argc, const char* const* argv, std::vector<std::string> command = {}) {
    try {
      app.parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
      const CLI::App* sub = parsed_subcommand();
      return Invoked{invoked.global, HelpOptions{sub == nullptr ? "" : sub->get_name()}};
    } catch (const CLI::ParseError& error) {
      DARN_TRY(check_left_over());  // a mistyped word is likelier than what it led to
      return fail(ErrorKind::usage, error.what(), see_help(parsed_subcommand()));
    }
    DARN_TRY(check_left_over());
    if (ExecOptions* o = std::get_if<ExecOptions>(&invoked.command)) {
      DARN_TRY(exec.finish(*o, std::move(command)));
    } else if (DevOptions* d = std::get_if<DevOptions>(&invoked.command)) {
      DARN_TRY(DevFlags::finish(*d, std::move(command)));
    } else if (!command.empty()) {
      return fail(ErrorKind::usage, "nothing can stand behind '--' here",
                  see_help(parsed_subcommand()));
    }
    if (version_asked) {
      invoked.command = VersionOptions{};
    }
    return invoked;
  }
};

}  // namespace

Result<Invoked> parse_command_line(int argc, const char* const* argv) {
  // What stands behind the "--" of exec and dev is the command's own, another "--" included.
  const char* const* end = argv + argc;
  const char* const* mark = std::find(argv + std::min(argc, 1), end, std::string_view("--"));
  const auto takes_a_command = [](std::string_view word) {
    return word == "exec" || word == "dev";
  };
  if (mark == end || std::none_of(argv, mark, takes_a_command)) {
    return Parser().parse(argc, argv);
  }
  return Parser().parse(static_cast<int>(mark - argv), argv, {mark + 1, end});
}

std::string options_text(const std::string& command) {
  const Parser parser;
  for (const CLI::App* sub : parser.app.get_subcommands({})) {
    if (sub->get_name() == command) {
      CLI::Formatter formatter;
      formatter.column_width(34);
      return std::string(trim(formatter.make_positionals(sub) +
                              formatter.make_groups(sub, CLI::AppFormatMode::Normal))) +
             "\n";
    }
  }
  return {};
}

}  // namespace darn::cli
