#include "cli/explain_text.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "base/text.hpp"
#include "cli/next_step.hpp"

namespace darn::cli {
namespace {

std::string row(std::string_view name, const std::string& value) {
  return fmt::format("  {:<11} {}\n", name, value);
}

std::string signal_text(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name == nullptr ? "signal " + std::to_string(signal)
                         : fmt::format("signal {} (SIG{})", signal, name);
}

std::string used_text(const Outcome& outcome) {
  std::string text = "took " + format_duration(outcome.wall);
  if (outcome.max_rss_kib > 0) {
    text += ", cpu " + format_duration(outcome.user + outcome.system) + ", memory " +
            format_bytes(static_cast<std::uint64_t>(outcome.max_rss_kib) * 1024);
  }
  return text;
}

std::string understood_text(const Diagnosis& diagnosis) {
  std::string text = fmt::format("{} (cause {}, severity {})", to_string(diagnosis.category),
                                 to_string(diagnosis.cause), to_string(diagnosis.severity));
  if (!diagnosis.summary.empty()) {
    text += ": " + one_line(diagnosis.summary);
  }
  return text;
}

std::string decided_text(const Decision& decision) {
  std::string text = decision_text(decision);
  if (!decision.why.empty()) {
    text += ": " + one_line(decision.why);
  }
  return decision.rule.empty() ? text : text + " [" + one_line(decision.rule) + "]";
}

std::string report_text(const AgentReport& report) {
  std::string text;
  if (!report.error.empty()) {
    text += row("agent said", one_line(report.error));
  } else if (!report.result.empty()) {
    text += row("agent said", one_line(report.result));
  }
  if (report.cost_usd || report.tokens_in + report.tokens_out > 0) {
    text += row("cost", fmt::format("{}, {} tokens in, {} out",
                                    report.cost_usd ? format_usd(*report.cost_usd) : "not known",
                                    report.tokens_in, report.tokens_out));
  }
  return text;
}

std::string head(const AttemptRecord& attempt, const Terminal& terminal) {
  std::string text = fmt::format("attempt {}, cycle {}, {}", attempt.number, attempt.cycle,
                                 to_string(attempt.kind));
  if (!attempt.agent.empty()) {
    text += ", by " + printable(attempt.agent);
  }
  const Time began = attempt.outcome.started == Time{} ? attempt.claimed : attempt.outcome.started;
  return styled(terminal, Style::bold, text) + ", at " + format_local_clock(began) + "\n";
}

Style style_of(AttemptState state) {
  switch (state) {
    case AttemptState::succeeded: return Style::green;
    case AttemptState::running: return Style::cyan;
    case AttemptState::failed:
    case AttemptState::lost: return Style::red;
    case AttemptState::cancelled: return Style::dim;
  }
  return Style::plain;
}

}  // namespace

std::string one_line(const std::string& text, std::size_t bytes) {
  std::string line = printable(text);
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c == '\n' || c == '\t' || c == '\r'; }, ' ');
  return shorten(line, bytes);
}

std::string end_text(const Outcome& outcome) {
  std::string text;
  switch (outcome.end) {
    case End::exited: text = fmt::format("exit status {}", outcome.exit_code); break;
    case End::signalled: text = "killed by " + signal_text(outcome.signal); break;
    case End::timed_out: text = "timed out"; break;
    case End::idle_timed_out: text = "timed out: no output for too long"; break;
    case End::deadline: text = "ended at the task's deadline"; break;
    case End::cancelled: text = "ended by darn"; break;
    case End::not_started:
      text = "could not be started";
      text +=
          outcome.start_errno == 0 ? "" : std::string(": ") + std::strerror(outcome.start_errno);
      break;
    case End::lost: text = "lost: its process vanished, its end was not seen"; break;
  }
  text += outcome.out_of_memory ? ", out of memory" : "";
  text += outcome.core_dumped ? ", core dumped" : "";
  text += outcome.lingered ? ", left processes behind that were killed" : "";
  if (outcome.check_ran) {
    text += outcome.check_end == End::exited
                ? fmt::format(", its check exited with {}", outcome.check_exit)
                : fmt::format(", its check ended: {}", to_string(outcome.check_end));
  }
  return text;
}

std::string explain_attempt(const AttemptRecord& attempt, const Terminal& terminal) {
  std::string text = head(attempt, terminal);
  if (attempt.state == AttemptState::running) {
    return text + row("ended", "not yet");
  }
  text += row("ended", styled(terminal, style_of(attempt.state), end_text(attempt.outcome)) + "; " +
                           used_text(attempt.outcome));
  if (!attempt.verdict.why.empty()) {
    text += row("proven", one_line(attempt.verdict.why));
  }
  if (attempt.verdict.score) {
    text += row("score", fmt::format("{}", *attempt.verdict.score));
  }
  text += report_text(attempt.report);
  if (attempt.diagnosis.category != Category::none) {
    text += row("understood", understood_text(attempt.diagnosis));
    text += attempt.diagnosis.rule.empty() ? "" : row("by", one_line(attempt.diagnosis.rule));
    text += attempt.diagnosis.signature.empty()
                ? ""
                : row("signature", one_line(attempt.diagnosis.signature));
  }
  text += row("decided", decided_text(attempt.decision));
  if (attempt.state != AttemptState::succeeded && !attempt.diagnosis.advice.empty()) {
    text += row("advice", one_line(attempt.diagnosis.advice));
  }
  if (attempt.state != AttemptState::succeeded && !attempt.excerpt.empty()) {
    const std::string lines = printable(attempt.excerpt);
    for (const std::string_view line : split(last_lines(lines, 10), '\n')) {
      text += "      " + styled(terminal, Style::dim, line) + "\n";
    }
  }
  return text;
}

std::string attempt_line(const AttemptRecord& attempt, const Terminal& terminal) {
  const std::string state = styled(terminal, style_of(attempt.state), to_string(attempt.state));
  std::string text = fmt::format("attempt {}  {}", attempt.number, state);
  if (!attempt.agent.empty()) {
    text += " by " + printable(attempt.agent);
  }
  if (attempt.state == AttemptState::running) {
    return text;
  }
  text += "  " + format_duration(attempt.outcome.wall);
  if (attempt.diagnosis.category != Category::none) {
    text += fmt::format("  {}: {}", to_string(attempt.diagnosis.category),
                        one_line(attempt.diagnosis.summary, 120));
  }
  if (attempt.state != AttemptState::succeeded) {
    text += fmt::format("; {} [{}]", decision_text(attempt.decision),
                        one_line(attempt.decision.rule, 60));
  }
  return text;
}

}  // namespace darn::cli
