// Captures streams into segment files: append-only over many jobs, so that a run of a million tasks
// leaves a handful of files. Of each stream the first and the last bytes are kept, exactly as many
// as allowed, the last ones in a circular area of the file itself (OutputRef): no memory is used,
// and what was written survives the shim. A full disk drops output, it does not end a task.
#pragma once

#include <cstdint>
#include <string>

#include "base/byte_hash.hpp"
#include "process/fd.hpp"
#include "process/ring.hpp"

namespace darn {

// The segment of one slot and kind that is being written. `number` lives in the ring's header, so
// that the next shim goes on with it.
class Segment {
 public:
  Segment(int dir, int slot, StreamRecord::Kind kind, std::uint32_t& number)
      : dir_(dir), slot_(slot), kind_(kind), number_(number) {}
  // Opens the file, or the next one when it has grown beyond kRoll. Called before each stream.
  void prepare();
  int fd() const { return file_.get(); }
  std::uint64_t end() const { return end_; }
  void advance(std::uint64_t bytes) { end_ += bytes; }
  StreamRecord::Kind kind() const { return kind_; }
  std::uint32_t number() const { return number_; }

  static constexpr std::uint64_t kRoll = 256ULL << 20U;

 private:
  void open();

  int dir_;
  int slot_;
  StreamRecord::Kind kind_;
  std::uint32_t& number_;
  Fd file_;
  std::uint64_t end_ = 0;
};

class Capture {
 public:
  // Half of `limit` for the first bytes, the rest for the last. Publishes kind, segment and offset
  // in `record` at once, the sizes in finish().
  void begin(Segment& segment, std::uint64_t limit, StreamRecord& record);
  void write(const char* data, std::size_t size);
  void finish();

 private:
  std::uint64_t tail_capacity() const { return limit_ - head_; }

  Segment* segment_ = nullptr;
  StreamRecord* record_ = nullptr;
  std::uint64_t limit_ = 0;
  std::uint64_t head_ = 0;
  std::uint64_t written_ = 0;  // bytes that found their place, also if overwritten since
  std::uint64_t lost_ = 0;     // bytes after a write had failed
  ByteHash hash_;              // of the first `limit_` bytes
  std::uint64_t of_head_ = 0;  // the hash as it was when the head was full
  bool failed_ = false;
};

}  // namespace darn
