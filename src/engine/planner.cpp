#include "engine/planner.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/text.hpp"
#include "engine/pools.hpp"
#include "plan/graph.hpp"
#include "policy/budget.hpp"
#include "policy/decide.hpp"

namespace darn {
namespace {

// What has succeeded anywhere in a lineage, in a sibling re-run too: it never runs again (DESIGN
// invariant 2), and what depends on it may start.
class Lineage {
 public:
  static Result<Lineage> of(Store* store, const std::string& root) {
    Lineage lineage;
    lineage.store_ = store;
    if (store != nullptr && !root.empty()) {
      DARN_ASSIGN(const auto runs, store->lineage_of(root));
      for (const RunRecord& run : runs) {
        lineage.runs_.push_back(run.key);
        lineage.ids_.push_back(run.id);
      }
    }
    return lineage;
  }
  // An error is not a no: what has succeeded would run again.
  Result<std::optional<Store::Success>> success(std::string_view id) const {
    for (const RunKey run : runs_) {
      DARN_ASSIGN(auto success, store_->success_of(run, id));
      if (success.succeeded) {
        return std::optional(std::move(success));
      }
    }
    return std::optional<Store::Success>{};
  }
  bool knows(std::string_view id) const {
    const auto found = success(id);
    return found && found->has_value();
  }
  // The run in which it was last tried, and may have done its work; empty: none.
  Result<std::string> unclean(const std::string& id) const {
    std::string held_back;  // abandoned without an attempt: for this reason, or saved from damage
    for (std::size_t i = runs_.size(); i-- > 0;) {
      DARN_ASSIGN(const auto attempts, store_->attempts(runs_[i], id));
      if (!attempts.empty()) {
        return ended_unclean(attempts.back()) ? ids_[i] : std::string{};
      }
      const auto task = store_->task(runs_[i], id);
      if (task && task->state == TaskState::abandoned) {
        held_back = ids_[i];
      }
    }
    return held_back;
  }

