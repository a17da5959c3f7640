// One slot as the engine sees it: its exit records, its shim, and the attempts that were handed to
// it and not yet released. Either the engine holds the slot's lock (no shim lives) or the shim
// does. Single-threaded, owned by the ShimRunner.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "process/fd.hpp"
#include "process/proc.hpp"
#include "process/ring.hpp"
#include "process/runner.hpp"

namespace darn {

class Slot {
 public:
  Slot(std::string dir, int index) : dir_(std::move(dir)), index_(index) {}

  int index() const { return index_; }
  bool has_shim() const { return control_ || adopted_; }
  // What to poll: the control socket, or the pidfd of an adopted shim.
  int watched() const { return control_ ? control_.get() : adopted_.get(); }

  // --- handing out
  // False when a shim that is not ours lives in this slot.
  Result<bool> open();
  bool idle() const;
  void reserve() { reserved_ = true; }
  void unreserve() { reserved_ = false; }
  bool retired() const { return retiring_; }
  Status start_shim(const std::string& executable);
  // unavailable: the shim has gone; bury() it and start another.
  Status start(const Job& job);
  void stop(AttemptKey attempt, bool now);
  bool recall(AttemptKey attempt);
  void release(AttemptKey attempt);
  // The engine ends: the shim finishes what it has and follows. Waits for none that is busy.
  void let_go() { control_.reset(); }
  void reap_if_idle();

  // --- ends
  void hear_bell();  // takes one doorbell packet; marks the shim as gone at the end of file
  bool shim_gone() const { return gone_; }
  // Ends not reported yet.
  void collect(std::vector<Ended>& ends);
  // After the shim has gone: its last ends; what was running there is ended and lost, what waited
  // is returned.
  Status bury(std::vector<Ended>& ends);

  // --- adoption: see ProcessRunner::adopt()
  struct Findings {
    std::vector<ProcessRunner::Adopted> fates;
    std::vector<Ended> ends;
  };
  // Removes from `left` what it accounts for. What is gone is dead for certain when this returns.
  Status adopt(std::map<AttemptKey, ProcessRunner::Left>& left, Findings& findings);
  // For an attempt without a record here: may its engine have died before it got that far?
  bool same_boot() const;

 private:
  struct Assigned {
    AttemptKey attempt = 0;
    std::string name;
    std::uint32_t record = 0;
    bool reported = false;
    bool gone = false;  // its record stays until something else is released: then that is committed
  };

  struct Stop {
    AttemptKey attempt = 0;
    bool now = false;
  };

  void send_stops();
  void forget(RingRecord& record) const;
  Status relock();
  Status wait_until_settled();
  Fd open_shim() const;
  void reap_shim();
  void give_back(std::vector<Ended>& ends);
  Ended lost(const Assigned& job) const;
  void recover(StreamRecord& stream) const;
  Mark mark(const std::string& name) const;
  bool has_queued() const;
  ProcessRunner::Fate fate_of(const RingRecord& record) const;

  std::string dir_;
  int index_;
  Ring ring_;
  Fd lock_;     // held while no shim lives
  Fd control_;  // of a shim of ours
  Fd adopted_;  // pidfd of an earlier engine's shim
  pid_t shim_ = -1;
  bool reserved_ = false;
  bool retiring_ = false;  // the shim ends by itself
  bool gone_ = false;
  std::vector<Assigned> jobs_;
  std::vector<Stop> stops_;  // not sent yet
};

}  // namespace darn
