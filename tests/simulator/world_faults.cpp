// Where something breaks, and what is left of the machine then.
#include <algorithm>

#include <fmt/format.h>

#include "simulator/world.hpp"

namespace darn::sim {
namespace {

// A broken engine's steps have no end; a sound one's are some thousands.
constexpr std::int64_t kMostSteps = 400'000;

}  // namespace

// --- steps

void World::arm(const std::optional<Fault>& fault) {
  fault_ = fault;
  failure_due_ = false;
  dead_ = false;
  engine_steps_ = 0;
  calls_.clear();
}

void World::check_dead() const {
  if (dead_) {
    throw Crash{};
  }
}

void World::step(const char* call, bool after) {
  check_dead();
  ++engine_steps_;
  ++figures.steps;
  if (engine_steps_ > kMostSteps) {
    violated(invariant::kEnds, fmt::format("no end after {} steps", engine_steps_));
  }
  if (scenario_.jitter > 0 && dice.between(1, 1000) <= scenario_.jitter) {
    advance(now_ + dice.ms(1, 30));
  }
  const int nth = after ? calls_[call] : ++calls_[call];
  if (!fault_ || failure_due_) {
    return;
  }
  const bool here = fault_->call.empty()
                        ? engine_steps_ == fault_->nth
                        : fault_->call == call && nth == fault_->nth && fault_->after == after;
  if (here) {
    strike(fmt::format("{} {} {}", after ? "after" : "before", call, nth));
  }
}

void World::strike(const std::string& place) {
  using Kind = Fault::Kind;
  const Fault fault = *fault_;
  if (fault.kind == Kind::store_error) {
    failure_due_ = true;  // at the next call that can fail
    return;
  }
  fault_.reset();
  figures.places.insert(place);
  if (fault.kind == Kind::kill_shim) {
    log("----- a shim is to be killed", place);
    kill_shim();
    return;
  }
  dead_ = true;
  const bool power = fault.kind == Kind::power;
  log(power ? "----- power failure" : "----- kill -9", place);
  ++figures.struck[power ? "power failures" : "kills of the engine"];
  throw Crash{power};
}

bool World::fails(const char* call) {
  if (!failure_due_) {
    return false;
  }
  failure_due_ = false;
  rolls_back_ = fault_->rolls_back;
  fault_.reset();
  log("----- fails", call);
  ++figures.struck["failing calls"];
  figures.places.insert(fmt::format("fails {}", call));
  return true;
}

// --- what breaks

void World::kill_shim() {
  std::vector<Slot*> alive;
  for (auto& [index, slot] : slots_) {
    if (slot.shim.alive) {
      alive.push_back(&slot);
    }
  }
  if (alive.empty()) {
    return;
  }
  Slot& slot = *dice.pick(alive);
  log("----- kills the shim", std::to_string(slot.shim.pid));
  ++figures.struck["kills of a shim"];
  disturbed_ = true;
  if (slot.shim.running != nullptr) {
    slot.shim.running->orphan = true;
  }
  slot.shim.running = nullptr;
  slot.shim.queue.clear();
  slot.shim.alive = false;
}

void World::power_failure() {
  disturbed_ = true;
  while (!living_.empty()) {
    bury_process(*living_.front());
  }
  for (auto& [index, slot] : slots_) {
    slot.shim = Shim{};
    if (!slot.written.empty() && dice.chance(50)) {
      slot.page = dice.pick(slot.written);
    }
    slot.written.clear();
    touch(slot);
  }
  ++boot_;
  now_ += dice.ms(0, 60'000);
}

void World::end_survivor(const std::string& name) {
  for (std::size_t i = 0; i < living_.size();) {
    if (living_[i]->orphan && living_[i]->job.attempt_name == name) {
      bury_process(*living_[i]);
    } else {
      ++i;
    }
  }
}

}  // namespace darn::sim
