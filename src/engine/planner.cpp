#include "engine/planner.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "engine/pools.hpp"
#include "plan/graph.hpp"
#include "policy/budget.hpp"
#include "policy/decide.hpp"

namespace darn {
namespace {

bool succeeded_before(Store* store, RunKey run, std::string_view id) {
  if (store == nullptr || run == 0) {
    return false;
  }
  const auto success = store->success_of(run, id);
  return success && success->succeeded;
}

Result<RunKey> parent_key(Store* store, const RunRecord& run) {
  if (store == nullptr || run.parent.empty()) {
    return RunKey{0};
  }
  DARN_ASSIGN(const RunRecord parent, store->find_run(run.parent));
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
  DARN_ASSIGN(const RunKey parent, parent_key(store, run));
  DARN_TRY(graph.finish([&](std::string_view id) { return succeeded_before(store, parent, id); }));
  plan.levels = graph.level_sizes();
  if (settings.budget.usd) {
    plan.max_cost_usd =
        plan.cost_known ? std::min(plan.max_cost_usd, *settings.budget.usd) : *settings.budget.usd;
    plan.cost_known = true;
  }
  return plan;
}

Status plan_run(Store& store, const TaskSource& source, RunRecord& run, bool force) {
  DARN_ASSIGN(const RunKey parent, parent_key(&store, run));
  const auto elsewhere = [&](std::string_view id) { return succeeded_before(&store, parent, id); };
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
      [&](const TaskSpec& task, std::string_view raw, const Location&) -> Status {
        DARN_ASSIGN(const TaskKey key,
                    store.add_task(run.key, task, pool_of(task, run.settings), raw));
        if (parent != 0 && !force && elsewhere(task.id)) {
          DARN_ASSIGN(const Store::Success success, store.success_of(parent, task.id));
          TaskUpdate update;
          update.state = TaskState::succeeded;
          update.summary = "succeeded earlier in this lineage";
          update.output_path = success.output_path;
          update.workspace = success.workspace;
          done.emplace_back(key, std::move(update));
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
  TaskGraph graph;
  DARN_TRY(read_tasks(
      source, run.settings,
      [&](const TaskSpec& task, std::string_view raw, const Location& where) -> Status {
        if (in_run(task.id)) {
          return fail(ErrorKind::bad_input,
                      "run " + run.id + " has a task '" + task.id + "' already",
                      "give it another id", where);
        }
        DARN_ASSIGN(const TaskKey key,
                    store.add_task(run.key, task, pool_of(task, run.settings), raw));
        static_cast<void>(key);
        return {};
      },
      &graph));
  const auto known = [&](std::string_view id) {
    return in_run(id) || succeeded_before(&store, run.key, id);
  };
  DARN_TRY(graph.finish(known));
  DARN_TRY(store.finish_plan(
      run.key, [&](std::string_view id) { return succeeded_before(&store, run.key, id); }));
  DARN_TRY(transaction.commit());
  return static_cast<std::int64_t>(graph.size());
}

}  // namespace darn
