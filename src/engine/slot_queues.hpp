// Commands that are handed to a busy slot ahead of their turn, so that no slot waits for a commit
// between two short tasks. The book of who waits where: which slot takes one more, who has waited
// behind a long task for too long. What waits runs in the place (of its pool) of the one before it,
// so that no more run at a time than without queues. Only short tasks are queued, as far as a run
// has shown its tasks to be short. Owned by the engine; no clock, no I/O.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "model/run.hpp"

namespace darn {

class SlotQueues {
 public:
  // How much work a slot has at hand at most, by the durations seen. More would win nothing (a
  // commit takes a fraction of a millisecond) and could keep a task waiting behind others.
  static constexpr Duration kWorkAhead{20};
  // Who has run for this long is not short: what waits behind it is to be taken elsewhere.
  static constexpr Duration kLong{100};

  // A command runs in a slot that had nothing to do.
  void run(int slot, AttemptKey attempt, Time now);
  // A slot that takes one more; of several the one with the least to do.
  std::optional<int> room(Time now) const;
  int rooms(Time now) const;  // how many more all of them take
  void queue(int slot, AttemptKey attempt) { lines_[slot].attempts.push_back(attempt); }
  // It has ended or was recalled. Returns who runs in its place now, if anybody; only when it was
  // the first.
  std::optional<AttemptKey> remove(AttemptKey attempt, Time now);
  // How long a command took: what the next ones are expected to take.
  void learn(Duration wall);

  int waiting_count() const;
  // All that wait, the first to run first; `behind_long`: behind a long task.
  std::vector<AttemptKey> waiting() const;
  std::vector<AttemptKey> behind_long(Time now) const;
  // When behind_long() will have somebody.
  std::optional<Time> next_long() const;

 private:
  struct Line {
    std::vector<AttemptKey> attempts;  // the first one runs
    Time since{};                      // when it came to run
  };
  int depth() const;
  int room_in(const Line& line, Time now) const;

  std::map<int, Line> lines_;  // the slots that run commands
  double typical_ms_ = 0;      // a moving average of durations
  int seen_ = 0;
};

}  // namespace darn
