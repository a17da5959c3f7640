// darn runs
#include <filesystem>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/say.hpp"
#include "cli/status_json.hpp"

namespace darn::cli {
namespace {

std::string line(const RunRecord& run, Time now) {
  const Time end = run.ended == Time{} ? now : run.ended;
  std::string text = fmt::format("{:<18} {:<11} {:>9}  {}/{} succeeded", run.id,
                                 to_string(run.state), format_duration(end - run.created),
                                 run.counts.of(TaskState::succeeded), run.counts.total());
  if (run.counts.healed > 0) {
    text += fmt::format(", {} healed", run.counts.healed);
  }
  if (!run.parent.empty()) {
    text += "  after " + run.parent;
  }
  return text + "  " + printable(run.source);
}

}  // namespace

Result<int> runs(const Context& context, const RunsOptions& options) {
  std::error_code error;
  std::vector<RunRecord> all;
  if (std::filesystem::exists(context.paths.database(), error)) {
    DARN_ASSIGN(const std::unique_ptr<Store> store, open_existing_store(context));
    DARN_ASSIGN(all, store->list_runs());
  }
  nlohmann::json list = nlohmann::json::array();
  for (RunRecord& run : all) {
    run.state = shown_state(context.paths, run);
    if (options.json) {
      nlohmann::json entry = run_json(run);
      entry.erase("auto_retry");  // part of the settings, which a list does not read
      entry.erase("max_retries");
      list.push_back(std::move(entry));
    } else {
      print(line(run, context.clock->now()) + "\n");
    }
  }
  if (options.json) {
    print(dump(list, 1) + "\n");
  } else if (all.empty()) {
    say("darn: no runs in {} yet; 'darn run FILE' starts one\n", context.paths.root);
  }
  return 0;
}

}  // namespace darn::cli
