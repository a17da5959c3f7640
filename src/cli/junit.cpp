#include "cli/junit.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace darn::cli {
namespace {

double seconds(Duration d) { return static_cast<double>(d.count()) / 1000.0; }

std::string message_of(const AttemptRecord& attempt) {
  const Diagnosis& diagnosis = attempt.diagnosis;
  return diagnosis.summary.empty() ? std::string(to_string(attempt.outcome.end))
                                   : diagnosis.summary;
}

std::string attributes(const AttemptRecord& attempt) {
  return fmt::format("message=\"{}\" type=\"{}\"", xml_escape(message_of(attempt)),
                     to_string(attempt.diagnosis.category));
}

// <flakyFailure> and <rerunFailure> hold their output in elements, <failure> as its text.
std::string nested(const std::string& element, const AttemptRecord& attempt) {
  const std::string output = xml_escape(attempt.excerpt);
  return fmt::format(
      "      <{0} {1}>\n        <stackTrace>{2}</stackTrace>\n"
      "        <system-out>{2}</system-out>\n      </{0}>\n",
      element, attributes(attempt), output);
}

bool is_failure(const AttemptRecord& attempt) {
  return attempt.state == AttemptState::failed || attempt.state == AttemptState::lost;
}

std::string failures(const TaskRecord& task, const std::vector<AttemptRecord>& attempts) {
  const bool passed = task.state == TaskState::succeeded;
  std::string text;
  bool first = true;
  for (const AttemptRecord& attempt : attempts) {
    if (!is_failure(attempt)) {
      continue;
    }
    if (passed) {
      text += nested("flakyFailure", attempt);
    } else if (first) {
      text += fmt::format("      <failure {}>{}</failure>\n", attributes(attempt),
                          xml_escape(attempt.excerpt));
    } else {
      text += nested("rerunFailure", attempt);
    }
    first = false;
  }
  if (text.empty() && (task.state == TaskState::failed || task.state == TaskState::abandoned)) {
    text = fmt::format("      <failure message=\"{}\" type=\"{}\"/>\n", xml_escape(task.summary),
                       to_string(task.category));
  }
  return text;
}

std::string body(const TaskRecord& task, const std::vector<AttemptRecord>& attempts) {
  switch (task.state) {
    case TaskState::succeeded:
    case TaskState::failed:
    case TaskState::abandoned: return failures(task, attempts);
    default: break;
  }
  const std::string why = task.summary.empty()
                              ? std::string(to_string(task.state))
                              : std::string(to_string(task.state)) + ": " + task.summary;
  return fmt::format("      <skipped message=\"{}\"/>\n", xml_escape(why));
}

}  // namespace

std::string xml_escape(std::string_view text) {
  std::string result;
  for (const char c : to_utf8(text)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 && c != '\n' && c != '\t') {
      continue;
    }
    switch (c) {
      case '&': result += "&amp;"; break;
      case '<': result += "&lt;"; break;
      case '>': result += "&gt;"; break;
      case '"': result += "&quot;"; break;
      // Kept in attributes too, where plain white space would be normalised away.
      case '\n': result += "&#10;"; break;
      case '\t': result += "&#9;"; break;
      default: result += c;
    }
  }
  // U+FFFE and U+FFFF are valid UTF-8, but no characters of XML.
  for (const std::string_view bad : {"\xef\xbf\xbe", "\xef\xbf\xbf"}) {
    for (std::size_t at = result.find(bad); at != std::string::npos; at = result.find(bad, at)) {
      result.replace(at, bad.size(), "\xef\xbf\xbd");
    }
  }
  return result;
}

std::string junit_case(const RunRecord& run, const TaskRecord& task,
                       const std::vector<AttemptRecord>& attempts) {
  const std::string inside = body(task, attempts);
  const std::string head = fmt::format("    <testcase name=\"{}\" classname=\"{}\" time=\"{:.3f}\"",
                                       xml_escape(task.spec.id), xml_escape("darn." + run.source),
                                       seconds(task.duration));
  return inside.empty() ? head + "/>\n" : head + ">\n" + inside + "    </testcase>\n";
}

Result<std::string> junit_xml(Store& store, const RunRecord& run) {
  const Counts& counts = run.counts;
  const std::int64_t failed = counts.of(TaskState::failed) + counts.of(TaskState::abandoned);
  const std::int64_t skipped = counts.total() - failed - counts.of(TaskState::succeeded);
  const Duration took = run.ended == Time{} ? Duration{0} : run.ended - run.created;
  const std::string numbers = fmt::format(
      "name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\" "
      "flakes=\"{}\" time=\"{:.3f}\"",
      xml_escape("darn " + run.id), counts.total(), failed, skipped, counts.healed, seconds(took));
  std::string text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  text += fmt::format("<testsuites {0}>\n  <testsuite {0} timestamp=\"{1}\">\n", numbers,
                      format_utc(run.created));
  const auto add = [&](const TaskRecord& task) -> Status {
    std::vector<AttemptRecord> attempts;
    const bool clean = task.state == TaskState::succeeded && !task.healed;
    if (!clean && task.attempts > 0) {
      DARN_ASSIGN(attempts, store.attempts(run.key, task.spec.id));
    }
    text += junit_case(run, task, attempts);
    return {};
  };
  DARN_TRY(store.each_task(run.key, {}, false, add));
  return text + "  </testsuite>\n</testsuites>\n";
}

}  // namespace darn::cli
