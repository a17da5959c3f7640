// The store against a naive model of itself: random plans, random operations, and after each of
// them every task's state and every total is what the model says.
#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "store/store_fixture.hpp"
#include "support/property.hpp"

namespace darn {

using test::Fixture;
using test::spec;
using S = TaskState;

namespace {

bool unsuccessful(S state) { return is_terminal(state) && state != S::succeeded; }

struct Model {
  struct Task {
    S state = S::waiting;
    bool healed = false;
    std::vector<std::size_t> after;
    int attempts = 0;
  };
  std::vector<Task> tasks;

  // Until nothing changes: what waits is released or skipped.
  void settle() {
    for (bool changed = true; changed;) {
      changed = false;
      for (Task& task : tasks) {
        if (task.state != S::waiting) {
          continue;
        }
        const auto any = [&](auto what) {
          return std::any_of(task.after.begin(), task.after.end(),
                             [&](std::size_t i) { return what(tasks[i].state); });
        };
        if (any(unsuccessful)) {
          task.state = S::skipped;
          changed = true;
        } else if (!any([](S s) { return s != S::succeeded; })) {
          task.state = S::ready;
          changed = true;
        }
      }
    }
  }
  void open_cycle(const std::vector<std::size_t>& keep_out, bool cancelled_too) {
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      const S state = tasks[i].state;
      const bool again =
          state == S::failed || state == S::skipped || (cancelled_too && state == S::cancelled);
      if (again && std::find(keep_out.begin(), keep_out.end(), i) == keep_out.end()) {
        tasks[i].state = S::waiting;
      }
    }
    settle();
  }
  Counts counts() const {
    Counts counts;
    for (const Task& task : tasks) {
      ++counts.of(task.state);
      counts.healed += task.healed;
    }
    return counts;
  }
};

struct Op {
  int what = 0;
  std::size_t which = 0;
  std::size_t other = 0;
};

}  // namespace
}  // namespace darn

namespace rc {
template <>
struct Arbitrary<darn::Op> {
  static Gen<darn::Op> arbitrary() {
    return gen::build<darn::Op>(gen::set(&darn::Op::what, gen::inRange(0, 100)),
                                gen::set(&darn::Op::which, gen::inRange<std::size_t>(0, 1000)),
                                gen::set(&darn::Op::other, gen::inRange<std::size_t>(0, 1000)));
  }
};
}  // namespace rc

namespace darn {
namespace {

std::ostream& operator<<(std::ostream& out, const Op& op) {
  return out << op.what << "/" << op.which << "/" << op.other;
}

class Play {
 public:
  // More tasks, with dependencies forwards and backwards in the file, on old ones too.
  void plan(const std::vector<std::size_t>& seeds) {
    const std::size_t first = model_.tasks.size();
    const std::size_t n = seeds.size();
    std::vector<TaskSpec> specs;
    for (std::size_t i = 0; i < n; ++i) {
      // A rank for each makes it acyclic: only what has a lower one may be depended on.
      Model::Task task;
      for (std::size_t d = 0; d < first + n; ++d) {
        const bool may = d < first || rank(seeds, d - first) < rank(seeds, i);
        if (may && (seeds[i] >> (d % 8)) % 5 == 1) {
          task.after.push_back(d);
        }
      }
      TaskSpec one = spec(std::to_string(first + i));
      for (const std::size_t d : task.after) {
        one.after.push_back(std::to_string(d));
      }
      specs.push_back(one);
      model_.tasks.push_back(task);
    }
    MUST(f_.store->begin());
    f_.plan(specs);
    MUST(f_.store->commit());
    model_.settle();
  }

  void step(const Op& op) {
    const std::size_t i = op.which % model_.tasks.size();
    if (op.what < 55) {
      run_one(op);
    } else if (op.what < 60) {
      f_.now += std::chrono::seconds{static_cast<int>(op.other % 10)};
      int due = 0;
      for (auto& [task, at] : delayed_) {
        if (at <= f_.now && model_.tasks[task].state == S::delayed) {
          model_.tasks[task].state = S::ready;
          ++due;
        }
      }
      RC_ASSERT(MUST(f_.store->promote_due(f_.run.key, f_.now)) == due);
    } else if (op.what < 65) {
      cancel(i);
    } else if (op.what < 67) {
      for (auto& task : model_.tasks) {
        if (!is_terminal(task.state) && task.state != S::running) {
          task.state = S::cancelled;
        }
      }
      MUST(f_.store->cancel_unstarted(f_.run.key, S::cancelled, "no"));
      model_.settle();
    } else if (op.what < 85) {
      const bool too = op.other % 3 == 0;
      std::vector<std::size_t> keep;
      std::vector<TaskKey> keys;
      for (std::size_t k = 0; k < model_.tasks.size(); ++k) {
        if ((op.other >> (k % 9)) % 7 == 1) {
          keep.push_back(k);
          keys.push_back(key(k));
        }
      }
      model_.open_cycle(keep, too);
      RC_ASSERT(MUST(f_.store->open_cycle(f_.run.key, cycle_, "b" + std::to_string(cycle_), f_.now,
                                          keys, too)));
      RC_ASSERT(!MUST(f_.store->open_cycle(f_.run.key, cycle_, "again", f_.now, {}, true)));
      ++cycle_;
    } else if (op.what < 88 && model_.tasks.size() < 40) {
      plan({op.which, op.other});
    } else {
      refused(i);
    }
  }

