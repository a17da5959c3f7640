#include "cli/summary.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace darn::cli {
namespace {

// Reading each attempt of every healed task costs a query a task; beyond this only counts are
// given.
constexpr std::int64_t kLookedAt = 5000;
constexpr std::size_t kFewIds = 5;

using Interval = std::pair<Time, Time>;

// How long somebody waited, overlaps counted once.
Duration united(std::vector<Interval> intervals) {
  std::sort(intervals.begin(), intervals.end());
  Duration sum{};
  Time reached{};
  for (const auto& [from, to] : intervals) {
    const Time begin = std::max(from, reached);
    if (to > begin) {
      sum += to - begin;
      reached = to;
    }
  }
  return sum;
}

void add_parked(const std::vector<AttemptRecord>& attempts, std::vector<Interval>& parked) {
  for (std::size_t i = 0; i < attempts.size(); ++i) {
    if (attempts[i].decision.action != Action::snooze) {
      continue;
    }
    const Time from = attempts[i].outcome.ended;
    const bool more = i + 1 < attempts.size();
    // It may have been revived earlier than planned; later only because nothing was free.
    const Time to = more ? std::min(attempts[i].decision.until, attempts[i + 1].claimed)
                         : attempts[i].decision.until;
    parked.emplace_back(from, to);
  }
}

// By what a task that is healed got well in the end.
std::string how_healed(const std::vector<AttemptRecord>& attempts) {
  if (attempts.empty()) {
    return "otherwise";
  }
  const AttemptRecord& last = attempts.back();
  if (last.cycle > 1) {
    return "in cycle " + std::to_string(last.cycle);
  }
  if (last.kind == AttemptKind::fallback) {
    return "by the fallback agent";
  }
  std::int64_t retries = 0;
  bool lost = false;
  for (std::size_t i = 0; i + 1 < attempts.size(); ++i) {
    retries += attempts[i].decision.charge == Charge::retry ? 1 : 0;
    lost = lost || attempts[i].state == AttemptState::lost;
  }
  if (retries > 0) {
    return retries == 1 ? "by 1 retry" : "by " + std::to_string(retries) + " retries";
  }
  return lost ? "after a lost attempt" : "after waiting for a limit";
}

// What makes failures one kind; those that follow from another's are not told apart.
std::string kind_of(const TaskRecord& task) {
  if (task.state == TaskState::skipped) {
    return "";
  }
  return task.signature.empty() ? task.summary : task.signature;
}

class Account {
 public:
  Account(Store& store, RunKey run, Summary& summary)
      : store_(store), run_(run), summary_(summary) {}

  Status healed(const TaskRecord& task) {
    if (summary_.healed_ids.size() < kFewIds) {
      summary_.healed_ids.push_back(task.spec.id);
    }
    if (looked_at_++ >= kLookedAt) {
      summary_.parked_partly = true;
      const std::string cycle = "in cycle " + std::to_string(task.cycle);
      ++summary_.healed_how[task.cycle > 1 ? cycle : "in place"];
      return {};
    }
    DARN_ASSIGN(const std::vector<AttemptRecord> attempts, store_.attempts(run_, task.spec.id));
    ++summary_.healed_how[how_healed(attempts)];
    add_parked(attempts, parked_);
    return {};
  }

  Status left(const TaskRecord& task) {
    LeftGroup& group = groups_[{task.state, kind_of(task)}];
    if (group.count++ == 0) {
      group.signature = task.signature;
      group.state = task.state;
      group.category = task.category;
      group.cause = task.cause;
      group.message =
          task.state == TaskState::skipped ? "what they depend on did not succeed" : task.summary;
      group.advice = task.advice;
    }
    if (group.ids.size() < kFewIds) {
      group.ids.push_back(task.spec.id);
    }
    const bool own_failure = task.state == TaskState::failed || task.state == TaskState::abandoned;
    if (own_failure && summary_.example_id.empty()) {
      summary_.example_id = task.spec.id;
    }
    if (task.attempts > 1 && looked_at_++ < kLookedAt) {
      DARN_ASSIGN(const std::vector<AttemptRecord> attempts, store_.attempts(run_, task.spec.id));
      add_parked(attempts, parked_);
    }
    return {};
  }

  void close() {
    summary_.parked = united(std::move(parked_));
    for (auto& [key, group] : groups_) {
      summary_.left.push_back(std::move(group));
    }
    const auto order = [](const LeftGroup& a, const LeftGroup& b) {
      // What a person can act on stands before its consequences.
      const bool a_follows = a.state == TaskState::skipped || a.state == TaskState::cancelled;
      const bool b_follows = b.state == TaskState::skipped || b.state == TaskState::cancelled;
      return std::tuple(a_follows, -a.count) < std::tuple(b_follows, -b.count);
    };
    std::stable_sort(summary_.left.begin(), summary_.left.end(), order);
  }

 private:
  Store& store_;
  RunKey run_;
  Summary& summary_;
  std::map<std::pair<TaskState, std::string>, LeftGroup> groups_;
  std::vector<Interval> parked_;
  std::int64_t looked_at_ = 0;
};

}  // namespace

Result<Summary> summarise(Store& store, const StatePaths& paths, const RunRecord& run) {
  Summary summary;
  summary.run = run;
  summary.run.state = shown_state(paths, run);
  summary.first_try = run.counts.of(TaskState::succeeded) - run.counts.healed;
  Account account(store, run.key, summary);
  if (run.counts.healed > 0) {
    Store::TaskFilter filter;
    filter.states = {TaskState::succeeded};
    filter.healed_only = true;
    DARN_TRY(store.each_task(run.key, filter, false,
                             [&](const TaskRecord& task) { return account.healed(task); }));
  }
  const Store::TaskFilter not_succeeded{.states = {TaskState::failed, TaskState::abandoned,
                                                   TaskState::skipped, TaskState::cancelled}};
  DARN_TRY(store.each_task(run.key, not_succeeded, false,
                           [&](const TaskRecord& task) { return account.left(task); }));
  account.close();
  DARN_ASSIGN(const std::vector<CycleRecord> cycles, store.cycles(run.key));
  for (const CycleRecord& cycle : cycles) {
    if (!cycle.batch.empty()) {
      summary.batches.push_back(cycle.batch);
    }
  }
  return summary;
}

}  // namespace darn::cli
