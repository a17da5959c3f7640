// darn gc: old runs with their logs, batches and workspaces. A lineage goes as a whole or not at
// all: its later runs rest on what the earlier ones left.
#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <system_error>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "agent/workspace.hpp"
#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/explain_text.hpp"
#include "cli/say.hpp"
#include "cli/status_json.hpp"
#include "engine/events.hpp"
#include "engine/lock.hpp"
#include "process/leftovers.hpp"

namespace darn::cli {
namespace {

namespace fs = std::filesystem;

constexpr Duration kOld = std::chrono::days{30};

struct Lineage {
  std::vector<RunRecord> runs;
  Time last{};        // its newest end
  bool live = false;  // a run of it is going on
  std::vector<std::string> paths;
  std::uint64_t bytes = 0;
};

// Its engine may be dead and its tasks not.
bool still_supervised(const std::string& run_dir) {
  const std::vector<SlotState> slots = look_at_slots(run_dir);
  return std::any_of(slots.begin(), slots.end(),
                     [](const SlotState& slot) { return slot.shim_lives; });
}

std::vector<Lineage> by_lineage(const Context& context, const std::vector<RunRecord>& runs) {
  std::map<std::string, Lineage> by_root;
  for (const RunRecord& run : runs) {
    Lineage& lineage = by_root[run.root];
    lineage.runs.push_back(run);
    lineage.runs.back().state = shown_state(context.paths, run);
    lineage.last = std::max({lineage.last, run.ended, run.created});
    lineage.live = lineage.live || lineage.runs.back().state == RunState::running ||
                   still_supervised(context.paths.run_dir(run.id));
  }
  std::vector<Lineage> all;
  for (auto& [root, lineage] : by_root) {
    all.push_back(std::move(lineage));
  }
  std::sort(all.begin(), all.end(),
            [](const Lineage& a, const Lineage& b) { return a.last > b.last; });
  return all;
}

// Those that are old enough, but for the newest that are to be kept, and never a live one.
std::vector<Lineage> pick(std::vector<Lineage> all, const GcOptions& options, Time now) {
  const Duration age = options.older_than.value_or(options.keep ? Duration{0} : kOld);
  const auto keep = static_cast<std::size_t>(options.keep.value_or(0));
  all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(std::min(keep, all.size())));
  std::erase_if(all, [&](const Lineage& l) { return l.live || now - l.last < age; });
  return all;
}

// Of files and directories themselves; links are not followed.
std::uint64_t bytes_in(const std::string& path) {
  std::error_code error;
  std::uint64_t bytes = 0;
  fs::recursive_directory_iterator entry(path, fs::directory_options::skip_permission_denied,
                                         error);
  if (error) {
    const std::uint64_t size = fs::file_size(path, error);
    return error ? 0 : size;
  }
  for (const fs::recursive_directory_iterator end; entry != end; entry.increment(error)) {
    if (error) {
      break;
    }
    if (entry->is_regular_file(error) && !entry->is_symlink(error)) {
      const std::uint64_t size = entry->file_size(error);
      bytes += error ? 0 : size;
    }
  }
  return bytes;
}

// The retry files that were made of a batch carry its time in their name.
std::vector<std::string> retry_files(const StatePaths& paths, const std::string& batch) {
  const std::string prefix =
      "auto-retry-" + batch.substr(std::min(batch.find('-') + 1, batch.size())) + "-";
  std::vector<std::string> files;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(paths.batches(), error)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(prefix) && name.ends_with(".csv")) {
      files.push_back(entry.path().string());
    }
  }
  return files;
}

Status find_paths(Store& store, const StatePaths& paths, Lineage& lineage) {
  std::error_code error;
  const auto add = [&](const std::string& path) {
    if (fs::exists(fs::symlink_status(path, error))) {
      lineage.paths.push_back(path);
      lineage.bytes += bytes_in(path);
    }
  };
  for (const RunRecord& run : lineage.runs) {
    add(paths.run_dir(run.id));
    DARN_ASSIGN(const std::vector<CycleRecord> cycles, store.cycles(run.key));
    for (const CycleRecord& cycle : cycles) {
      if (cycle.batch.empty() || cycle.batch != file_name(cycle.batch)) {
        continue;
      }
      add(paths.batch(cycle.batch));
      for (const std::string& file : retry_files(paths, cycle.batch)) {
        add(file);
      }
    }
  }
  return {};
}

