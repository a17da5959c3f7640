// darn run: a task file becomes a run, and the run is taken home.
#include <unistd.h>

#include <random>

#include <fmt/format.h>

#include "base/disk_full.hpp"
#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/flags.hpp"
#include "cli/session.hpp"
#include "engine/lock.hpp"
#include "engine/planner.hpp"
#include "engine/pools.hpp"
#include "engine/retry_file.hpp"
#include "plan/reader.hpp"

namespace darn::cli {
namespace {

// The run that this one goes on from: as asked, or the one whose retry file this is.
Result<std::optional<RunRecord>> find_parent(const Context& context, const RunOptions& options) {
  const std::string batch = parent_batch_of(options.file);
  if (options.parent.empty() && batch.empty()) {
    return std::optional<RunRecord>{};
  }
  if (options.parent.empty() && ::access(context.paths.database().c_str(), F_OK) != 0) {
    return std::optional<RunRecord>{};
  }
  DARN_ASSIGN(const auto store, open_existing_store(context));
  if (!options.parent.empty()) {
    DARN_ASSIGN(RunRecord parent, store->find_run(options.parent));
    return std::optional<RunRecord>(std::move(parent));
  }
  DARN_ASSIGN(const auto runs, store->list_runs());
  for (const RunRecord& run : runs) {
    DARN_ASSIGN(const auto cycles, store->cycles(run.key));
    for (const CycleRecord& cycle : cycles) {
      if (cycle.batch != batch) {
        continue;
      }
      DARN_ASSIGN(RunRecord parent, store->run(run.key));
      return std::optional<RunRecord>(std::move(parent));
    }
  }
  return std::optional<RunRecord>{};
}

std::uint64_t new_seed() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32U) | device();
}

std::string plan_text(const PlanSummary& plan, const RunSettings& settings) {
  std::string text =
      fmt::format("{} {} in {} {}\n", format_count(static_cast<std::uint64_t>(plan.tasks)),
                  plan.tasks == 1 ? "task" : "tasks", plan.levels.size(),
                  plan.levels.size() == 1 ? "level" : "levels");
  for (std::size_t i = 0; i < plan.levels.size() && i < 20; ++i) {
    text += fmt::format("  level {}: {}\n", i + 1, format_count(plan.levels[i]));
  }
  if (plan.levels.size() > 20) {
    text += fmt::format("  … {} more\n", plan.levels.size() - 20);
  }
  for (const auto& [pool, tasks] : plan.pools) {
    text +=
        fmt::format("pool {}: {}, {} at a time\n", pool,
                    format_count(static_cast<std::uint64_t>(tasks)), pool_limit(pool, settings));
  }
  const int cycles = settings.auto_retry ? 1 + settings.max_retries : 1;
  text += fmt::format("at most {} attempts in {} {}\n",
                      format_count(static_cast<std::uint64_t>(plan.max_attempts)), cycles,
                      cycles == 1 ? "cycle" : "cycles");
  if (!plan.cost_known) {
    text += "cost not bounded: set --budget, or a task's budget\n";
  } else if (plan.max_cost_usd > 0) {
    text += fmt::format("at most {}\n", format_usd(plan.max_cost_usd));
  }
  return text;
}

}  // namespace

Result<int> run(const Context& context, const RunOptions& options) {
  DARN_ASSIGN(const TaskSource source, load_source(options.file));
  DARN_ASSIGN(const auto parent, find_parent(context, options));
  RunRecord run;
  DARN_ASSIGN(run.settings, base_settings(context, parent ? &*parent : nullptr));
  DARN_TRY(read_settings(source, run.settings));
  DARN_TRY(apply_flags(options, run.settings));
  if (!options.agent.empty()) {
    run.settings.defaults.agent = options.agent;
  }
  if (run.settings.jobs <= 0) {
    run.settings.jobs = default_jobs();
  }
  run.source = options.file;
  run.cwd = context.cwd;
  run.seed = new_seed();
  run.created = context.clock->now();
  if (parent) {
    run.parent = parent->id;
    run.root = parent->root;
    run.cwd = parent->cwd;
  }

  if (options.dry_run) {
    std::unique_ptr<Store> store;
    if (parent) {
      DARN_ASSIGN(store, open_existing_store(context));
    }
    DARN_ASSIGN(const PlanSummary plan, check_plan(source, run.settings, store.get(), run));
    print(plan_text(plan, run.settings));
    return 0;
  }
  std::optional<RunLock> lineage;
  const auto plan = [&]() -> Status {
    DARN_ASSIGN(const auto store, open_store(context, options.durability));
    if (parent) {
      DARN_ASSIGN(lineage, hold_lineage(context, *store, parent->root));
    }
    const Force force = options.force           ? Force::all
                        : options.start_unclean ? Force::unclean
                                                : Force::no;
    return plan_run(*store, source, run, force);
  };
  if (Status planned = plan(); !planned) {
    return tl::unexpected<Error>(before_any_run(std::move(planned.error())));
  }
  RunningOptions running = options;
  running.durability = run.settings.durability;
  return run_session(context, run.id, running);
}

}  // namespace darn::cli
