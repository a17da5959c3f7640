// darn add: more tasks into a run that is going on (or was interrupted: they wait for its resume).
#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/context.hpp"
#include "cli/say.hpp"
#include "engine/planner.hpp"
#include "plan/reader.hpp"

namespace darn::cli {

Result<int> add(const Context& context, const AddOptions& options) {
  DARN_ASSIGN(const TaskSource source, load_source(options.file));
  DARN_ASSIGN(const Opened opened, open_run(context, options.run, false));
  const RunState state = opened.run.state;
  if (state != RunState::running && state != RunState::interrupted) {
    return fail(ErrorKind::usage,
                "run " + opened.run.id + " has ended (" + std::string(to_string(state)) + ")",
                "start a new one with 'darn run " + options.file + "'");
  }
  DARN_ASSIGN(const auto count, add_to_run(*opened.store, source, opened.run));
  say("{} {} added to run {}{}\n", count, count == 1 ? "task" : "tasks", opened.run.id,
      state == RunState::interrupted ? "; 'darn resume' starts them" : "");
  return 0;
}

}  // namespace darn::cli
