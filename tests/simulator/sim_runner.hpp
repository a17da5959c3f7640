// One engine's connection to the simulated machine: what process/shim_runner.cpp and slot.cpp do
// with sockets and files, on World's slots. Dies with its engine.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "process/runner.hpp"
#include "simulator/world.hpp"

namespace darn::sim {

class SimRunner : public ProcessRunner {
 public:
  explicit SimRunner(World& world) : world_(world) {}
  ~SimRunner() override;

  // Called before each wait with the time until it wants to return; what happens outside.
  std::function<bool()> outside;
  std::function<std::optional<Time>()> next_outside;
  std::function<void(const Job&)> starting;

  Result<int> acquire_slot() override;
  void give_back_slot(int slot) override;
  Status start(int slot, const Job& job) override;
  bool recall(AttemptKey attempt) override;
  void stop(AttemptKey attempt, bool now) override;
  Result<std::vector<Ended>> wait(Duration at_most) override;
  void release(const std::vector<AttemptKey>& attempts) override;
  Result<std::vector<Adopted>> adopt(const std::vector<Left>& left) override;

 private:
  struct Assigned {
    AttemptKey attempt = 0;
    std::string name;
    std::size_t record = 0;
    bool reported = false;
    bool gone = false;  // its record stays until something else is released
  };
  struct Handle {
    std::vector<Assigned> jobs;
    bool open = false;     // the lock, or a shim, is ours
    int shim = 0;          // the pid of a shim of ours
    bool adopted = false;  // ... of an earlier engine
    bool reserved = false;
    bool retiring = false;
    bool idle() const;
  };

  bool open(int index);
  void ready(int index);
  Status hand_out(int index, const Job& job);
  bool shim_gone(int index);
  void collect(int index, std::vector<Ended>& ends);
  void bury(int index, std::vector<Ended>& ends);
  void give_back(int index, std::vector<Ended>& ends);
  void adopt_slot(int index, std::map<AttemptKey, Left>& left, std::vector<Adopted>& fates);
  bool anything_to_hear(std::vector<Ended>& ends);
  Handle* handle_of(AttemptKey attempt, int* index);

  World& world_;
  std::map<int, Handle> handles_;
  std::vector<Ended> pending_;
};

}  // namespace darn::sim
