// Stores and runners that break one thing each; mutations.cpp says which, and what must see it.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "simulator/forward.hpp"

namespace darn::sim {

using Fate = ProcessRunner::Fate;

// --- broken stores

// Gives the engine its keys, and writes the claims only when the processes have started.
class ClaimsLate final : public ForwardingStore {
 public:
  ClaimsLate(Store& to, ProcessRunner& runner) : ForwardingStore(to), runner_(runner) {}
  Status claim(RunKey run, AttemptRecord& attempt) override {
    const Status claimed = to_->claim(run, attempt);
    Job job;
    job.attempt = attempt.key;
    job.attempt_name =
        to_->run(run)->id + '/' + attempt.task_id + '/' + std::to_string(attempt.number);
    job.argv = {"early"};
    job.cwd = to_->run(run)->cwd;
    static_cast<void>(runner_.start(attempt.slot, job));
    return claimed;
  }

 private:
  ProcessRunner& runner_;
};

// Says that a commit is done when it is not.
class ForgetsCommits final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  Status commit() override {
    if (++commits_ % 4 != 3) {
      return to_->commit();
    }
    to_->rollback();
    return {};
  }

 private:
  int commits_ = 0;
};

// Takes a failed commit for a success.
class SwallowsErrors final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  Status commit() override {
    static_cast<void>(to_->commit());
    return {};
  }
};

class LosesAnEnd final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  Status end_attempt(RunKey run, const AttemptRecord& attempt) override {
    return ++ends_ == 2 ? Status{} : to_->end_attempt(run, attempt);
  }

 private:
  int ends_ = 0;
};

class EndsTwice final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  Status end_attempt(RunKey run, const AttemptRecord& attempt) override {
    const Status done = to_->end_attempt(run, attempt);
    static_cast<void>(to_->end_attempt(run, attempt));
    return done;
  }
};

// Changes an attempt's record on its way.
class Rewrites final : public ForwardingStore {
 public:
  using Change = std::function<void(AttemptRecord&)>;
  Rewrites(Store& to, Change claim, Change end)
      : ForwardingStore(to), claim_(std::move(claim)), end_(std::move(end)) {}
  Status claim(RunKey run, AttemptRecord& attempt) override {
    if (claim_) {
      claim_(attempt);
    }
    return to_->claim(run, attempt);
  }
  Status end_attempt(RunKey run, const AttemptRecord& attempt) override {
    AttemptRecord other = attempt;
    if (end_) {
      end_(other);
    }
    return to_->end_attempt(run, other);
  }

 private:
  Change claim_, end_;
};

class ForgetsSuccess final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  Result<Success> success_of(RunKey, std::string_view) override { return Success{}; }
};

class DropsDependencies final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  Result<TaskKey> add_task(RunKey run, const TaskSpec& spec, const std::string& pool,
                           std::string_view raw) override {
    TaskSpec alone = spec;
    alone.after.clear();
    return to_->add_task(run, alone, pool, raw);
  }
};

// Each engine leaves one success out: its attempt is recorded, its task is not.
class ForgetsToFinish final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  Status update_task(RunKey run, TaskKey task, const TaskUpdate& update) override {
    TaskUpdate other = update;
    if (update.state == TaskState::succeeded && !std::exchange(done_, true)) {
      other.state = TaskState::ready;
    }
    return to_->update_task(run, task, other);
  }

 private:
  bool done_ = false;
};

class SpendsNothing final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  Result<Spent> lineage_spent(RunKey) override { return Spent{}; }
};

// What the engine is told about the tasks that it runs.
class TellsOtherwise final : public ForwardingStore {
 public:
  using Change = std::function<void(TaskRecord&)>;
  TellsOtherwise(Store& to, Change change) : ForwardingStore(to), change_(std::move(change)) {}
  Result<std::vector<TaskRecord>> ready_tasks(RunKey run, const std::string& pool,
                                              int limit) override {
    auto tasks = to_->ready_tasks(run, pool, limit);
    for (std::size_t i = 0; tasks && i < tasks->size(); ++i) {
      change_((*tasks)[i]);
    }
    return tasks;
  }
  Result<TaskRecord> task_by_key(TaskKey task) override {
    auto record = to_->task_by_key(task);
    if (record) {
      change_(*record);
    }
    return record;
  }

 private:
  Change change_;
};

