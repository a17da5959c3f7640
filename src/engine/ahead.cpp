// Short commands are handed to busy slots ahead of their turn (slot_queues.hpp), and taken back
// when that turns out to keep them waiting.
#include <algorithm>

#include "engine/worker.hpp"

namespace darn {
namespace {

constexpr Duration kRefusedFor{100};

}  // namespace

// Its place in the pool goes to the one that waits behind it, if any.
void Worker::leave_slot(Live& live) {
  const auto heir = queues_.remove(live.attempt.key, parts_.clock->now());
  if (!live.place) {
    return;
  }
  live.place = false;
  if (heir) {
    live_.at(*heir).place = true;
  } else {
    pools_.give(live.pool, live.command(), live.alone);
  }
}

// What darn could not do for a moment (no process to be had, a supervisor that is busy) is not its
// task's failure. When nothing runs that could make room, it is the end.
Status Worker::start_later(Live& live, Error& why) {
  leave_slot(live);
  returned_.push_back(live.attempt.key);
  refused_until_ = parts_.clock->now() + kRefusedFor;
  if (returned_.size() < live_.size()) {
    return {};
  }
  if (why.mend.empty()) {
    why.mend = "lower -j, or raise the limits that 'ulimit -a' shows";
  }
  return tl::unexpected<Error>(std::move(why));
}

void Worker::take_back(const std::vector<AttemptKey>& attempts) {
  for (const AttemptKey key : attempts) {
    const bool unsent = std::find(launches_.begin(), launches_.end(), key) != launches_.end();
    if (unsent || !runner_.recall(key)) {
      continue;
    }
    leave_slot(live_.at(key));
    returned_.push_back(key);
  }
}

// What was taken back, and what waits while a slot could run it, before anything new: it was its
// turn earlier. A slot that cannot go on gives back agents and what is in other pools, too.
Status Worker::start_returned(Time now) {
  if (returned_.empty()) {
    auto waiting = queues_.waiting();
    const auto room = static_cast<std::size_t>(pools_.room(kCommandPool, true, now));
    waiting.resize(std::min(room, waiting.size()));
    take_back(waiting);
  }
  if (now < refused_until_) {
    return {};
  }
  for (auto at = returned_.begin(); at != returned_.end();) {
    const AttemptKey key = *at;
    Live& live = live_.at(key);
    if (live.stopped != Stopped::no) {  // its race has been won meanwhile
      end_unstarted(live);
      at = returned_.erase(at);
      continue;
    }
    const bool waits_for_pool = live.alone && pools_.running(live.pool) > 0;
    if (waits_for_pool || pools_.room(live.pool, live.command(), now) <= 0) {
      ++at;
      continue;
    }
    auto slot = runner_.acquire_slot();
    if (!slot) {
      return live_.size() > returned_.size() ? Status{} : tl::unexpected<Error>(slot.error());
    }
    at = returned_.erase(at);
    live.attempt.slot = *slot;
    live.place = true;
    pools_.take(live.pool, live.command(), live.alone, now);
    if (live.command() && live.pool == kCommandPool) {
      queues_.run(*slot, key, now);
    }
    launches_.push_back(key);
  }
  return {};
}

Status Worker::claim_ahead(Time now) {
  const int room = pools_.open(kCommandPool, now) && returned_.empty() ? queues_.rooms(now) : 0;
  if (room == 0) {
    return {};
  }
  DARN_ASSIGN(const auto tasks, store_.ready_tasks(run_.key, kCommandPool, room));
  for (const TaskRecord& task : tasks) {
    const auto slot = queues_.room(now);
    // What a promised output was is looked at when its task is next to run, not before.
    // What waits when the machine goes down cannot be told from what had begun.
    const bool plain = !task.spec.is_agent() && task.next_agent.empty() && !task.alone &&
                       task.spec.output_file.empty() && task.spec.idempotent;
    if (!slot || !plain) {
      return {};
    }
    const Lane lane{nullptr, {}, kCommandPool, {}, *slot, true};
    DARN_TRY(claim_lane(task, lane, false, task.attempts + 1, now));
  }
  return {};
}

// Nothing more starts: what was handed out and has not begun ends as never started.
void Worker::keep_from_starting() {
  if (!draining() && halted_.empty()) {
    return;
  }
  take_back(queues_.waiting());
  for (const AttemptKey key : std::exchange(returned_, {})) {
    Live& live = live_.at(key);
    if (live.stopped == Stopped::no) {
      live.stopped = cancelling_ ? Stopped::cancelled : Stopped::interrupted;
    }
    live.trouble = "the run ended before it was started";
    end_unstarted(live);
  }
}

void Worker::end_unstarted(const Live& live) {
  Ended ended;
  ended.attempt = live.attempt.key;
  ended.slot = -1;
  ended.outcome.end = End::cancelled;
  ended.outcome.started = ended.outcome.ended = parts_.clock->now();
  ended_.push_back(std::move(ended));
}

}  // namespace darn