  void check() {
    std::map<std::string, TaskRecord> all;
    MUST(f_.store->each_task(f_.run.key, {}, true, [&](const TaskRecord& task) -> Status {
      all[task.spec.id] = task;
      return {};
    }));
    RC_ASSERT(all.size() == model_.tasks.size());
    std::vector<std::string> ready;
    for (std::size_t i = 0; i < model_.tasks.size(); ++i) {
      const TaskRecord& task = all.at(std::to_string(i));
      RC_ASSERT(to_string(task.state) == to_string(model_.tasks[i].state));
      RC_ASSERT(task.healed == model_.tasks[i].healed);
      RC_ASSERT(task.attempts == model_.tasks[i].attempts);
      if (task.state == S::ready) {
        ready.push_back(task.spec.id);
      }
      if (task.state == S::running || task.state == S::ready) {
        for (const std::size_t d : model_.tasks[i].after) {
          RC_ASSERT(model_.tasks[d].state == S::succeeded);
        }
      }
    }
    RC_ASSERT(f_.counts() == model_.counts());
    RC_ASSERT(f_.ready() == ready);
  }

 private:
  static std::size_t rank(const std::vector<std::size_t>& seeds, std::size_t i) {
    return (seeds[i] % 97) * 1000 + i;
  }
  TaskKey key(std::size_t i) {
    return f_.run.key * (TaskKey{1} << 32) + static_cast<TaskKey>(i) + 1;
  }

  // Starts a ready task, or ends a running one; sometimes in a transaction that comes to nothing.
  void run_one(const Op& op) {
    std::vector<std::size_t> running;
    std::vector<std::size_t> ready;
    for (std::size_t i = 0; i < model_.tasks.size(); ++i) {
      if (model_.tasks[i].state == S::running) {
        running.push_back(i);
      } else if (model_.tasks[i].state == S::ready) {
        ready.push_back(i);
      }
    }
    const bool nothing = op.what % 11 == 0;
    if (nothing) {
      MUST(f_.store->begin());
    }
    const Model before = model_;
    if (!ready.empty() && (running.empty() || op.what % 2 == 0)) {
      start(ready[op.which % ready.size()]);
    } else if (!running.empty()) {
      end(running[op.which % running.size()], op);
    }
    if (nothing) {
      f_.store->rollback();
      model_ = before;
    }
  }

  void start(std::size_t i) {
    AttemptRecord attempt;
    attempt.task = key(i);
    attempt.cycle = cycle_;
    attempt.claimed = f_.now;
    MUST(f_.store->claim(f_.run.key, attempt));
    model_.tasks[i].state = S::running;
    ++model_.tasks[i].attempts;
  }

  void end(std::size_t i, const Op& op) {
    static constexpr std::array<S, 7> ends = {S::succeeded, S::succeeded, S::failed,   S::failed,
                                              S::delayed,   S::ready,     S::abandoned};
    TaskUpdate update;
    update.state = ends[op.other % ends.size()];
    update.healed = op.other % 2 == 0;
    update.not_before = f_.now + std::chrono::seconds{static_cast<int>(op.other % 7)};
    MUST(f_.store->update_task(f_.run.key, key(i), update));
    model_.tasks[i].state = update.state;
    model_.tasks[i].healed = update.healed && update.state == S::succeeded;
    if (update.state == S::delayed) {
      delayed_[i] = update.not_before;
    }
    model_.settle();
  }

  void cancel(std::size_t i) {
    const bool done = f_.store->set_task_state(f_.run.key, key(i), S::cancelled).has_value();
    RC_ASSERT(done == (model_.tasks[i].state != S::succeeded));
    if (done) {
      model_.tasks[i].state = S::cancelled;
      model_.settle();
    }
  }

  // What must not be: nothing has changed afterwards, which check() sees.
  void refused(std::size_t i) {
    const S state = model_.tasks[i].state;
    if (state != S::ready && state != S::running) {
      AttemptRecord attempt;
      attempt.task = key(i);
      RC_ASSERT(!f_.store->claim(f_.run.key, attempt));
    }
    if (state == S::waiting || state == S::succeeded) {
      RC_ASSERT(!f_.store->set_task_state(f_.run.key, key(i), S::ready));
      RC_ASSERT(!f_.store->set_task_state(f_.run.key, key(i), S::delayed));
    }
  }

  Fixture f_;
  Model model_;
  std::map<std::size_t, Time> delayed_;
  int cycle_ = 1;
};

}  // namespace

TEST_CASE("the store does what a naive model does") {
  test::property("states, totals and order are the model's", [](const std::vector<Op>& ops) {
    Play play;
    const auto n = *rc::gen::inRange<std::size_t>(1, 12);
    play.plan(*rc::gen::container<std::vector<std::size_t>>(
        n, rc::gen::inRange<std::size_t>(0, 100'000)));
    play.check();
    for (const Op& op : ops) {
      play.step(op);
      play.check();
    }
  });
}

}  // namespace darn
