// darn log RUN TASK
#include <algorithm>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/live_output.hpp"
#include "cli/say.hpp"
#include "cli/status_json.hpp"
#include "engine/events.hpp"
#include "process/output.hpp"

namespace darn::cli {
namespace {

// A task may have printed anything; on a terminal it must not be obeyed. Piped on, it is data.
void print_output(std::string_view text, const Terminal& terminal) {
  print(terminal.tty ? printable(text) : std::string(text));
}

Result<AttemptRecord> pick_attempt(const Opened& opened, const LogOptions& options) {
  DARN_ASSIGN(const std::vector<AttemptRecord> attempts,
              opened.store->attempts(opened.run.key, options.task));
  if (attempts.empty()) {
    DARN_ASSIGN(const TaskRecord task, opened.store->task(opened.run.key, options.task));
    return fail(ErrorKind::usage, fmt::format("task '{}' has not run yet: it is {}", options.task,
                                              to_string(task.state)));
  }
  if (!options.attempt) {
    return attempts.back();
  }
  const auto wanted = std::find_if(attempts.begin(), attempts.end(), [&](const AttemptRecord& a) {
    return a.number == *options.attempt;
  });
  if (wanted == attempts.end()) {
    return fail(ErrorKind::usage,
                fmt::format("task '{}' has no attempt {}", options.task, *options.attempt),
                fmt::format("it has {}: see 'darn explain {} {}'", attempts.back().number,
                            opened.run.id, options.task));
  }
  return *wanted;
}

struct Streams {
  OutputRef out, err, check;
};

Result<Streams> streams_of(const Opened& opened, const std::string& dir,
                           const AttemptRecord& attempt) {
  const Outcome& outcome = attempt.outcome;
  if (attempt.state != AttemptState::running) {
    return Streams{outcome.out, outcome.err, outcome.check_out};
  }
  DARN_ASSIGN(const LiveOutput live, live_output(dir, attempt, opened.run.settings.output_limit));
  if (live.cut) {
    say("darn: there is more; it can be read when the attempt has ended\n");
  }
  return Streams{live.out, live.err, {}};
}

// Reads ever more of the end until it holds enough lines.
Result<std::string> tail_of(const std::string& dir, const OutputRef& ref, std::size_t lines) {
  for (std::size_t bytes = 1U << 16U;; bytes *= 4) {
    DARN_ASSIGN(const std::string text, read_output_tail(dir, ref, bytes));
    const std::string_view last = last_lines(text, lines);
    if (text.size() < bytes || last.size() + 1 < text.size()) {
      return std::string(last) + (last.empty() ? "" : "\n");
    }
  }
}

class Printer {
 public:
  Printer(const Context& context, const LogOptions& options, std::string dir)
      : context_(context), options_(options), dir_(std::move(dir)) {}

  // What there is, and an error when that is not all, or not what was written.
  Status stream(const OutputRef& ref) const {
    const Status whole = check_output(dir_, ref);
    if (ref.file.empty()) {
      return whole;
    }
    if (options_.tail) {
      DARN_ASSIGN(const std::string text, tail_of(dir_, ref, *options_.tail));
      print_output(text, context_.out);
      return whole;
    }
    DARN_TRY(
        read_output(dir_, ref, [&](std::string_view part) { print_output(part, context_.out); }));
    return whole;
  }

  Status all(const Streams& streams) const {
    if (options_.stream == "err") {
      return stream(streams.err);
    }
    if (options_.stream == "check") {
      return stream(streams.check);
    }
    DARN_TRY(stream(streams.out));
    if (options_.stream == "out" || streams.err.size() == 0) {
      return {};
    }
    print("[darn: standard error]\n");
    return stream(streams.err);
  }

 private:
  const Context& context_;
  const LogOptions& options_;
  std::string dir_;
};

Status print_json(const std::string& dir, const AttemptRecord& attempt, const Streams& streams,
                  const LogOptions& options) {
  nlohmann::json result = attempt_json(attempt);
  result["task"] = attempt.task_id;
  const auto add = [&](const char* name, const OutputRef& ref) -> Status {
    std::string text;
    DARN_TRY(check_output(dir, ref));
    if (!ref.file.empty() && options.tail) {
      DARN_ASSIGN(text, tail_of(dir, ref, *options.tail));
    } else if (!ref.file.empty()) {
      DARN_TRY(read_output(dir, ref, [&](std::string_view part) { text += part; }));
    }
    result[name] = to_utf8(text);
    return {};
  };
  DARN_TRY(add("out", streams.out));
  DARN_TRY(add("err", streams.err));
  DARN_TRY(add("check", streams.check));
  print(dump(result, 1) + "\n");
  return {};
}

}  // namespace

Result<int> log(const Context& context, const LogOptions& options) {
  DARN_ASSIGN(const Opened opened, open_run(context, options.run));
  DARN_ASSIGN(const AttemptRecord attempt, pick_attempt(opened, options));
  const std::string dir = context.paths.run_dir(opened.run.id);
  DARN_ASSIGN(const Streams streams, streams_of(opened, dir, attempt));
  if (options.json) {
    DARN_TRY(print_json(dir, attempt, streams, options));
  } else {
    DARN_TRY(Printer(context, options, dir).all(streams));
  }
  return 0;
}

}  // namespace darn::cli
