// What would happen to a task next: read from the store, and asked of the same decide() that the
// engine asks. Starts nothing, changes nothing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/run.hpp"
#include "store/store.hpp"

namespace darn::cli {

struct NextStep {
  std::string text;                  // one sentence
  std::optional<Decision> if_again;  // the decision if it failed the same way once more
};

// `run` with its state as shown.
Result<NextStep> next_step(Store& store, const RunRecord& run, const TaskRecord& task,
                           const std::vector<AttemptRecord>& attempts, Time now);

// "retry in 5s", "snooze until 17:30:05", "give up in this cycle".
std::string decision_text(const Decision& decision);

}  // namespace darn::cli
