// Task files -> planned runs in the store. Everything in one transaction: a file that is refused
// leaves nothing behind.
#pragma once

#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/run.hpp"
#include "plan/reader.hpp"
#include "store/store.hpp"

namespace darn {

struct PlanSummary {
  std::int64_t tasks = 0;
  std::vector<std::size_t> levels;            // tasks per level
  std::map<std::string, std::int64_t> pools;  // tasks per pool
  std::int64_t max_attempts = 0;              // over all cycles
  double max_cost_usd = 0;                    // where it is known: tasks' budgets, reservations
  bool cost_known = true;                     // false: some agents have no known cost
};

// --dry-run: reads and checks everything, stores nothing. `run.parent` as for plan_run.
Result<PlanSummary> check_plan(const TaskSource& source, const RunSettings& settings, Store* store,
                               const RunRecord& run);

// What else may run again in a lineage, beside what has not succeeded.
enum class Force : std::uint8_t {
  no,
  unclean,  // what is not idempotent and whose end nobody saw
  all,      // what has succeeded, too
};

// Creates the run (id, key) with all its tasks. `run` has source, settings, parent, root, cwd, seed
// and created filled in. Dependencies may be ids that succeeded in the parent's lineage;
// tasks that did are recorded as succeeded and do not run again, unless forced (invariant 2);
// what is not idempotent and may have done its work is abandoned, unless forced.
Status plan_run(Store& store, const TaskSource& source, RunRecord& run, Force force = Force::no);

// Whether an attempt may have done its work without anybody having seen its end.
bool ended_unclean(const AttemptRecord& attempt);

// darn add: more tasks into an existing run. Returns how many.
Result<std::int64_t> add_to_run(Store& store, const TaskSource& source, const RunRecord& run);

}  // namespace darn
