// What is printed about one attempt that ended (progress.hpp).
#include <string>

#include <fmt/format.h>

#include "base/text.hpp"
#include "cli/explain_text.hpp"
#include "cli/progress.hpp"

namespace darn::cli {
namespace {

constexpr std::size_t kExcerptLines = 20;

// "rate_limit: HTTP 429 Too Many Requests"
std::string understood(const AttemptRecord& attempt) {
  const Diagnosis& diagnosis = attempt.diagnosis;
  std::string text(diagnosis.category == Category::none ? to_string(attempt.state)
                                                        : to_string(diagnosis.category));
  if (!diagnosis.summary.empty()) {
    text += ": " + one_line(diagnosis.summary);
  }
  return text;
}

std::string excerpt(const AttemptRecord& attempt, const Terminal& terminal) {
  const std::string text = printable(attempt.excerpt);
  std::string result;
  for (const std::string_view line : split(last_lines(text, kExcerptLines), '\n')) {
    if (!text.empty()) {
      result += "      " + styled(terminal, Style::dim, line) + "\n";
    }
  }
  return result;
}

std::string succeeded(const AttemptRecord& attempt, const TaskRecord& task, const std::string& took,
                      const Terminal& terminal) {
  const std::string id = printable(task.spec.id);
  if (!task.healed) {
    return fmt::format("{} {}  {}\n", styled(terminal, Style::green, signs(terminal).ok), id, took);
  }
  return fmt::format("{} {}  {}  healed at attempt {}, cycle {}\n",
                     styled(terminal, Style::yellow, signs(terminal).healed), id, took,
                     attempt.number, attempt.cycle);
}

// What comes next, in a few words.
std::string next_step(const AttemptRecord& attempt) {
  const Decision& decision = attempt.decision;
  const std::string by = decision.agent.empty() ? "" : " by " + decision.agent;
  switch (decision.action) {
    case Action::succeed: return "";
    case Action::retry: return "again in " + format_duration(decision.delay) + by;
    case Action::snooze: return "waits until " + format_local_clock(decision.until) + by;
    case Action::give_up: return "given up in this cycle";
    case Action::abandon: return "given up for good";
  }
  return "";
}

}  // namespace

std::string attempt_text(const EngineEvent& event, const Terminal& terminal) {
  const AttemptRecord& attempt = *event.attempt;
  const TaskRecord& task = *event.task;
  const std::string took = format_duration(attempt.outcome.wall);
  if (attempt.state == AttemptState::succeeded) {
    return succeeded(attempt, task, took, terminal);
  }
  const Action action = attempt.decision.action;
  const bool goes_on = action == Action::retry || action == Action::snooze;
  const std::string sign = goes_on ? styled(terminal, Style::yellow, signs(terminal).again)
                                   : styled(terminal, Style::red, signs(terminal).failed);
  std::string text = fmt::format("{} {}  {}  attempt {}: {}", sign, printable(task.spec.id), took,
                                 attempt.number, understood(attempt));
  if (attempt.state == AttemptState::failed) {
    text += "; " + next_step(attempt);
  }
  text += '\n';
  if (action == Action::snooze || attempt.state == AttemptState::cancelled) {
    return text;  // not the task's failure: its output says nothing
  }
  if (!goes_on && !attempt.diagnosis.advice.empty()) {
    text += "      " + styled(terminal, Style::bold, "next: ") +
            one_line(attempt.diagnosis.advice) + "\n";
  }
  return text + excerpt(attempt, terminal);
}

}  // namespace darn::cli
