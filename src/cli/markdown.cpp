#include "cli/markdown.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "cli/explain_text.hpp"

namespace darn::cli {
namespace {

std::string counted(std::int64_t n) { return format_count(static_cast<std::uint64_t>(n)); }

std::string ids(const LeftGroup& group) {
  std::string text = markdown_cell(join(group.ids, ", "));
  const auto shown = static_cast<std::int64_t>(group.ids.size());
  return group.count > shown ? text + ", …" : text;
}

}  // namespace

std::string markdown_cell(const std::string& text) {
  std::string result;
  for (const char c : one_line(text)) {
    if (c == '<') {
      result += "&lt;";
    } else if (c == '&') {
      result += "&amp;";
    } else {
      if (std::string_view("\\`*_[]|~#!@").find(c) != std::string_view::npos) {
        result += '\\';
      }
      result += c;
    }
  }
  return result;
}

std::string markdown(const Summary& summary, Time now) {
  const RunRecord& run = summary.run;
  const Counts& counts = run.counts;
  const Time end = run.ended == Time{} ? now : run.ended;
  std::string text =
      fmt::format("## darn: run {} {}\n\n", markdown_cell(run.id), to_string(run.state));
  text += fmt::format("{} of {} tasks succeeded in {}, {} {}.\n\n",
                      counted(counts.of(TaskState::succeeded)), counted(counts.total()),
                      format_duration(end - run.created), run.cycle,
                      run.cycle == 1 ? "cycle" : "cycles");
  text += "| first try | healed | failed | skipped | cancelled | unfinished | cost |\n";
  text += "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n";
  text += fmt::format(
      "| {} | {} | {} | {} | {} | {} | {} |\n", counted(summary.first_try), counted(counts.healed),
      counted(counts.of(TaskState::failed) + counts.of(TaskState::abandoned)),
      counted(counts.of(TaskState::skipped)), counted(counts.of(TaskState::cancelled)),
      counted(counts.unfinished()), format_usd(run.cost_usd));
  if (!summary.healed_how.empty()) {
    std::vector<std::string> ways;
    for (const auto& [how, n] : summary.healed_how) {
      ways.push_back(counted(n) + " " + how);
    }
    text += fmt::format("\nHealed {}: {}.\n", join(ways, ", "),
                        markdown_cell(join(summary.healed_ids, ", ")));
  }
  if (!summary.left.empty()) {
    text += "\n| tasks | state | what | message | next step |\n| --- | --- | --- | --- | --- |\n";
  }
  for (const LeftGroup& group : summary.left) {
    text +=
        fmt::format("| {}: {} | {} | {} | {} | {} |\n", counted(group.count), ids(group),
                    to_string(group.state),
                    group.category == Category::none
                        ? std::string()
                        : fmt::format("{} ({})", markdown_cell(std::string(to_string(group.cause))),
                                      markdown_cell(std::string(to_string(group.category)))),
                    markdown_cell(group.message), markdown_cell(group.advice));
  }
  return text;
}

}  // namespace darn::cli
