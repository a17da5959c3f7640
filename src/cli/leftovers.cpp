#include "cli/leftovers.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>

#include <fmt/format.h>

#include "cli/say.hpp"
#include "process/leftovers.hpp"
#include "process/output.hpp"
#include "process/proc.hpp"

namespace darn::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kRecent = 10'000;  // attempts that a resume looks back

// Attempts whose output has the same fault are one line.
class Faults {
 public:
  explicit Faults(std::string run) : run_(std::move(run)) {}
  void add(const std::string& file, const std::string& what, const std::string& task) {
    Fault& fault = faults_[file.empty() ? what : file];
    if (fault.count++ == 0) {
      fault.what = what;
      fault.task = task;
    }
  }
  void report(std::vector<Problem>& found) const {
    for (const auto& [key, fault] : faults_) {
      std::string what = fault.what + ": of task '" + fault.task + "'";
      if (fault.count > 1) {
        what += fmt::format(" and {} others", fault.count - 1);
      }
      found.push_back(
          {run_, what, "it is never handed on; run the task again in a new run if it is needed"});
    }
  }

 private:
  struct Fault {
    std::string what, task;
    std::int64_t count = 0;
  };
  std::string run_;
  std::map<std::string, Fault> faults_;
};

void check_attempts(const Context& context, Store& store, const RunRecord& run, AttemptKey after,
                    Status (*check)(const std::string&, const OutputRef&),
                    std::vector<Problem>& found) {
  const std::string dir = context.paths.run_dir(run.id);
  Faults faults(run.id);
  const Status read = store.each_attempt(run.key, after, [&](const AttemptRecord& a) -> Status {
    for (const OutputRef* ref : {&a.outcome.out, &a.outcome.err, &a.outcome.check_out}) {
      if (const Status whole = check(dir, *ref); !whole) {
        faults.add(ref->unwritten > 0 ? "unwritten" : ref->file, whole.error().message, a.task_id);
      }
    }
    return {};
  });
  if (!read) {
    found.push_back({run.id, read.error().message, "darn doctor --repair"});
  }
  faults.report(found);
}

// What ran on another machine, or in another container, cannot be seen from here: neither adopted
// nor proven dead. After a reboot it is dead.
Status refuse_foreign(Store& store, const RunRecord& run, bool take_over) {
  if (run.host.empty() || run.host == host_name() || take_over) {
    return {};
  }
  DARN_ASSIGN(const auto open, store.running_attempts(run.key));
  if (open.empty()) {
    return {};
  }
  return fail(
      ErrorKind::try_again,
      fmt::format("run {} was last worked on by {}, where {} of its tasks may still run "
                  "(this is {})",
                  run.id, run.host, open.size(), host_name()),
      "resume it there; when that one is gone for good: 'darn resume " + run.id + " --take-over'");
}

std::string unknown_attempts(const Behind& behind, const RunRecord& run) {
  return fmt::format("the database knows nothing of the last {} attempts of run {}",
                     behind.attempts, run.id);
}

Status refuse_older(const Context& context, const RunRecord& run, bool force) {
  const Behind behind = behind_its_rings(context, run);
  if (behind.attempts == 0) {
    return {};
  }
  const std::string what = unknown_attempts(behind, run);
  for (const SlotState& slot : look_at_slots(context.paths.run_dir(run.id))) {
    if (slot.shim_lives && slot.open > 0) {
      return fail(ErrorKind::try_again, what + ", and some still run",
                  "wait until they have ended, or end them");
    }
  }
  if (behind.after_power_cut || force) {
    return {};
  }
  return fail(ErrorKind::io, what + ": it is an older copy, or its -wal was removed",
              "put the newer one back, or add --force: what they did may be done again");
}

}  // namespace

Status refuse_unsafe(const Context& context, Store& store, const RunRecord& run,
                     const RunningOptions& options) {
  DARN_TRY(refuse_foreign(store, run, options.take_over));
  return refuse_older(context, run, options.start_unclean);
}

Status look_before_engine(const Context& context, Store& store, const RunRecord& run,
                          const RunningOptions& options) {
  DARN_TRY(refuse_unsafe(context, store, run, options));
  const Behind behind = behind_its_rings(context, run);
  if (behind.attempts > 0 && behind.after_power_cut) {
    say("darn: {}: a power cut has taken them, what they did may be done again\n",
        unknown_attempts(behind, run));
  }
  std::vector<Problem> found;
  const AttemptKey first = run.key << 32;
  check_attempts(context, store, run, first + std::max<std::int64_t>(0, run.attempts - kRecent),
                 check_output_length, found);
  for (const Problem& one : found) {
    say("darn: run {}: {}; {}\n", one.run, one.what, one.mend);
  }
  return {};
}

void check_slots(const Context& context, Store& store, const RunRecord& run,
                 std::vector<Problem>& found) {
  const std::vector<SlotState> slots = look_at_slots(context.paths.run_dir(run.id));
  const auto lives = std::count_if(slots.begin(), slots.end(),
                                   [](const SlotState& slot) { return slot.shim_lives; });
  for (const SlotState& slot : slots) {
    if (!slot.trouble.empty()) {
      found.push_back({run.id, slot.trouble,
                       "when nothing of the run lives any more, remove it: what ran there counts "
                       "as lost"});
    }
  }
  const auto open = store.running_attempts(run.key);
  const auto running = open ? open->size() : 0;
  const bool cut_off = run.state == RunState::planning || run.state == RunState::running;
  const std::string resume = "darn resume " + run.id;
  if (cut_off || running > 0) {
    found.push_back({run.id,
                     fmt::format("was cut off: its engine is dead, {} tasks were running, {} "
                                 "supervisors still live",
                                 running, lives),
                     resume});
  } else if (lives > 0) {
    found.push_back({run.id,
                     fmt::format("is not running, and {} of its supervisors still live", lives),
                     "wait for what they run, or end it"});
  }
  if (const Behind behind = behind_its_rings(context, run); behind.attempts > 0) {
    found.push_back(
        {run.id,
         fmt::format("the database knows nothing of the last {} attempts that were started: {}",
                     behind.attempts,
                     behind.after_power_cut ? "a power cut has taken them"
                                            : "it is an older copy, or its -wal was removed"),
         behind.after_power_cut ? resume + "; what they did may be done again"
                                : "put the newer database back, or 'darn resume " + run.id +
                                      " --force': what they did may be done again"});
  }
}

void check_outputs(const Context& context, Store& store, const RunRecord& run,
                   std::vector<Problem>& found) {
  check_attempts(context, store, run, 0, check_output, found);
  Store::TaskFilter filter;
  filter.states = {TaskState::succeeded};
  static_cast<void>(store.each_task(run.key, filter, false, [&](const TaskRecord& t) -> Status {
    std::error_code error;
    if (!t.output_path.empty() && !fs::exists(t.output_path, error)) {
      found.push_back({run.id,
                       fmt::format("task '{}' has succeeded, but its output {} is not there any "
                                   "more",
                                   t.spec.id, t.output_path),
                       "put it back, or run the task again in a new run"});
    }
    return {};
  }));
}

Behind behind_its_rings(const Context& context, const RunRecord& run) {
  Behind behind;
  for (const SlotState& slot : look_at_slots(context.paths.run_dir(run.id))) {
    const bool ours = slot.highest >> 32 == run.key;
    const std::int64_t number = slot.highest & 0xffffffff;
    if (ours && number - run.attempts > behind.attempts) {
      behind.attempts = number - run.attempts;
      behind.after_power_cut = !slot.same_boot;
    }
  }
  return behind;
}

}  // namespace darn::cli