class LeastUrgentFirst final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  Result<std::vector<TaskRecord>> ready_tasks(RunKey run, const std::string& pool,
                                              int limit) override {
    auto tasks = to_->ready_tasks(run, pool, 1000);
    if (tasks) {
      std::reverse(tasks->begin(), tasks->end());
      tasks->resize(std::min(tasks->size(), static_cast<std::size_t>(std::max(limit, 0))));
    }
    return tasks;
  }
};

class KnowsNoLimits final : public ForwardingStore {
 public:
  KnowsNoLimits(Store& to, int places) : ForwardingStore(to), places_(places) {}
  Result<RunRecord> run(RunKey key) override {
    auto run = to_->run(key);
    if (run) {
      run->settings.jobs += places_;
      for (auto& [name, pool] : run->settings.pools) {
        pool.limit += places_;
        pool.rate = 0;
      }
    }
    return run;
  }

 private:
  int places_;
};

class ForgetsWhatRan final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  Result<std::vector<AttemptRecord>> running_attempts(RunKey) override {
    return std::vector<AttemptRecord>{};
  }
};

class NeverDue final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  Result<int> promote_due(RunKey, Time) override { return 0; }
};

class Miscounts final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  Result<Counts> counts(RunKey run) override {
    auto counts = to_->counts(run);
    if (counts) {
      ++counts->of(TaskState::succeeded);
    }
    return counts;
  }
};

class DeafToCancel final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  Result<bool> cancel_requested(RunKey) override { return false; }
};

class Mutters final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  Status begin() override {
    const Status begun = to_->begin();
    return begun ? begun : tl::unexpected<Error>(Error{ErrorKind::internal, "oops", "", {}});
  }
};

// --- broken runners

class StartsTwice final : public ForwardingRunner {
 public:
  using ForwardingRunner::ForwardingRunner;
  Status start(int slot, const Job& job) override {
    const auto other = to_->acquire_slot();
    if (other) {
      static_cast<void>(to_->start(*other, job));
    }
    return to_->start(slot, job);
  }
};

class IgnoresEarly final : public ForwardingRunner {  // with ClaimsLate
 public:
  using ForwardingRunner::ForwardingRunner;
  Status start(int, const Job&) override { return {}; }
};

// Adopts, and says something else.
class Misjudges final : public ForwardingRunner {
 public:
  Misjudges(ProcessRunner& to, Fate from, Fate as) : ForwardingRunner(to), from_(from), as_(as) {}
  Result<std::vector<Adopted>> adopt(const std::vector<Left>& left) override {
    auto adopted = to_->adopt(left);
    for (std::size_t i = 0; adopted && i < adopted->size(); ++i) {
      Adopted& one = (*adopted)[i];
      one.fate = one.fate == from_ ? as_ : one.fate;
    }
    return adopted;
  }

 private:
  Fate from_, as_;
};

class KeepsAll final : public ForwardingRunner {
 public:
  using ForwardingRunner::ForwardingRunner;
  void release(const std::vector<AttemptKey>&) override {}
};

// What ends is told otherwise, or not at all.
class Misreports final : public ForwardingRunner {
 public:
  using Change = std::function<bool(Ended&)>;  // false: it is not told
  Misreports(ProcessRunner& to, Change change) : ForwardingRunner(to), change_(std::move(change)) {}
  Result<std::vector<Ended>> wait(Duration at_most) override {
    auto ended = to_->wait(at_most);
    if (ended) {
      std::erase_if(*ended, [&](Ended& one) { return !change_(one); });
    }
    return ended;
  }

 private:
  Change change_;
};

class Scribbles final : public ForwardingRunner {
 public:
  Scribbles(ProcessRunner& to, std::string name) : ForwardingRunner(to), name_(std::move(name)) {}
  Status start(int slot, const Job& job) override {
    std::ofstream(std::filesystem::path(job.cwd) / name_) << "scribbled\n";
    return to_->start(slot, job);
  }

 private:
  std::string name_;
};

class ElsewhereRunner final : public ForwardingRunner {
 public:
  using ForwardingRunner::ForwardingRunner;
  Status start(int slot, const Job& job) override {
    Job elsewhere = job;
    elsewhere.cwd = "/";
    return to_->start(slot, elsewhere);
  }
};

class RecallsNothing final : public ForwardingRunner {  // and says that it did
 public:
  using ForwardingRunner::ForwardingRunner;
  bool recall(AttemptKey) override { return true; }
};

}  // namespace darn::sim