// git knows of each worktree: it is told that it goes.
void remove_worktrees(const std::string& batch) {
  std::error_code error;
  for (const fs::directory_entry& agent : fs::directory_iterator(batch + "/results", error)) {
    std::error_code inner;
    for (const fs::directory_entry& entry : fs::directory_iterator(agent.path(), inner)) {
      std::error_code ignored;
      const fs::path git = entry.path() / ".git";
      if (entry.is_directory(ignored) && !entry.is_symlink(ignored) &&
          fs::is_regular_file(fs::symlink_status(git, ignored))) {
        if (const Status removed = remove_workspace(entry.path().string()); !removed) {
          say("darn: {}\n", printable(removed.error().text()));
        }
      }
    }
  }
}

// The lineage's first: who plans a re-run of it, or resumes one of its runs, holds that one before
// there is a run to be locked. Then it is what was looked at before, or a re-run has come and ended
// meanwhile.
Result<std::vector<RunLock>> lock_all(Store& store, const StatePaths& paths,
                                      const Lineage& lineage) {
  std::vector<RunLock> locks;
  const std::string& root = lineage.runs.front().root;
  DARN_ASSIGN(RunLock whole, RunLock::acquire(paths.lineage_lock(root), root));
  locks.push_back(std::move(whole));
  for (const RunRecord& run : lineage.runs) {
    DARN_ASSIGN(RunLock lock, RunLock::acquire(paths.lock(run.id), run.id));
    locks.push_back(std::move(lock));
  }
  DARN_ASSIGN(const std::vector<RunRecord> now, store.lineage_of(root));
  if (now.size() != lineage.runs.size()) {
    return fail(ErrorKind::try_again, "another run of the lineage of " + root + " has just begun");
  }
  return locks;
}

// Files first: when this is cut short, the runs are still listed and the next gc goes on. The locks
// are held.
Status remove(Store& store, const StatePaths& paths, const Lineage& lineage) {
  for (const std::string& path : lineage.paths) {
    remove_worktrees(path);
    std::error_code error;
    fs::remove_all(path, error);
    if (error) {
      return fail(ErrorKind::io, "cannot remove " + path + ": " + error.message());
    }
  }
  for (const RunRecord& run : lineage.runs) {
    DARN_TRY(store.delete_run(run.key));
    std::error_code error;
    fs::remove_all(paths.run_dir(run.id), error);  // made anew by its lock, if it was gone
  }
  return {};
}

void list_one(const Lineage& lineage, bool done, Time now) {
  for (const RunRecord& run : lineage.runs) {
    print(fmt::format("{} {}  {}, {} ago  {}\n", done ? "removed" : "would remove", run.id,
                      to_string(run.state), format_duration(now - std::max(run.ended, run.created)),
                      one_line(run.source, 80)));
  }
  for (const std::string& path : lineage.paths) {
    print("    " + one_line(path, 1000) + "\n");
  }
}

nlohmann::json lineage_json(const Lineage& lineage) {
  nlohmann::json runs = nlohmann::json::array();
  for (const RunRecord& run : lineage.runs) {
    runs.push_back(
        {{"run", run.id}, {"state", to_string(run.state)}, {"ended", time_json(run.ended)}});
  }
  return {{"root", lineage.runs.front().root},
          {"runs", runs},
          {"paths", lineage.paths},
          {"bytes", lineage.bytes}};
}

}  // namespace

Result<int> gc(const Context& context, const GcOptions& options) {
  DARN_ASSIGN(const std::unique_ptr<Store> store, open_existing_store(context, !options.yes));
  DARN_ASSIGN(const std::vector<RunRecord> runs, store->list_runs());
  const Time now = context.clock->now();
  std::vector<Lineage> old = pick(by_lineage(context, runs), options, now);
  std::uint64_t bytes = 0;
  nlohmann::json list = nlohmann::json::array();
  for (Lineage& lineage : old) {
    Result<std::vector<RunLock>> locks;
    if (options.yes) {
      locks = lock_all(*store, context.paths, lineage);
      if (!locks && locks.error().kind == ErrorKind::try_again) {
        say("darn: {}: it stays\n", printable(locks.error().message));
        continue;
      }
      if (!locks) {
        return tl::unexpected<Error>(std::move(locks.error()));
      }
    }
    DARN_TRY(find_paths(*store, context.paths, lineage));
    if (options.yes) {
      DARN_TRY(remove(*store, context.paths, lineage));
    }
    bytes += lineage.bytes;
    if (options.json) {
      list.push_back(lineage_json(lineage));
    } else {
      list_one(lineage, options.yes, now);
    }
  }
  if (options.json) {
    print(dump({{"removed", options.yes}, {"bytes", bytes}, {"lineages", list}}, 1) + "\n");
  } else if (old.empty()) {
    say("nothing is old enough to go\n");
  } else {
    say("{}: {}\n", options.yes ? "removed" : "'darn gc --yes' removes them", format_bytes(bytes));
  }
  return 0;
}

}  // namespace darn::cli
