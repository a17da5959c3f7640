#include "simulator/sim_store.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <stdexcept>

namespace darn::sim {

namespace {

// Opening one costs more than most schedules.
std::unique_ptr<Store>& spare_store() {
  static std::unique_ptr<Store> spare;
  return spare;
}

}  // namespace

SimStore::SimStore(World& world, Checks& checks)
    : world_(world), checks_(checks), inner_(std::move(spare_store())) {
  start_anew();
}

SimStore::~SimStore() { spare_store() = std::move(inner_); }

void SimStore::start_anew() {
  if (!inner_) {
    inner_ = must(open_sqlite_store(":memory:"));
  }
  disconnect();
  for (const RunRecord& run : must(inner_->list_runs())) {
    must(inner_->delete_run(run.key));
  }
}

void SimStore::disconnect() {
  inner_->rollback();
  in_transaction_ = false;
  pending_.clear();
}

void SimStore::lose_commits(int at_most) {
  const auto most = commits_.size() - std::min(durable_, commits_.size());
  const auto lost = std::min(most, static_cast<std::size_t>(at_most));
  if (lost == 0) {
    return;
  }
  commits_.resize(commits_.size() - lost);
  world_.log("----- commits vanish:", std::to_string(lost));
  start_anew();
  checks_.forget();
  checks_.set_replay(true);
  for (const Commit& commit : commits_) {
    inner_->begin();
    for (const Op& op : commit) {
      op.again(*inner_);
    }
    if (!inner_->commit()) {
      throw std::runtime_error("what was committed once cannot be committed again");
    }
    for (const Op& op : commit) {
      if (op.tell) {
        op.tell(checks_);
      }
    }
    checks_.committed(*inner_);
  }
  checks_.set_replay(false);
  checks_.commits_were_lost();
}

void SimStore::other_process(const std::function<void()>& work) {
  outside_ = true;
  try {
    work();
  } catch (...) {
    outside_ = false;
    throw;
  }
  outside_ = false;
  ++version_;
}

Error SimStore::failure() {
  switch (failures_++ % 3) {
    case 0: return {ErrorKind::io, "darn.db: the disk is full", "free some space", {}};
    case 1: return {ErrorKind::io, "darn.db: I/O error", "check the disk, then darn resume", {}};
    default: return {ErrorKind::try_again, "another darn has been writing for 30 s", "", {}};
  }
}

// SQLite undoes the transaction by itself after some of its errors.
Error SimStore::failed() {
  if (world_.failure_rolls_back()) {
    disconnect();
  }
  return failure();
}

void SimStore::keep(Op op) {
  pending_.push_back(std::move(op));
  if (!in_transaction_) {
    close(std::exchange(pending_, {}));
  }
}

void SimStore::close(Commit commit) {
  commits_.push_back(std::move(commit));
  for (const Op& op : commits_.back()) {
    if (op.tell) {
      op.tell(checks_);
    }
  }
  checks_.committed(*inner_);
}

// --- transactions

Status SimStore::begin() {
  if (!outside_) {
    world_.step("begin", false);
    if (world_.fails("begin")) {
      return tl::unexpected<Error>(failure());
    }
  }
  const Status begun = inner_->begin();
  in_transaction_ = in_transaction_ || begun.has_value();
  pending_.clear();
  checks_.transaction_begins();
  if (!outside_) {
    world_.step("begin", true);
  }
  return begun;
}

Status SimStore::commit() {
  if (!outside_) {
    world_.step("commit", false);
    if (world_.fails("commit")) {
      disconnect();
      return tl::unexpected<Error>(failure());
    }
  }
  Status done = inner_->commit();
  in_transaction_ = false;
  Commit commit = std::exchange(pending_, {});
  if (done) {
    close(std::move(commit));
  }
  if (!outside_) {
    world_.step("commit", true);
  }
  return done;
}

void SimStore::rollback() {
  if (world_.dead()) {
    return;  // what a dead engine's stack does while it unwinds
  }
  disconnect();
}

// --- with something to tell

Status SimStore::create_run(RunRecord& run) {
  RunRecord made = run;
  const Status done = change("create_run", [made](Store& s) mutable { return s.create_run(made); });
  if (done) {
    // The same again, for its id and key.
    DARN_ASSIGN(run, inner_->find_run("last"));
  }
  return done;
}

Result<TaskKey> SimStore::add_task(RunKey run, const TaskSpec& spec, const std::string& pool,
                                   std::string_view raw) {
  const std::string row(raw);
  // Keys are numbered in order: the next one is known once it is added.
  auto key = std::make_shared<TaskKey>(0);
  return change(
      "add_task",
      [=](Store& s) -> Result<TaskKey> {
        auto added = s.add_task(run, spec, pool, row);
        *key = added.value_or(0);
        return added;
      },
      [=](Checks& c) { c.task_added(run, *key, spec, pool); });
}

Status SimStore::finish_plan(RunKey run, const std::function<bool(std::string_view)>& satisfied) {
  auto answers = std::make_shared<std::map<std::string, bool, std::less<>>>();
  const auto* ask = satisfied ? &satisfied : nullptr;
  const auto first = std::make_shared<bool>(true);
  return change("finish_plan", [=](Store& s) {
    const bool asked_now = std::exchange(*first, false) && ask != nullptr;
    return s.finish_plan(run, [&](std::string_view id) {
      if (asked_now) {
        (*answers)[std::string(id)] = (*ask)(id);
      }
      const auto found = answers->find(id);
      return found != answers->end() && found->second;
    });
  });
}

Status SimStore::claim(RunKey run, AttemptRecord& attempt) {
  auto made = std::make_shared<AttemptRecord>(attempt);
  const Status done = change(
      "claim",
      [=](Store& s) {
        AttemptRecord again = *made;
        const Status claimed = s.claim(run, again);
        if (claimed) {
          made->key = again.key;
          made->number = again.number;
          made->state = again.state;
          made->task_id = again.task_id;
        }
        return claimed;
      },
      [=](Checks& c) { c.claimed(run, *made); });
  if (done) {
    attempt = *made;
  }
  return done;
}

Status SimStore::end_attempt(RunKey run, const AttemptRecord& attempt) {
  checks_.ending(*inner_, run, attempt);
  return change(
      "end_attempt", [=](Store& s) { return s.end_attempt(run, attempt); },
      [=](Checks& c) { c.ended(run, attempt); });
}

Status SimStore::update_task(RunKey run, TaskKey task, const TaskUpdate& update) {
  return change(
      "update_task", [=](Store& s) { return s.update_task(run, task, update); },
      [=](Checks& c) { c.task_changed(task, update.state, update.alone); });
}

Status SimStore::set_task_state(RunKey run, TaskKey task, TaskState state, const std::string& why) {
  return change(
      "set_task_state", [=](Store& s) { return s.set_task_state(run, task, state, why); },
      [=](Checks& c) { c.task_changed(task, state, false); });
}

Status SimStore::request_cancel(RunKey run, bool cancel) {
  return change(
      "request_cancel", [=](Store& s) { return s.request_cancel(run, cancel); },
      [=](Checks& c) { c.cancel_requested(run, cancel); });
}

Result<std::int64_t> SimStore::data_version() {
  return read("data_version", [&](Store&) -> Result<std::int64_t> { return version_; });
}

}  // namespace darn::sim
