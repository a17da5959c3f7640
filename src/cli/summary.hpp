// The closing account of a run: what succeeded and how, what is left and what to do about it. Read
// from the store alone, so `darn status` prints the same after the fact.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "cli/context.hpp"
#include "cli/terminal.hpp"
#include "engine/paths.hpp"
#include "model/run.hpp"
#include "store/store.hpp"

namespace darn::cli {

// What is left with one signature.
struct LeftGroup {
  std::string signature;
  TaskState state = TaskState::failed;
  Category category = Category::none;
  Cause cause = Cause::none;
  std::string message;  // of one of them
  std::string advice;
  std::int64_t count = 0;
  std::vector<std::string> ids;  // the first few
};

struct Summary {
  RunRecord run;  // state as shown
  std::int64_t first_try = 0;
  std::map<std::string, std::int64_t> healed_how;  // "by 1 retry", "in cycle 2", "after a limit"
  std::vector<std::string> healed_ids;             // the first few
  Duration parked{};            // tasks waited for somebody else's limits, overlaps counted once
  bool parked_partly = false;   // there was more than could be looked at
  std::vector<LeftGroup> left;  // the biggest first
  std::string example_id;       // of a task worth explaining
  std::vector<std::string> batches;
};

Result<Summary> summarise(Store& store, const StatePaths& paths, const RunRecord& run);
std::string summary_text(const Summary& summary, const StatePaths& paths, const Terminal& terminal,
                         Time now);

}  // namespace darn::cli
