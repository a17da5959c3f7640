// The order of precedence: facts of the process, what is proven, the agent's own report, the text,
// the exit status.
#include "diagnose/diagnose.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/text.hpp"
#include "diagnose/reading.hpp"

namespace darn {
namespace {

using tables::Kind;

constexpr std::size_t kSummary = 200;               // bytes
constexpr std::string_view kAgentRules = "agent.";  // of text_services.cpp

using MaybeReading = std::optional<Reading>;

bool succeeded(const Evidence& e) {
  if (e.outcome->end != End::exited || e.outcome->exit_code != 0) {
    return false;
  }
  if (e.verdict != nullptr) {
    return e.verdict->proven;
  }
  return e.report == nullptr || (e.report->failed_when.empty() && e.report->terminal.empty() &&
                                 !e.report->limited && !e.report->status);
}

// --- facts of the process

Reading killed(const Evidence& e) {
  const Outcome& o = *e.outcome;
  if (o.out_of_memory) {
    return {.kind = {Category::resource, Cause::resource, Severity::high},
            .rule = "signal.oom",
            .summary = fmt::format(
                "out of memory: killed by the kernel at {}",
                format_bytes(static_cast<std::uint64_t>(std::max<std::int64_t>(o.max_rss_kib, 0)) *
                             1024)),
            .advice = "give it more memory, or run fewer tasks at a time"};
  }
  const auto* known = tables::signal_number(o.signal);
  Reading r{.kind = known != nullptr ? known->kind
                                     : Kind{Category::unknown, Cause::crash, Severity::high},
            .rule = known != nullptr ? std::string(known->id) : fmt::format("signal.{}", o.signal)};
  r.summary =
      fmt::format("ended by {}{}",
                  known != nullptr ? std::string(known->text) : fmt::format("signal {}", o.signal),
                  o.core_dumped ? " (core dumped)" : "");
  r.advice = known != nullptr ? known->advice : "";
  if (r.kind.cause != Cause::crash) {
    return r;
  }
  // What a crash says of itself is worth more than that it crashed: an assertion, a panic, memory.
  auto text = read_output(e);
  r.located = std::move(text.reading.located);
  if (text.weight >= 4) {
    r.decisive = text.reading.decisive;
    r.summary = shorten(r.summary + ": " + text.reading.summary, kSummary);
    if (text.reading.kind.category != Category::unknown) {
      r.kind = text.reading.kind;
      r.rule += "+" + text.reading.rule;
      r.advice = text.reading.advice;
    }
  }
  return r;
}

MaybeReading by_process(const Evidence& e) {
  const Outcome& o = *e.outcome;
  const Kind slow{Category::timeout, Cause::timeout, Severity::medium};
  const auto wall = [&] { return format_duration(o.wall); };
  switch (o.end) {
    case End::timed_out:
      return Reading{.kind = slow, .rule = "end.timeout", .summary = "timed out after " + wall()};
    case End::idle_timed_out:
      return Reading{.kind = slow,
                     .rule = "end.idle_timeout",
                     .summary = "silent for too long: ended after " + wall(),
                     .advice = "raise idle_timeout, or see what it waits for"};
    case End::deadline:
      return Reading{.kind = slow,
                     .rule = "end.deadline",
                     .summary = "the task's deadline passed after " + wall(),
                     .advice = "raise the deadline, or make the task smaller"};
    case End::cancelled:
      return Reading{.kind = {Category::unknown, Cause::cancelled, Severity::low},
                     .rule = "end.cancelled",
                     .summary = "cancelled by the user"};
    case End::lost:
      return Reading{.kind = {Category::transient, Cause::lost, Severity::medium},
                     .rule = "end.lost",
                     .summary = "its process was lost: nobody saw it end"};
    case End::not_started: {
      // What darn itself could not prepare is said in its own words.
      if (e.verdict != nullptr && !e.verdict->why.empty()) {
        return Reading{.kind = {Category::permanent, e.verdict->cause, Severity::high},
                       .rule = "end.not_prepared",
                       .summary = "could not be started: " + e.verdict->why};
      }
      // The shim names the program or directory: "darn: cannot start x: No such file or directory".
      constexpr std::string_view kOwnWords = "darn: ";
      const std::string_view last = last_lines(e.errors.empty() ? e.output : e.errors, 1);
      const bool named = last.starts_with(kOwnWords);
      const auto* known = tables::start_error(o.start_errno);
      const Kind other{Category::permanent, Cause::environment, Severity::high};
      return Reading{
          .kind = known != nullptr ? known->kind : other,
          .rule = known != nullptr ? std::string(known->id) : "errno.other",
          .summary = named ? std::string(last.substr(kOwnWords.size()))
                           : fmt::format("could not be started: {}",
                                         known != nullptr ? std::string(known->text)
                                                          : fmt::format("error {}", o.start_errno)),
          .advice = known != nullptr ? known->advice : ""};
    }
    case End::signalled: return killed(e);
    case End::exited: break;
  }
  return o.out_of_memory ? MaybeReading(killed(e)) : std::nullopt;
}

// --- the agent's own report

Reading from_status(int status, const AgentReport& report) {
  const auto meaning = tables::http_status(status);
  Reading r{.kind = meaning ? meaning->kind : Kind{},
            .rule = fmt::format("report.http.{}", status),
            .advice = meaning ? meaning->advice : ""};
  const auto text = meaning ? std::string(meaning->text) : std::string("unexpected status");
  r.summary = fmt::format("HTTP {} {}", status, text);
  if (!report.error.empty()) {
    Found said;
    said.line = report.error.substr(0, report.error.find('\n'));
    r.summary = shorten(r.summary + ": " + excerpt(said, kSummary), kSummary);
  }
  return r;
}

MaybeReading by_report(const Evidence& e) {
  if (e.report == nullptr) {
    return std::nullopt;
  }
  const AgentReport& report = *e.report;
  auto said = read_text(report.error, e.now);
  const bool exact = said.weight >= 5;
  MaybeReading r;
  if (exact && (report.status || report.limited || said.reading.kind.cause == Cause::quota ||
                said.reading.kind.cause == Cause::context_length ||
                said.reading.kind.cause == Cause::authentication)) {
    r = said.reading;
  } else if (report.status && *report.status >= 400) {
    r = from_status(*report.status, report);
  }
  // A limit that the agent names is one, unless its text says that the account is empty.
  if (report.limited && (!r || r->kind.cause != Cause::quota)) {
    if (!r || r->kind.category != Category::rate_limit) {
      r = Reading{.rule = "report.limited", .summary = said.reading.summary};
    }
    r->kind = {Category::rate_limit, report.quota ? Cause::quota : Cause::service, Severity::low};
    r->advice = {};
    if (r->summary.empty()) {
      r->summary = report.quota ? "the account's quota is used up" : "rate limited";
    }
  }
  if (r) {
    r->decisive = report.error;
    r->resets_at = report.limited_until ? report.limited_until : r->resets_at;
    add_hint(*r, report.error, e.now);
    return r;
  }
  if (!report.terminal.empty()) {
    const bool budget = report.terminal == "budget";
    return Reading{.kind = {Category::permanent, Cause::task_limit, Severity::medium},
                   .rule = "report." + report.terminal,
                   .summary = budget ? "the attempt's own budget was reached"
                                     : "the agent's limit was reached: " + report.terminal,
                   .advice = budget ? "split the task or raise its budget"
                                    : "split the task or raise max_turns"};
  }
  if (!report.failed_when.empty()) {
    // A sign may say by itself what is wrong, whatever the agent's words are.
    auto text = read_text(report.failed_when, e.now);
    if (text.reading.rule.starts_with(kAgentRules)) {
      text.reading.summary = shorten(
          fmt::format("{}: {}", text.reading.summary, last_lines(report.error, 1)), kSummary);
    } else {
      text = said.weight > 1 ? std::move(said) : read_output(e);
    }
    Reading& why = text.reading;
    if (text.weight < kSaysWhat) {
      why.kind = {Category::unknown, Cause::check_failed, Severity::medium};
      why.advice = {};
      why.summary = shorten("failed_when holds: " + printable(report.failed_when), kSummary);
      why.decisive = report.failed_when;
    }
    why.rule = "report.failed_when" + (text.weight < kSaysWhat ? "" : "+" + why.rule);
    return why;
  }
  if (!report.error.empty() && said.weight > 1) {
    return std::move(said.reading);
  }
  return std::nullopt;
}

// --- what is not proven

MaybeReading by_verdict(const Evidence& e) {
  if (e.verdict == nullptr || e.verdict->proven) {
    return std::nullopt;
  }
  // An agent that was limited or locked out ends well too; that it left nothing follows from it.
  if (auto report = by_report(e)) {
    const bool explains =
        is_passing(report->kind.category) || report->kind.cause == Cause::authentication ||
        report->kind.cause == Cause::quota || report->kind.cause == Cause::context_length ||
        report->kind.cause == Cause::task_limit ||
        report->rule.find(kAgentRules) != std::string::npos;
    if (explains) {
      return report;
    }
  }
  const Verdict& v = *e.verdict;
  Reading r{.kind = {Category::unknown, v.cause == Cause::none ? Cause::check_failed : v.cause,
                     Severity::medium},
            .rule = fmt::format("verdict.{}", to_string(v.cause)),
            .summary = shorten(
                printable(v.why.empty() ? "ended well, but nothing is proven" : v.why), kSummary)};
  r.decisive = v.why;
  if (!trim(e.check_output).empty()) {
    auto check = read_text(e.check_output, e.now);
    r.located = std::move(check.reading.located);
    r.decisive = check.reading.decisive;
    r.summary = shorten(r.summary + ": " + check.reading.summary, kSummary);
    // A check that could not do its work (no network, no memory) says nothing about the work.
    if (check.weight >= kSaysWhat && is_passing(check.reading.kind.category)) {
      r.kind.category = check.reading.kind.category;
      r.retry_after = check.reading.retry_after;
      r.resets_at = check.reading.resets_at;
    }
  }
  return r;
}

// --- text, then exit status

Reading by_text_and_exit(const Evidence& e) {
  auto text = read_output(e);
  Reading& r = text.reading;
  const int code = e.outcome->exit_code;
  const auto* exit = tables::exit_status(code);
  const bool clear = text.weight >= kSaysWhat && r.kind.category != Category::unknown;
  if (exit != nullptr && !clear) {
    r.kind = exit->kind;
    r.rule = exit->id;
    r.advice = exit->advice;
    r.summary = r.summary.empty() || text.weight == 0
                    ? std::string(exit->text)
                    : shorten(fmt::format("{}: {}", exit->text, r.summary), kSummary);
  } else if (r.summary.empty()) {
    r.rule = "exit.unknown";
    r.summary =
        code == 0 ? "ended well, but failed" : fmt::format("exit status {}, no output", code);
  }
  return std::move(r);
}

// --- the whole

// "/home/a/x.c:3: error" and where else: the set of messages, not their order (parallel builds).
std::string signature_of(const Reading& r, const Outcome& o) {
  const auto about = fmt::format("{}/{}/{}", to_string(r.kind.category), to_string(r.kind.cause),
                                 o.end == End::exited      ? fmt::format("exit {}", o.exit_code)
                                 : o.end == End::signalled ? fmt::format("signal {}", o.signal)
                                                           : std::string(to_string(o.end)));
  std::set<std::string> lines;
  for (const auto& d : r.located) {
    lines.insert(d.file.substr(d.file.find_last_of('/') + 1) + ": " + d.message);
  }
  std::string text = (r.decisive.empty() ? r.rule : r.decisive.substr(0, 2000)) + "\n";
  for (const auto& line : lines) {
    text += line + "\n";
  }
  return signature(about, text);
}

Diagnosis finish(Reading r, const Evidence& e) {
  if (r.retry_after && r.summary.find("etry") == std::string::npos &&
      r.summary.size() + 40 < kSummary) {
    r.summary += fmt::format(" (retry after {})", format_duration(*r.retry_after));
  }
  Diagnosis d;
  d.signature = signature_of(r, *e.outcome);
  d.category = r.kind.category;
  d.cause = r.kind.cause;
  d.severity = r.kind.severity;
  d.summary = std::move(r.summary);
  std::replace(d.summary.begin(), d.summary.end(), '\n', ' ');
  d.rule = std::move(r.rule);
  d.advice = r.advice.empty() ? tables::advice_for(d.cause) : r.advice;
  d.retry_after = r.retry_after;
  d.resets_at = r.resets_at;
  d.located = std::move(r.located);
  return d;
}

}  // namespace

Diagnosis diagnose(const Evidence& e) {
  if (succeeded(e)) {
    return {};
  }
  auto reading = by_process(e);
  if (!reading) {
    reading = by_verdict(e);
  }
  if (!reading) {
    reading = by_report(e);
  }
  return finish(reading ? std::move(*reading) : by_text_and_exit(e), e);
}

}  // namespace darn
