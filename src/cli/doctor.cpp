// darn doctor [--repair]: is the state whole, and if not, what is wrong and what to do about it.
#include "store/doctor.hpp"

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <system_error>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/leftovers.hpp"
#include "cli/say.hpp"
#include "cli/status_json.hpp"
#include "engine/lock.hpp"
#include "process/command.hpp"

namespace darn::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRepair = "darn doctor --repair";

std::vector<std::string> run_dirs(const StatePaths& paths) {
  std::vector<std::string> names;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(paths.root + "/runs", error)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// The database itself; one that does not read at all is a finding, too, and so is one that is not
// damaged and of another version, or another program's: the error says what to do about it.
void check_database(const Context& context, std::vector<Problem>& found) {
  const std::string path = context.paths.database();
  const auto problems = check_store(path);
  if (!problems) {
    found.push_back({"", problems.error().message, problems.error().mend});
    return;
  }
  for (const StoreProblem& one : *problems) {
    found.push_back({one.run, one.what, kRepair});
  }
}

void check_runs(const Context& context, std::vector<Problem>& found) {
  const auto store =
      open_sqlite_store(context.paths.database(), {.read_only = true, .unchecked = true});
  const auto runs = store ? (*store)->list_runs() : Result<std::vector<RunRecord>>{};
  if (!store || !runs) {
    return;  // has been said
  }
  std::set<std::string> known;
  for (const RunRecord& run : *runs) {
    known.insert(run.id);
    if (run_is_locked(context.paths.lock(run.id))) {
      continue;  // an engine works on it
    }
    check_slots(context, **store, run, found);
    check_outputs(context, **store, run, found);
  }
  for (const std::string& name : run_dirs(context.paths)) {
    if (!known.contains(name)) {
      found.push_back({"", context.paths.run_dir(name) + " belongs to no run of the database",
                       "remove it, unless the database is an older copy"});
    }
  }
}

std::vector<std::string> runs_worked_on(const Context& context) {
  std::vector<std::string> names = run_dirs(context.paths);
  std::erase_if(names,
                [&](const std::string& name) { return !run_is_locked(context.paths.lock(name)); });
  return names;
}

struct Repaired {
  std::string file;
  Salvage salvage;
  std::vector<StoreProblem> left;
};

// The copy is of one moment (store/doctor.hpp), so that no lock has to be held: an engine that
// begins meanwhile does no harm, but what it writes is missing in the copy. That is said.
Result<Repaired> repair(const Context& context) {
  if (const auto busy = runs_worked_on(context); !busy.empty()) {
    return fail(ErrorKind::try_again, "run " + busy.front() + " is being worked on",
                "repair when it has ended: what is written now would be missing in the copy");
  }
  Repaired done;
  done.file = context.paths.database() + ".repaired-" + format_stamp(context.clock->now());
  DARN_ASSIGN(done.salvage, salvage_store(context.paths.database(), done.file));
  DARN_ASSIGN(done.left, check_store(done.file));
  for (const std::string& name : runs_worked_on(context)) {
    done.salvage.notes.push_back("run " + name +
                                 " has begun meanwhile: what it does is missing in the copy; "
                                 "repair again when it has ended");
  }
  return done;
}

std::string how_to_use(const Context& context, const std::string& file) {
  const std::string root(shell_quote(context.paths.root));
  return fmt::format(
      "  mkdir {0}/damaged && mv {0}/darn.db {0}/darn.db-* {0}/damaged/\n"
      "  mv {1} {0}/darn.db\n",
      root, shell_quote(file));
}

void tell(const Context& context, const Repaired& done) {
  std::int64_t rows = 0;
  for (const auto& [table, count] : done.salvage.rows) {
    rows += count;
  }
  print(fmt::format("saved {} rows into {}\n", format_count(static_cast<std::uint64_t>(rows)),
                    done.file));
  for (const std::string& note : done.salvage.notes) {
    print("  " + note + "\n");
  }
  for (const StoreProblem& one : done.left) {
    print("  still wrong: " + (one.run.empty() ? "" : "run " + one.run + ": ") + one.what + "\n");
  }
  print("the old file is as it was. To go on with the new one:\n");
  print(how_to_use(context, done.file));
}

nlohmann::json problems_json(const std::vector<Problem>& found) {
  nlohmann::json list = nlohmann::json::array();
  for (const Problem& one : found) {
    list.push_back({{"run", one.run.empty() ? nlohmann::json() : nlohmann::json(one.run)},
                    {"problem", to_utf8(one.what)},
                    {"mend", one.mend}});
  }
  return list;
}

}  // namespace

Result<int> doctor(const Context& context, const DoctorOptions& options) {
  std::error_code error;
  if (!fs::exists(context.paths.database(), error)) {
    return fail(ErrorKind::usage, "no runs in " + context.paths.root,
                "start one with 'darn run FILE', or name its state directory with --state");
  }
  std::vector<Problem> found;
  check_database(context, found);
  check_runs(context, found);
  nlohmann::json result = {{"healthy", found.empty()}, {"problems", problems_json(found)}};
  if (!options.json) {
    for (const Problem& one : found) {
      print(printable((one.run.empty() ? "" : "run " + one.run + ": ") + one.what +
                      (one.mend.empty() ? "" : "; " + one.mend)) +
            "\n");
    }
    if (found.empty()) {
      print("nothing is wrong with " + context.paths.root + "\n");
    }
  }
  if (options.repair) {
    DARN_ASSIGN(const Repaired done, repair(context));
    if (!options.json) {
      tell(context, done);
    }
    result["repaired"] = {{"file", done.file},
                          {"rows", done.salvage.rows},
                          {"notes", done.salvage.notes},
                          {"problems_left", done.left.size()}};
  }
  if (options.json) {
    print(dump(result, 1) + "\n");
  }
  return found.empty() ? 0 : 1;
}

}  // namespace darn::cli
