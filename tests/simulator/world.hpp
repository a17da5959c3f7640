// The machine of a simulation: virtual time, slots with their rings and shims, processes, and what
// breaks. It lives on when an engine dies. What it models is process/ring.hpp, shim.cpp and
// slot.cpp: records count until they are released; a shim goes on without its engine, finishes what
// runs and drops its queue; after a power failure the boot is another one and a ring holds what was
// last written of it. Its own journal (processes, effects) is what the checks believe, not the
// store. Single-threaded.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "process/ring.hpp"
#include "process/runner.hpp"
#include "simulator/dice.hpp"
#include "simulator/scenario.hpp"
#include "simulator/violation.hpp"

namespace darn::sim {

// Thrown where an engine dies; nothing that it does while the stack unwinds counts.
struct Crash {
  bool power = false;
};

struct Process {
  Job job;
  std::string run, task;
  int slot = 0;
  int nth = 0;
  Play play;
  Time began{}, ends{};
  Outcome outcome;
  bool living = true;
  bool orphan = false;  // its shim was killed
  bool seen = false;    // its end is in the ring
  bool effect = false;  // it did what it was for
  bool agent() const { return job.separate_stderr; }
};

class World {
 public:
  struct Record {
    RecordState state = RecordState::free;
    AttemptKey attempt = 0;
    std::string name;
    Outcome outcome;
    bool retiring = false;
  };
  struct Entry {
    Job job;
    std::size_t record = 0;
    Time heard{};  // when the shim reads it from its socket
    bool cancelled = false;
  };
  struct Shim {
    bool alive = false;
    int pid = 0;
    Time alone_at = Time::max();  // when it sees that its engine has died
    bool alone = false;
    std::deque<Entry> queue;     // what has not begun
    Process* running = nullptr;  // with the record
    std::size_t record = 0;
  };
  struct Page {  // a slot's file
    std::array<Record, kRingRecords> records;
    int boot = 0;
  };
  struct Slot {
    Page page;
    std::vector<Page> written;  // what the disk may hold after a power failure
    Shim shim;
  };
  // Called as things happen; a check throws Violation.
  struct Watch {
    std::function<void(const Process&)> began;
  };

  World(const Scenario& scenario, bool verbose);

  Time now() const { return now_; }
  Duration since_start() const { return now_ - start_; }
  int boot() const { return boot_; }
  void set_run_dir(const std::string& dir);

  // --- steps: every call of a seam is two
  void arm(const std::optional<Fault>& fault);             // for the next engine
  void step(const char* call, bool after);                 // throws Crash
  bool fails(const char* call);                            // whether this call is to fail
  bool failure_rolls_back() const { return rolls_back_; }  // ... the last one
  bool dead() const { return dead_; }                      // a dead engine does nothing
  void check_dead() const;

  // --- time
  void advance(Time to);
  std::optional<Time> next_event() const;
  void oversleep(Duration& at_most);

  // --- what shims do
  Slot& slot(int index) { return slots_[index]; }
  std::map<int, Slot>& slots() { return slots_; }
  void start_shim(int slot);
  void send(int slot, Entry entry);
  bool recall(int slot, AttemptKey attempt);
  void stop(int slot, AttemptKey attempt, bool now);
  void leave(int slot);  // the engine's end of the socket closes
  void touch(Slot& slot);
  // --- what breaks
  void kill_shim();
  void power_failure();
  // Ends what was left running by a killed shim.
  void end_survivor(const std::string& name);

  Process* truth(AttemptKey attempt, const std::string& name);
  void forget_truth(AttemptKey attempt);
  const std::vector<Process*>& living() const { return living_; }
  bool disturbed() const { return disturbed_; }  // a shim or the machine died

  template <class... Args>
  void log(const char* what, const Args&... args) {
    if (verbose_) {
      log_line(what, {std::string(args)...});
    }
  }

  Watch watch;
  Dice dice;
  std::map<std::string, int> effects;  // per task
  std::map<std::string, bool> half;    // "run/task" began, and its end was never seen
  std::string out_of_step;             // a broken engine's steps have no end
  // Figures.
  struct Figures {
    std::map<std::string, std::int64_t> struck;  // kind of fault -> how often
    std::set<std::string> places;                // call, occurrence, before or after
    std::int64_t steps = 0;
    std::int64_t processes = 0;
  } figures;

 private:
  void strike(const std::string& place);
  void run_shims();
  void run_shim(int index, Slot& slot, bool& again);
  void begin(int index, Slot& slot);
  void finish(Process& process);
  void bury_process(Process& process);  // dead, its end unseen
  void drop_queue(Slot& slot);
  void end_shim(Slot& slot);
  OutputRef write_output(const std::string& text);
  void leave_promised(const Process& process);
  void log_line(const char* what, const std::vector<std::string>& words);

  const Scenario& scenario_;
  bool verbose_;
  Time start_ = time_from_ms(1'700'000'000'000);
  Time now_ = start_;
  int boot_ = 1;
  int next_pid_ = 100;
  std::map<int, Slot> slots_;
  std::deque<Process> processes_;
  std::vector<Process*> living_;
  std::map<AttemptKey, Process*> truth_;
  std::map<std::string, int> starts_;
  std::string output_path_;
  std::uint64_t output_size_ = 0;
  int promised_ = 0;
  bool disturbed_ = false;
  bool keeps_pages_ = false;

  std::optional<Fault> fault_;
  bool failure_due_ = false;
  bool rolls_back_ = false;
  bool dead_ = true;
  std::int64_t engine_steps_ = 0;
  std::map<std::string, int> calls_;
};

}  // namespace darn::sim
