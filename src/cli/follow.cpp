// darn follow [RUN]
#include <cstdio>

#include "cli/commands.hpp"
#include "cli/progress.hpp"
#include "cli/replay.hpp"
#include "cli/summary.hpp"
#include "cli/watch.hpp"

namespace darn::cli {
namespace {

void print_now(std::string_view text) {
  print(text);
  std::fflush(stdout);
}

}  // namespace

Result<int> follow(const Context& context, const FollowOptions& options) {
  DARN_ASSIGN(const Opened opened, open_run(context, options.run));
  Replay replay(*opened.store, context.paths, opened.run.key);
  const std::unique_ptr<Progress> progress =
      make_progress(ProgressOptions{.mode = ProgressMode::plain,
                                    .terminal = context.out,
                                    .typical = {},
                                    .width = {},
                                    .write = print_now});
  std::int64_t version = 0;
  while (true) {
    DARN_TRY(replay.poll([&](const EngineEvent& event) { progress->on(event); }));
    if (replay.ended()) {
      break;
    }
    DARN_TRY(wait_for_change(*opened.store, version));
  }
  DARN_ASSIGN(const Summary summary, summarise(*opened.store, context.paths, replay.run()));
  print("\n" + summary_text(summary, context.paths, context.out, context.clock->now()));
  return exit_status(replay.run());
}

}  // namespace darn::cli
