#include "simulator/sim_runner.hpp"

#include <algorithm>
#include <utility>

namespace darn::sim {
namespace {

Ended lost(AttemptKey attempt, int slot, Time now) {
  Ended ended{attempt, slot, {}, false};
  ended.outcome.end = End::lost;
  ended.outcome.started = ended.outcome.ended = now;
  return ended;
}

Error broken(const char* what) { return Error{ErrorKind::unavailable, what, "try again", {}}; }

}  // namespace

// However the engine ends, its sockets close.
SimRunner::~SimRunner() {
  for (auto& [index, handle] : handles_) {
    if (handle.shim != 0 && handle.shim == world_.slot(index).shim.pid) {
      world_.leave(index);
    }
  }
}

bool SimRunner::Handle::idle() const {
  return std::all_of(jobs.begin(), jobs.end(), [](const Assigned& j) { return j.gone; }) &&
         !reserved && !adopted;
}

bool SimRunner::open(int index) {
  Handle& handle = handles_[index];
  handle.open = handle.open || !world_.slot(index).shim.alive;
  return handle.open;
}

void SimRunner::ready(int index) {
  Handle& handle = handles_[index];
  if (handle.retiring || (handle.shim != 0 && shim_gone(index))) {
    bury(index, pending_);
  }
  if (handle.shim == 0) {
    world_.start_shim(index);
    handle.shim = world_.slot(index).shim.pid;
    handle.retiring = false;
  }
}

Result<int> SimRunner::acquire_slot() {
  world_.step("acquire_slot", false);
  if (world_.fails("acquire_slot")) {
    return tl::unexpected<Error>(broken("cannot start a supervisor: too many open files"));
  }
  for (int index = 0;; ++index) {
    if (handles_[index].idle() && open(index)) {
      ready(index);
      handles_[index].reserved = true;
      world_.step("acquire_slot", true);
      return index;
    }
  }
}

void SimRunner::give_back_slot(int index) {
  world_.step("give_back_slot", false);
  handles_[index].reserved = false;
  world_.step("give_back_slot", true);
}

Status SimRunner::start(int index, const Job& job) {
  world_.step("start", false);
  world_.log("  is handed out", job.attempt_name, "to slot " + std::to_string(index));
  if (starting) {
    starting(job);
  }
  if (world_.fails("start")) {
    handles_[index].reserved = false;
    return tl::unexpected<Error>(broken("cannot hand over a job"));
  }
  ready(index);
  Status done = hand_out(index, job);
  world_.step("start", true);
  return done;
}

Status SimRunner::hand_out(int index, const Job& job) {
  Handle& handle = handles_[index];
  World::Slot& slot = world_.slot(index);
  auto& records = slot.page.records;
  const auto outstanding = std::count_if(handle.jobs.begin(), handle.jobs.end(),
                                         [](const Assigned& j) { return !j.reported; });
  const auto free = std::find_if(records.begin(), records.end(), [](const World::Record& r) {
    return r.state == RecordState::free;
  });
  if (outstanding >= kSlotJobs || free == records.end()) {
    return fail(ErrorKind::internal, "no free exit record in slot " + std::to_string(index));
  }
  *free = World::Record{};
  free->state = RecordState::queued;
  free->attempt = job.attempt;
  free->name = job.attempt_name;
  world_.touch(slot);
  const auto record = static_cast<std::size_t>(free - records.begin());
  handle.reserved = false;
  handle.jobs.push_back({job.attempt, job.attempt_name, record, false, false});
  world_.send(index, {job, record, {}, false});
  return {};
}

SimRunner::Handle* SimRunner::handle_of(AttemptKey attempt, int* index) {
  for (auto& [i, handle] : handles_) {
    for (const Assigned& job : handle.jobs) {
      if (job.attempt == attempt) {
        *index = i;
        return &handle;
      }
    }
  }
  return nullptr;
}

bool SimRunner::recall(AttemptKey attempt) {
  world_.step("recall", false);
  int index = 0;
  Handle* handle = handle_of(attempt, &index);
  const bool recalled =
      handle != nullptr && !handle->adopted && handle->shim != 0 && world_.recall(index, attempt);
  if (recalled) {
    std::erase_if(handle->jobs, [&](const Assigned& j) { return j.attempt == attempt; });
  }
  world_.step("recall", true);
  return recalled;
}

void SimRunner::stop(AttemptKey attempt, bool now) {
  world_.step("stop", false);
  int index = 0;
  if (handle_of(attempt, &index) != nullptr) {
    world_.stop(index, attempt, now);
  }
  world_.step("stop", true);
}

bool SimRunner::shim_gone(int index) {
  const World::Shim& shim = world_.slot(index).shim;
  return handles_[index].shim != 0 && (!shim.alive || shim.pid != handles_[index].shim);
}

void SimRunner::collect(int index, std::vector<Ended>& ends) {
  Handle& handle = handles_[index];
  for (Assigned& job : handle.jobs) {
    const World::Record& record = world_.slot(index).page.records[job.record];
    if (!job.reported && record.state == RecordState::ended) {
      job.reported = true;
      handle.retiring = handle.retiring || record.retiring;
      ends.push_back({job.attempt, index, record.outcome, false});
    }
  }
}

void SimRunner::bury(int index, std::vector<Ended>& ends) {
  Handle& handle = handles_[index];
  handle.shim = 0;
  handle.adopted = handle.retiring = false;
  handle.open = true;
  collect(index, ends);
  give_back(index, ends);
  handle.retiring = false;
  for (Assigned& job : handle.jobs) {
    if (!job.reported) {
      world_.end_survivor(job.name);
      job.reported = true;
      ends.push_back(lost(job.attempt, index, world_.now()));
    }
  }
}

// What waited has not begun, and never will there.
void SimRunner::give_back(int index, std::vector<Ended>& ends) {
  World::Slot& slot = world_.slot(index);
  for (World::Record& record : slot.page.records) {
    if (record.state == RecordState::recalled) {
      record = World::Record{};
    }
  }
  std::erase_if(handles_[index].jobs, [&](const Assigned& job) {
    World::Record& record = slot.page.records[job.record];
    if (job.reported ||
        (record.state != RecordState::queued && record.state != RecordState::never_started)) {
      return false;
    }
    record = World::Record{};
    world_.log("  is given back", job.name);
    ends.push_back({job.attempt, index, {}, true});
    return true;
  });
  world_.touch(slot);
}

bool SimRunner::anything_to_hear(std::vector<Ended>& ends) {
  for (auto& [index, handle] : handles_) {
    if (shim_gone(index)) {
      bury(index, ends);
    } else if (!handle.adopted) {
      collect(index, ends);
    }
  }
  return !ends.empty();
}

Result<std::vector<Ended>> SimRunner::wait(Duration at_most) {
  world_.step("wait", false);
  std::vector<Ended> ends = std::exchange(pending_, {});
  world_.oversleep(at_most);
  const Time until = world_.now() + (ends.empty() ? at_most : Duration{0});
  while (true) {
    world_.advance(world_.now());
    const bool signalled = outside && outside();
    if (anything_to_hear(ends) || signalled || world_.now() >= until) {
      break;
    }
    Time next = until;
    for (const auto& t : {world_.next_event(), next_outside ? next_outside() : std::nullopt}) {
      if (t) {
        next = std::min(next, std::max(*t, world_.now()));
      }
    }
    world_.advance(next);
  }
  world_.step("wait", true);
  return ends;
}

void SimRunner::release(const std::vector<AttemptKey>& attempts) {
  world_.step("release", false);
  for (const AttemptKey attempt : attempts) {
    int index = 0;
    Handle* handle = handle_of(attempt, &index);
    if (handle == nullptr) {
      continue;
    }
    World::Slot& slot = world_.slot(index);
    const auto done = [&](const Assigned& job) { return job.attempt == attempt || job.gone; };
    for (const Assigned& job : handle->jobs) {
      if (done(job)) {
        slot.page.records[job.record] = World::Record{};
      }
    }
    std::erase_if(handle->jobs, done);
    world_.touch(slot);
  }
  world_.step("release", true);
}

void SimRunner::adopt_slot(int index, std::map<AttemptKey, Left>& left,
                           std::vector<Adopted>& fates) {
  Handle& handle = handles_[index];
  World::Slot& slot = world_.slot(index);
  if (!open(index)) {
    // A living shim decides at once what becomes of its queue.
    const auto has_queued = [&] {
      return std::any_of(slot.page.records.begin(), slot.page.records.end(),
                         [](const auto& r) { return r.state == RecordState::queued; });
    };
    for (int i = 0; i < 1000 && slot.shim.alive && has_queued(); ++i) {
      world_.advance(world_.now() + Duration{5});
    }
    handle.adopted = slot.shim.alive;
    handle.shim = handle.adopted ? slot.shim.pid : 0;
    handle.open = !handle.adopted;
  }
  const bool same_boot = slot.page.boot == world_.boot();
  for (std::size_t i = 0; i < slot.page.records.size(); ++i) {
    World::Record& record = slot.page.records[i];
    if (record.state == RecordState::recalled) {
      record = World::Record{};
    }
    if (record.state == RecordState::free) {
      continue;
    }
    const Fate fate = record.state == RecordState::ended                 ? Fate::ended
                      : record.state == RecordState::never_started       ? Fate::never_started
                      : handle.adopted                                   ? Fate::still_running
                      : record.state == RecordState::queued && same_boot ? Fate::never_started
                                                                         : Fate::gone;
    const auto at = left.find(record.attempt);
    if (at == left.end() || fate == Fate::never_started) {
      if (fate != Fate::still_running) {
        record = World::Record{};
        world_.touch(slot);
      }
    } else {
      const bool gone = fate == Fate::gone;
      if (gone) {
        world_.end_survivor(at->second.attempt_name);
      }
      handle.jobs.push_back({at->first, at->second.attempt_name, i, gone, gone});
    }
    if (at != left.end()) {
      fates.push_back({at->first, fate});
      left.erase(at);
    }
  }
  collect(index, pending_);
}

Result<std::vector<ProcessRunner::Adopted>> SimRunner::adopt(const std::vector<Left>& left) {
  world_.step("adopt", false);
  if (world_.fails("adopt")) {
    return tl::unexpected<Error>(broken("the supervisor of a slot does not answer"));
  }
  std::map<AttemptKey, Left> open;
  for (const Left& one : left) {
    open[one.attempt] = one;
  }
  std::vector<Adopted> fates;
  for (auto& [index, slot] : world_.slots()) {
    adopt_slot(index, open, fates);
  }
  for (const auto& [attempt, one] : open) {
    const auto slot = world_.slots().find(one.slot);
    const bool known = slot != world_.slots().end() && slot->second.page.boot == world_.boot();
    fates.push_back({attempt, known ? Fate::never_started : Fate::gone});
  }
  world_.step("adopt", true);
  return fates;
}

}  // namespace darn::sim
