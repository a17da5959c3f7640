// The exit records of one slot: a small preallocated file, mapped by the shim that writes it and by
// the engine that reads it. A record belongs to one attempt from start() to release() and is what
// counts in between, whoever of the two has died. The file's lock (flock) is held by the shim for
// as long as it lives: who gets it knows that the shim is dead. State words are written last
// (release) and read first (acquire); nothing here blocks.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "model/outcome.hpp"
#include "process/fd.hpp"
#include "process/runner.hpp"

namespace darn {

enum class RecordState : std::uint32_t {
  free,
  queued,         // by the engine, before the shim hears of it
  recalled,       // ... and taken back before it began; free when the shim has come to it
  starting,       // may have begun
  began,          //
  ended,          // all fields are valid, the checksum says so
  never_started,  // dropped by the shim after its engine had died
};

// Where a stream lies; an OutputRef without its string.
struct StreamRecord {
  enum Kind : std::uint32_t { none, out, err };
  std::uint32_t kind = none;
  std::uint32_t segment = 0;
  std::uint64_t offset = 0;
  std::uint64_t head = 0;
  std::uint64_t tail = 0;
  std::uint64_t tail_start = 0;
  std::uint64_t dropped = 0;
  std::uint64_t unwritten = 0;
  std::uint64_t checksum = 0;
};

// At which step a program could not be started, and why.
struct StartFailure {
  enum Step : std::int32_t { none, fork, standard_input, directory, exec };
  std::int32_t step = none;
  std::int32_t error = 0;
};

struct RecordBody {
  std::int64_t attempt = 0;
  std::int64_t started_ms = 0;
  std::int64_t ended_ms = 0;
  std::int64_t wall_ms = 0;
  std::int64_t user_ms = 0;
  std::int64_t system_ms = 0;
  std::int64_t max_rss_kib = 0;
  std::int32_t pid = 0;
  std::int32_t exit_code = -1;
  std::int32_t signal = 0;
  std::int32_t check_exit = -1;
  StartFailure failure;        // of the task
  StartFailure check_failure;  // of its check
  std::uint8_t end = 0;
  std::uint8_t check_end = 0;
  bool core_dumped = false;
  bool out_of_memory = false;
  bool lingered = false;
  bool check_ran = false;
  bool retiring = false;  // the shim ends after this one: something was left beside it
  std::uint8_t unused = 0;
  StreamRecord out;
  StreamRecord err;
  StreamRecord check_out;
};

struct RingRecord {
  std::atomic<std::uint32_t> state;
  std::uint32_t unused;
  std::uint64_t checksum;
  RecordBody body;

  RecordState load() const {
    return static_cast<RecordState>(state.load(std::memory_order_acquire));
  }
  void store(RecordState s) {
    state.store(static_cast<std::uint32_t>(s), std::memory_order_release);
  }
  // From one state to another, unless the other side was faster.
  bool change(RecordState from, RecordState to) {
    auto expected = static_cast<std::uint32_t>(from);
    return state.compare_exchange_strong(expected, static_cast<std::uint32_t>(to),
                                         std::memory_order_acq_rel);
  }
  void seal();         // checksum, then `ended`
  bool sound() const;  // the checksum holds
};

struct RingHeader {
  std::uint64_t magic;
  std::uint32_t version;
  std::int32_t shim_pid;
  std::uint64_t shim_start;  // its start time in ticks since the boot
  std::uint32_t out_segment;
  std::uint32_t err_segment;
  char boot_id[40];
};

// Twice what a slot may hold: as many again may have been recalled and not come by the shim yet.
inline constexpr std::uint32_t kRingRecords = 2 * kSlotJobs;

class Ring {
 public:
  // Opens or makes slot-K.ring. `lock` is set when no shim holds it: the caller then owns the slot
  // until the lock is closed or handed to a shim.
  static Result<Ring> open(const std::string& dir, int slot, Fd& lock);
  // Of an open file that is there already, by somebody who only looks.
  static Result<Ring> check(int fd, const std::string& path);
  // What the shim inherits.
  static Result<Ring> map(int fd);

  Ring() = default;
  Ring(Ring&& other) noexcept : memory_(std::exchange(other.memory_, nullptr)) {}
  Ring& operator=(Ring&& other) noexcept;
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring();

  explicit operator bool() const { return memory_ != nullptr; }
  RingHeader& header() const;
  RingRecord& record(std::uint32_t index) const;

 private:
  explicit Ring(void* memory) : memory_(memory) {}
  void* memory_ = nullptr;
};

std::string ring_name(int slot);
// Empty for StreamRecord::none.
std::string segment_name(int slot, std::uint32_t kind, std::uint32_t number);
Outcome outcome_of(const RecordBody& body, int slot);

}  // namespace darn
