// What is wrong with the files of a run that no engine works on: for `darn doctor`, and before
// a resume.
#pragma once

#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/context.hpp"

namespace darn::cli {

struct Problem {
  std::string run;  // empty: of the whole state
  std::string what;
  std::string mend;
};

// Supervisors that live without an engine, rings that do not read, a run that was cut off.
void check_slots(const Context& context, Store& store, const RunRecord& run,
                 std::vector<Problem>& found);
// Captured output that is cut short, gone or not what was written; promised outputs that have gone.
void check_outputs(const Context& context, Store& store, const RunRecord& run,
                   std::vector<Problem>& found);
// The rings know of attempts that the database has never heard of: it is an older copy, its -wal
// was removed, or (`after_power_cut`) the last commits were lost. How many; 0: none.
struct Behind {
  std::int64_t attempts = 0;
  bool after_power_cut = false;
};
Behind behind_its_rings(const Context& context, const RunRecord& run);

// With the run's lock held, before its engine starts: refuses what would not be safe. The second
// also says what has been lost.
Status refuse_unsafe(const Context& context, Store& store, const RunRecord& run,
                     const RunningOptions& options);
Status look_before_engine(const Context& context, Store& store, const RunRecord& run,
                          const RunningOptions& options);

}  // namespace darn::cli