 private:
  Store* store_ = nullptr;
  std::vector<RunKey> runs_;  // oldest first
  std::vector<std::string> ids_;
};

// A CSV cannot say everything that a YAML task can: a re-run takes the rest from the parent's task
// of the same id.
Status add_unsaid(Store& store, const RunRecord& run, RunKey parent, TaskSpec& task) {
  if (parent == 0 || run.format != "csv") {
    return {};
  }
  const auto before = store.task(parent, task.id);
  if (!before) {
    const bool unknown = before.error().kind == ErrorKind::usage;
    return unknown ? Status{} : tl::unexpected<Error>(before.error());
  }
  const TaskSpec& said = before->spec;
  if (task.race.empty() && !said.race.empty() && task.agent == said.race.front()) {
    task.race = said.race;
    task.agent.clear();
  }
  if (task.failed_when.empty()) {
    task.failed_when = said.failed_when;
  }
  if (task.score == ScoreRule{}) {
    task.score = said.score;
  }
  if (task.fallback.empty()) {
    task.fallback = said.fallback;
  }
  if (!task.deadline) {
    task.deadline = said.deadline;
  }
  if (!task.budget.tokens) {
    task.budget.tokens = said.budget.tokens;
  }
  return {};
}

TaskUpdate once_only(const std::string& run) {
  TaskUpdate update;
  update.state = TaskState::abandoned;
  update.summary = "idempotent=false, and it may have done its work in run " + run;
  update.advice = "see whether it did; 'darn retry --launch --force' runs it again";
  return update;
}

Result<RunKey> parent_key(Store& store, const RunRecord& run) {
  if (run.parent.empty()) {
    return RunKey{0};
  }
  DARN_ASSIGN(const RunRecord parent, store.find_run(run.parent));
  return parent.key;
}

// Rolls back unless told that all went well.
class Transaction {
 public:
  static Result<Transaction> begin(Store& store) {
    DARN_TRY(store.begin());
    return Transaction(store);
  }
  Transaction(Transaction&& other) noexcept : store_(std::exchange(other.store_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction() {
    if (store_ != nullptr) {
      store_->rollback();
    }
  }
  Status commit() { return std::exchange(store_, nullptr)->commit(); }

 private:
  explicit Transaction(Store& store) : store_(&store) {}
  Store* store_;
};

// The header's names, before the file has been checked: the run is created first.
std::vector<std::string> csv_columns(std::string_view text) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) {
    text.remove_prefix(kByteOrderMark.size());
  }
  bool quoted = false;
  std::size_t end = 0;
  for (; end < text.size() && (quoted || (text[end] != '\n' && text[end] != '\r')); ++end) {
    if (text[end] == '"') {
      quoted = !quoted;
    }
  }
  std::vector<std::string> columns = split_record(text.substr(0, end));
  for (std::string& column : columns) {
    column = trim(column);
  }
  return columns;
}

void count_task(const TaskSpec& task, const RunSettings& settings, PlanSummary& plan) {
  ++plan.tasks;
  ++plan.pools[pool_of(task, settings)];
  const std::int64_t cycles = settings.auto_retry ? 1 + settings.max_retries : 1;
  const std::int64_t attempts = max_attempts_per_cycle(settings.policy, task.retries) * cycles;
  const auto lanes = static_cast<std::int64_t>(std::max<std::size_t>(task.race.size(), 1));
  plan.max_attempts += attempts * lanes;
  if (!task.is_agent()) {
    return;
  }
  if (task.budget.usd) {
    plan.max_cost_usd += *task.budget.usd;
    return;
  }
  std::vector<std::string> agents = task.race;
  if (agents.empty()) {
    agents.push_back(task.agent);
  }
  for (const std::string& name : agents) {
    const auto agent = settings.agents.find(name);
    const double reserve = agent == settings.agents.end() ? 0 : agent->second.reserve_usd;
    if (reserve <= 0) {
      plan.cost_known = false;
    }
    plan.max_cost_usd += reserve * static_cast<double>(attempts);
  }
}

}  // namespace

Result<PlanSummary> check_plan(const TaskSource& source, const RunSettings& settings, Store* store,
                               const RunRecord& run) {
  PlanSummary plan;
  TaskGraph graph;
  DARN_TRY(read_tasks(
      source, settings,
      [&](const TaskSpec& task, std::string_view, const Location&) -> Status {
        count_task(task, settings, plan);
        return {};
      },
      &graph));
  DARN_ASSIGN(const Lineage lineage, Lineage::of(store, run.root));
  DARN_TRY(graph.finish([&](std::string_view id) { return lineage.knows(id); }));
  plan.levels = graph.level_sizes();
  if (settings.budget.usd) {
    plan.max_cost_usd =
        plan.cost_known ? std::min(plan.max_cost_usd, *settings.budget.usd) : *settings.budget.usd;
    plan.cost_known = true;
  }
  return plan;
}

bool ended_unclean(const AttemptRecord& attempt) {
  switch (attempt.state) {
    case AttemptState::running:
    case AttemptState::lost: return true;
    case AttemptState::cancelled: return attempt.decision.action == Action::abandon;
    default: return false;
  }
}

Status plan_run(Store& store, const TaskSource& source, RunRecord& run, Force force) {
  DARN_ASSIGN(const RunKey parent, parent_key(store, run));
  DARN_ASSIGN(const Lineage lineage, Lineage::of(&store, run.root));
  const auto elsewhere = [&](std::string_view id) { return lineage.knows(id); };
  DARN_ASSIGN(Transaction transaction, Transaction::begin(store));
  run.format = source.format == TaskSource::Format::csv ? "csv" : "yaml";
  if (run.format == "csv") {
    run.columns = csv_columns(source.text);
  }
  DARN_TRY(store.create_run(run));
  TaskGraph graph;
  std::vector<std::pair<TaskKey, TaskUpdate>> done;
  DARN_TRY(read_tasks(
      source, run.settings,
      [&](const TaskSpec& row, std::string_view raw, const Location&) -> Status {
        TaskSpec task = row;
        DARN_TRY(add_unsaid(store, run, parent, task));
        DARN_ASSIGN(const TaskKey key,
                    store.add_task(run.key, task, pool_of(task, run.settings), raw));
        std::optional<Store::Success> success;
        if (force != Force::all) {
          DARN_ASSIGN(success, lineage.success(task.id));
        }
        if (success) {
          TaskUpdate update;
          update.state = TaskState::succeeded;
          update.summary = "succeeded earlier in this lineage";
          update.output_path = success->output_path;
          update.workspace = success->workspace;
          done.emplace_back(key, std::move(update));
        } else if (!task.idempotent && force == Force::no) {
          DARN_ASSIGN(const std::string where, lineage.unclean(task.id));
          if (!where.empty()) {
            done.emplace_back(key, once_only(where));
          }
        }
        return {};
      },
      &graph));
  DARN_TRY(graph.finish(elsewhere));
  DARN_TRY(store.finish_plan(run.key, elsewhere));
  for (const auto& [key, update] : done) {
    DARN_TRY(store.update_task(run.key, key, update));
  }
  return transaction.commit();
}

Result<std::int64_t> add_to_run(Store& store, const TaskSource& source, const RunRecord& run) {
  const auto in_run = [&](std::string_view id) { return store.task(run.key, id).has_value(); };
  DARN_ASSIGN(Transaction transaction, Transaction::begin(store));
  // Within the transaction no engine can end the run under it.
  DARN_ASSIGN(const RunRecord now, store.run(run.key));
  const bool open = now.state == RunState::running || now.state == RunState::planning ||
                    now.state == RunState::interrupted;
  if (!open || now.cancel_requested) {
    return fail(ErrorKind::usage, "run " + run.id + " has just ended",
                "start a new one with 'darn run " + source.path + "'");
  }
  DARN_ASSIGN(const Lineage lineage, Lineage::of(&store, run.root));
  // A row is kept as text only under the run's own columns: a retry file has one header.
  const bool same_columns = csv_columns(source.text) == run.columns;
  TaskGraph graph;
  DARN_TRY(read_tasks(
      source, run.settings,
      [&](const TaskSpec& task, std::string_view raw, const Location& where) -> Status {
        if (in_run(task.id)) {
          return fail(ErrorKind::bad_input,
                      "run " + run.id + " has a task '" + task.id + "' already",
                      "give it another id", where);
        }
        DARN_ASSIGN(const TaskKey key, store.add_task(run.key, task, pool_of(task, run.settings),
                                                      same_columns ? raw : std::string_view{}));
        static_cast<void>(key);
        return {};
      },
      &graph));
  const auto known = [&](std::string_view id) { return in_run(id) || lineage.knows(id); };
  DARN_TRY(graph.finish(known));
  DARN_TRY(store.finish_plan(run.key, [&](std::string_view id) { return lineage.knows(id); }));
  DARN_TRY(transaction.commit());
  return static_cast<std::int64_t>(graph.size());
}

}  // namespace darn
