#include "process/ring.hpp"

#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <type_traits>

#include "base/disk_full.hpp"
#include "base/random.hpp"

namespace darn {
namespace {

constexpr std::uint64_t kMagic = 0x31676e72'6e726164ULL;  // "darnrng1"
constexpr std::uint32_t kVersion = 2;
constexpr std::size_t kUnit = 512;  // the header, and each record
constexpr std::size_t kSize = kUnit * (1 + kRingRecords);

static_assert(std::is_trivially_copyable_v<RecordBody>);
static_assert(std::atomic<std::uint32_t>::is_always_lock_free);
static_assert(sizeof(RingRecord) <= kUnit && sizeof(RingHeader) <= kUnit);

std::uint64_t checksum(const RecordBody& body) {
  return hash64({reinterpret_cast<const char*>(&body), sizeof body}, kVersion);
}

Status check_header(const RingHeader& header, const std::string& path) {
  if (header.magic != kMagic || header.version != kVersion) {
    return fail(ErrorKind::io, path + " was written by another version of darn",
                "let that version finish its run, or remove the file");
  }
  return {};
}

// Mapping more than there is would be a SIGBUS.
Status check_size(int fd, const std::string& path) {
  struct stat info {};
  if (::fstat(fd, &info) != 0 || info.st_size < static_cast<off_t>(kSize)) {
    return fail(ErrorKind::io, path + " is cut short");
  }
  return {};
}

OutputRef output_of(const StreamRecord& s, int slot) {
  return {.file = segment_name(slot, s.kind, s.segment),
          .offset = s.offset,
          .head = s.head,
          .tail = s.tail,
          .tail_start = s.tail_start,
          .dropped = s.dropped,
          .unwritten = s.unwritten,
          .checksum = s.checksum};
}

}  // namespace

void RingRecord::seal() {
  checksum = darn::checksum(body);
  store(RecordState::ended);
}

bool RingRecord::sound() const { return checksum == darn::checksum(body); }

Ring& Ring::operator=(Ring&& other) noexcept {
  std::swap(memory_, other.memory_);
  return *this;
}

Ring::~Ring() {
  if (memory_ != nullptr) {
    ::munmap(memory_, kSize);
  }
}

RingHeader& Ring::header() const { return *static_cast<RingHeader*>(memory_); }

RingRecord& Ring::record(std::uint32_t index) const {
  return *reinterpret_cast<RingRecord*>(static_cast<char*>(memory_) +
                                        kUnit * (1 + index % kRingRecords));
}

Result<Ring> Ring::map(int fd) {
  void* memory = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) {
    return fail_errno("map exit records");
  }
  return Ring(memory);
}

Result<Ring> Ring::check(int fd, const std::string& path) {
  DARN_TRY(check_size(fd, path));
  DARN_ASSIGN(Ring ring, map(fd));
  DARN_TRY(check_header(ring.header(), path));
  return ring;
}

Result<Ring> Ring::open(const std::string& dir, int slot, Fd& lock) {
  const std::string path = dir + '/' + ring_name(slot);
  Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) {
    return fail_errno("open " + path);
  }
  const bool locked = ::flock(file.get(), LOCK_EX | LOCK_NB) == 0;
  if (!locked && errno != EWOULDBLOCK) {
    return fail_errno("lock " + path);
  }
  // Preallocated, because a full disk would be a SIGBUS later.
  if (const int error = locked ? ::posix_fallocate(file.get(), 0, kSize) : 0; error != 0) {
    return tl::unexpected<Error>(with_room_mend(fail_errno("allocate " + path, error).value()));
  }
  DARN_TRY(check_size(file.get(), path));
  DARN_ASSIGN(Ring ring, map(file.get()));
  if (locked && ring.header().magic == 0) {
    ring.header().version = kVersion;
    ring.header().magic = kMagic;
  }
  DARN_TRY(check_header(ring.header(), path));
  if (locked) {
    lock = std::move(file);
  }
  return ring;
}

std::string ring_name(int slot) { return "slot-" + std::to_string(slot) + ".ring"; }

std::string segment_name(int slot, std::uint32_t kind, std::uint32_t number) {
  if (kind == StreamRecord::none) {
    return {};
  }
  return "slot-" + std::to_string(slot) + (number == 0 ? "" : '.' + std::to_string(number)) +
         (kind == StreamRecord::err ? ".err" : ".out");
}

Outcome outcome_of(const RecordBody& body, int slot) {
  Outcome o;
  o.end = static_cast<End>(body.end);
  o.exit_code = body.exit_code;
  o.signal = body.signal;
  o.core_dumped = body.core_dumped;
  o.out_of_memory = body.out_of_memory;
  o.start_errno = body.failure.error;
  o.started = time_from_ms(body.started_ms);
  o.ended = time_from_ms(body.ended_ms);
  o.wall = Duration{body.wall_ms};
  o.user = Duration{body.user_ms};
  o.system = Duration{body.system_ms};
  o.max_rss_kib = body.max_rss_kib;
  o.lingered = body.lingered;
  o.out = output_of(body.out, slot);
  o.err = output_of(body.err, slot);
  o.check_ran = body.check_ran;
  o.check_end = static_cast<End>(body.check_end);
  o.check_exit = body.check_exit;
  o.check_out = output_of(body.check_out, slot);
  return o;
}

}  // namespace darn
