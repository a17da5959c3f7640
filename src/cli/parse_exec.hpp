// The flags of darn exec. A part of parse.cpp.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "cli/commands.hpp"
#include "cli/parse_flags.hpp"

namespace darn::cli {

struct ExecFlags {
  ExecOptions options;
  std::optional<int> breaker_after;
  std::optional<Duration> breaker_open_for;
  std::optional<int> minutes;

  void declare(CLI::App* sub) {
    exec::Options& o = options.use;
    number(sub, "--retries", o.retries, 0, 1'000,
           "At most (default: 5; resource and unknown failures: 1)");
    sub->add_option_function<std::string>(
           "--backoff", [&o](const std::string& text) { o.backoff = delays(text); },
           "Waits before the retries, the last one repeats (default: 5s,15s,45s,135s,300s)")
        ->type_name("TIME,TIME");
    duration(sub, "--timeout", o.timeout, "Of one attempt; then its whole process tree is ended");
    duration(sub, "--deadline", o.deadline, "Of all attempts and waits");
    const auto retry_on = [&o](const std::string& text) {
      Result<RetryOn> on = parse_retry_on(text);
      if (!on) {
        throw wrong("--retry-on", on.error().text());
      }
      o.retry_on.push_back(std::move(*on));
    };
    sub->add_option_function<std::vector<std::string>>(
           "--retry-on",
           [retry_on](const std::vector<std::string>& all) {
             std::for_each(all.begin(), all.end(), retry_on);
           },
           "Retry only this: a category, an exit status, /regex/ on the output; repeatable")
        ->type_name("WHAT")
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->expected(1)
        ->allow_extra_args(false);
    text(sub, "--fallback", o.fallback, "CMD",
         "Run by sh when the command was given up or its breaker is open");
    text(sub, "--breaker", o.breaker, "NAME", "Start nothing while this breaker is open");
    number(sub, "--breaker-after", breaker_after, 1, 10,
           "It opens when half of the last 10 attempts failed, of at least N (default: 5)");
    duration(sub, "--breaker-open-for", breaker_open_for, "Then one attempt may try (default: 1m)");
    text(sub, "--budget", o.budget, "NAME",
         "Take retries from this budget: 10, and one more for ten successes");
    text(sub, "--name", o.name, "NAME", "Of its statistics (default: the program's)");
    choice(
        sub, "--capture", {"auto", "always", "never"},
        [&o](std::size_t i) { o.capture = static_cast<exec::Capture>(i); },
        "What to read of the output: auto is standard error unless it is a terminal");
    sub->add_flag("--fail-on-healed", options.fail_on_healed,
                  "Exit with 1 also when it succeeded only by a retry or the fallback");
    sub->add_flag("-q,--quiet", o.quiet, "Say nothing of retries");
    json(sub, options.json, "What happened as one line of JSON at the end of standard error");
    text(sub, "--report", options.report, "FILE", "The same line into a file");
    sub->add_flag("--stats", options.stats, "Show what was healed and how often things fail");
    number(sub, "--minutes", minutes, 0, 1'000,
           "What a healed failure saves a person, for --stats (default: 5)");
    sub->add_flag("--breakers", options.breakers, "Show the breakers");
    text(sub, "--reset", options.reset, "NAME", "Close a breaker and forget what it counted");
  }

  // What the flags mean together, with the words behind "--".
  Status finish(ExecOptions& o, std::vector<std::string> command) const {
    o.use.argv = std::move(command);
    o.use.breaker_after = breaker_after.value_or(o.use.breaker_after);
    o.use.breaker_open_for = breaker_open_for.value_or(o.use.breaker_open_for);
    o.minutes = minutes.value_or(o.minutes);
    const int others = (o.stats ? 1 : 0) + (o.breakers ? 1 : 0) + (o.reset.empty() ? 0 : 1);
    if (!o.report.empty() && o.use.argv.empty()) {
      return fail(ErrorKind::usage, "--report is about a command, and none is given",
                  "darn exec --report FILE -- COMMAND …");
    }
    if (others + (o.use.argv.empty() ? 0 : 1) == 1) {
      return {};
    }
    return fail(ErrorKind::usage,
                others == 0 ? "no command given"
                            : "only one of a command, --stats, --breakers and --reset can be given",
                "darn exec [OPTIONS] -- COMMAND …");
  }

 private:
  // "5s,15s,45s"
  static std::vector<Duration> delays(const std::string& text) {
    std::vector<Duration> all;
    for (const std::string_view part : split(text, ',')) {
      const std::optional<Duration> d = parse_duration(trim(part));
      if (!d) {
        throw wrong("--backoff",
                    "'" + std::string(part) + "' is not a duration such as 500ms, 5s or 1m30s");
      }
      all.push_back(*d);
    }
    return all;
  }
};

}  // namespace darn::cli
