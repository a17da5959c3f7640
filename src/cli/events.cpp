// darn events [RUN] [--follow]
#include "engine/events.hpp"

#include <cstdio>

#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/replay.hpp"
#include "cli/status_json.hpp"
#include "cli/watch.hpp"

namespace darn::cli {

Result<int> events(const Context& context, const EventsOptions& options) {
  DARN_ASSIGN(const Opened opened, open_run(context, options.run));
  Replay replay(*opened.store, context.paths, opened.run.key);
  std::int64_t version = 0;
  while (true) {
    DARN_TRY(replay.poll([](const EngineEvent& event) { print(dump(event_json(event)) + "\n"); }));
    std::fflush(stdout);
    if (!options.follow || replay.ended()) {
      return 0;
    }
    DARN_TRY(wait_for_change(*opened.store, version));
  }
}

}  // namespace darn::cli
