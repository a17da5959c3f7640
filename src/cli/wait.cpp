// darn wait [RUN]
#include <fmt/format.h>
#include <sysexits.h>

#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/say.hpp"
#include "cli/watch.hpp"

namespace darn::cli {

Result<int> wait(const Context& context, const WaitOptions& options) {
  DARN_ASSIGN(Opened opened, open_run(context, options.run));
  const Time begun = context.clock->now();
  const std::string id = opened.run.id;
  std::int64_t version = 0;
  while (opened.run.state == RunState::running) {
    if (options.timeout && context.clock->now() - begun >= *options.timeout) {
      say("darn: run {} goes on after {}\n", id, format_duration(*options.timeout));
      return EX_TEMPFAIL;
    }
    DARN_TRY(wait_for_change(*opened.store, version));
    DARN_ASSIGN(opened.run, opened.store->run(opened.run.key));
    if (shown_state(context.paths, opened.run) != RunState::running) {
      DARN_ASSIGN(opened.run, opened.store->run(opened.run.key));
    }
    opened.run.state = shown_state(context.paths, opened.run);
  }
  return exit_status(opened.run);
}

}  // namespace darn::cli
