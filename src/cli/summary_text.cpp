// A summary as people read it (summary.hpp).
#include <cstddef>
#include <string>

#include <fmt/format.h>

#include "base/text.hpp"
#include "cli/summary.hpp"
#include "process/command.hpp"

namespace darn::cli {
namespace {

constexpr std::size_t kGroups = 10;

std::string count(std::int64_t n) { return format_count(static_cast<std::uint64_t>(n)); }

std::string one_line(const std::string& text) {
  return fit(shorten(printable(text), 300), 300, true);
}

std::string ids_text(const std::vector<std::string>& ids, std::int64_t of) {
  std::string text = printable(join(ids, ", "));
  const auto shown = static_cast<std::int64_t>(ids.size());
  if (of > shown) {
    text += " and " + count(of - shown) + " more";
  }
  return text;
}

Style style_of(RunState state) {
  switch (state) {
    case RunState::succeeded: return Style::green;
    case RunState::planning:
    case RunState::running: return Style::cyan;
    case RunState::interrupted: return Style::yellow;
    case RunState::failed:
    case RunState::cancelled: return Style::red;
  }
  return Style::plain;
}

class Writer {
 public:
  Writer(const Summary& summary, const StatePaths& paths, const Terminal& terminal, Time now)
      : s_(summary), paths_(paths), terminal_(terminal), now_(now) {}

  std::string write() {
    head();
    succeeded();
    left();
    unfinished();
    where();
    go_on();
    return std::move(text_);
  }

 private:
  void row(std::string_view name, const std::string& value) {
    text_ += fmt::format("  {:<10} {}\n", name, value);
  }

  void head() {
    const RunRecord& run = s_.run;
    const Time end = run.ended == Time{} ? now_ : run.ended;
    text_ += fmt::format("run {} {}", styled(terminal_, Style::bold, run.id),
                         styled(terminal_, style_of(run.state), to_string(run.state)));
    text_ +=
        fmt::format(": {} of {} tasks succeeded in {}", count(run.counts.of(TaskState::succeeded)),
                    count(run.counts.total()), format_duration(end - run.created));
    if (run.cycle > 1) {
      text_ += fmt::format(", {} cycles", run.cycle);
    }
    text_ += '\n';
  }

  void succeeded() {
    row("first try", count(s_.first_try));
    if (s_.run.counts.healed > 0) {
      std::vector<std::string> ways;
      for (const auto& [how, n] : s_.healed_how) {
        ways.push_back(count(n) + " " + how);
      }
      row("healed", fmt::format("{} ({}): {}", count(s_.run.counts.healed), join(ways, ", "),
                                ids_text(s_.healed_ids, s_.run.counts.healed)));
    }
    if (s_.parked > Duration{0}) {
      row("parked", fmt::format("{}{} for limits of others", s_.parked_partly ? "at least " : "",
                                format_duration(s_.parked)));
    }
    if (s_.run.cost_usd > 0 || s_.run.tokens > 0) {
      row("cost", fmt::format("{}, {} tokens", format_usd(s_.run.cost_usd), count(s_.run.tokens)));
    }
  }

  void left() {
    for (std::size_t i = 0; i < s_.left.size() && i < kGroups; ++i) {
      group(s_.left[i]);
    }
    if (s_.left.size() > kGroups) {
      text_ += fmt::format("  and {} more kinds of failure; see 'darn export {}'\n",
                           s_.left.size() - kGroups, s_.run.id);
    }
  }

  void group(const LeftGroup& group) {
    const bool follows = group.state == TaskState::skipped || group.state == TaskState::cancelled;
    text_ += '\n';
    text_ +=
        fmt::format("  {} {} {}: {}\n",
                    styled(terminal_, follows ? Style::dim : Style::red,
                           follows ? signs(terminal_).skipped : signs(terminal_).failed),
                    count(group.count), to_string(group.state), ids_text(group.ids, group.count));
    if (group.category != Category::none) {
      text_ += fmt::format("    {} ({})", to_string(group.cause), to_string(group.category));
      text_ += group.message.empty() ? "\n" : ": " + one_line(group.message) + "\n";
    } else if (!group.message.empty()) {
      text_ += "    " + one_line(group.message) + "\n";
    }
    if (!group.advice.empty()) {
      text_ += "    " + styled(terminal_, Style::bold, "next: ") + one_line(group.advice) + "\n";
    }
    if (!group.signature.empty()) {
      text_ +=
          "    " + styled(terminal_, Style::dim, "signature " + printable(group.signature)) + "\n";
    }
  }

  void unfinished() {
    const Counts& counts = s_.run.counts;
    if (counts.unfinished() == 0) {
      return;
    }
    std::vector<std::string> parts;
    for (const TaskState state :
         {TaskState::running, TaskState::delayed, TaskState::ready, TaskState::waiting}) {
      if (counts.of(state) > 0) {
        parts.push_back(count(counts.of(state)) + " " + std::string(to_string(state)));
      }
    }
    row("unfinished", fmt::format("{}: {}", count(counts.unfinished()), join(parts, ", ")));
  }

  void where() {
    if (s_.batches.empty()) {
      return;
    }
    text_ += '\n';
    const std::string last = paths_.batch(s_.batches.back());
    row(s_.batches.size() == 1 ? "batch" : "batches",
        s_.batches.size() == 1 ? last
                               : fmt::format("{} (the last of {})", last, s_.batches.size()));
  }

  void go_on() {
    const RunRecord& run = s_.run;
    const bool failed = !s_.example_id.empty();
    if (failed) {
      row("logs", fmt::format("darn log {} {}", run.id, quoted(s_.example_id)));
      row("why", fmt::format("darn explain {} {}", run.id, quoted(s_.example_id)));
    }
    if (run.state == RunState::interrupted) {
      row("go on", "darn resume " + run.id);
    } else if (run.state == RunState::failed || run.state == RunState::cancelled) {
      row("again", fmt::format("darn retry {} --launch", run.id));
    } else if (run.state == RunState::running || run.state == RunState::planning) {
      row("watch", "darn follow " + run.id);
    }
  }

  // To be pasted into a shell; ids are the user's own and may hold anything.
  static std::string quoted(const std::string& id) {
    return (id.starts_with('-') ? "-- " : "") + printable(shell_quote(id));
  }

  const Summary& s_;
  const StatePaths& paths_;
  const Terminal& terminal_;
  Time now_;
  std::string text_;
};

}  // namespace

std::string summary_text(const Summary& summary, const StatePaths& paths, const Terminal& terminal,
                         Time now) {
  return Writer(summary, paths, terminal, now).write();
}

}  // namespace darn::cli
