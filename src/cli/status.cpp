// darn status [RUN]
#include <string>

#include <fmt/format.h>

#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/status_json.hpp"
#include "cli/summary.hpp"

namespace darn::cli {
namespace {

constexpr std::int64_t kShown = 10;

// The first few tasks in a state, a line each.
Status list_tasks(const Context& context, const Opened& opened, TaskState state) {
  const std::int64_t all = opened.run.counts.of(state);
  if (all == 0) {
    return {};
  }
  std::int64_t shown = 0;
  const Time now = context.clock->now();
  const auto show = [&](const TaskRecord& task) -> Status {
    if (shown++ >= kShown) {
      return {};
    }
    std::string text = fmt::format("  {}  {}", printable(task.spec.id), to_string(state));
    if (state == TaskState::delayed && task.not_before > now) {
      text += " until " + format_local_clock(task.not_before);
    }
    if (task.attempts > 1 || state == TaskState::delayed) {
      text += fmt::format(", attempt {}", task.attempts);
    }
    if (!task.summary.empty()) {
      text += "; before that: " + printable(task.summary);
    }
    print(fit(text, context.out.tty ? context.out.width : 400, context.out.utf8) + "\n");
    return {};
  };
  DARN_TRY(opened.store->each_task(opened.run.key, {.states = {state}}, false, show));
  if (shown > kShown) {
    print(fmt::format("  and {} more\n", shown - kShown));
  }
  return {};
}

std::string counts_line(const Counts& counts) {
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < kTaskStates; ++i) {
    if (counts.by_state[i] == 0) {
      continue;
    }
    const auto state = static_cast<TaskState>(i);
    std::string part = format_count(static_cast<std::uint64_t>(counts.by_state[i])) + " " +
                       std::string(to_string(state));
    if (state == TaskState::succeeded && counts.healed > 0) {
      part += " (" + format_count(static_cast<std::uint64_t>(counts.healed)) + " healed)";
    }
    parts.push_back(part);
  }
  return join(parts, ", ");
}

}  // namespace

Result<int> status(const Context& context, const StatusOptions& options) {
  DARN_ASSIGN(const Opened opened, open_run(context, options.run));
  if (options.json) {
    DARN_TRY(write_status_json(*opened.store, opened.run, !options.no_tasks, print));
    return 0;
  }
  if (options.no_tasks) {
    print(fmt::format("run {} {}, cycle {}: {}\n", opened.run.id, to_string(opened.run.state),
                      opened.run.cycle, counts_line(opened.run.counts)));
    return 0;
  }
  DARN_ASSIGN(const Summary summary, summarise(*opened.store, context.paths, opened.run));
  print(summary_text(summary, context.paths, context.out, context.clock->now()));
  DARN_TRY(list_tasks(context, opened, TaskState::running));
  DARN_TRY(list_tasks(context, opened, TaskState::delayed));
  return 0;
}

}  // namespace darn::cli
