// darn retry: what has not succeeded becomes a task file, and with --launch a run of the same
// lineage.
#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/say.hpp"
#include "cli/session.hpp"
#include "engine/batch.hpp"
#include "engine/retry_file.hpp"

namespace darn::cli {

Result<int> retry(const Context& context, const RetryOptions& options) {
  RunRecord parent;
  std::string file;
  {
    DARN_ASSIGN(const auto store, open_existing_store(context, false));
    DARN_ASSIGN(parent, store->find_run(options.run));
    if (shown_state(context.paths, parent) == RunState::running) {
      return fail(ErrorKind::try_again, "run " + parent.id + " is still running",
                  "wait for it with 'darn wait " + parent.id + "'");
    }
    DARN_ASSIGN(const int before, cycles_before(*store, parent));
    DARN_ASSIGN(file, write_retry_file(*store, context.paths, parent, before + parent.cycle,
                                       context.clock->now(), options.output));
  }
  if (file.empty()) {
    say("run {} has succeeded: nothing is left to retry\n", parent.id);
    return 0;
  }
  if (!options.launch) {
    print(file + "\n");
    return 0;
  }
  RunOptions again;
  static_cast<RunningOptions&>(again) = options;
  again.file = file;
  again.parent = parent.id;
  return run(context, again);
}

}  // namespace darn::cli
