// What every command is given, and the few steps that all of them begin with.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "cli/terminal.hpp"
#include "engine/paths.hpp"
#include "model/run.hpp"
#include "store/store.hpp"

namespace darn::cli {

struct Context {
  std::string cwd;   // absolute
  StatePaths paths;  // absolute
  Terminal out;      // standard output
  Terminal err;      // standard error
  const Clock* clock = nullptr;
};

// The store of a state directory that must be there already; "no runs here" otherwise.
Result<std::unique_ptr<Store>> open_existing_store(const Context& context, bool read_only = true);

// The state as people should see it: a run that the store holds as planning or running, and whose
// lock nobody holds, is interrupted.
RunState shown_state(const StatePaths& paths, const RunRecord& run);

// Opens the store and finds a run ("": the newest); its state is the shown one.
struct Opened {
  std::unique_ptr<Store> store;
  RunRecord run;
};
Result<Opened> open_run(const Context& context, const std::string& ref, bool read_only = true);

// 0 when everything succeeded (and nothing was healed, with fail_on_healed), otherwise 1.
int exit_status(const RunRecord& run);

// Writes to standard output, which is data; a failure to write shows at the end (main_entry).
void print(std::string_view text);

// Writes a whole file beside itself first, then renames it: a reader never sees half of it.
// "-" or "" is standard output.
Status write_file(const std::string& path, std::string_view content);

}  // namespace darn::cli
