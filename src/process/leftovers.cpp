#include "process/leftovers.hpp"

#include <dirent.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <memory>
#include <string_view>

#include "process/fd.hpp"
#include "process/proc.hpp"
#include "process/ring.hpp"

namespace darn {
namespace {

SlotState look_at(const std::string& dir, int slot) {
  SlotState state;
  state.slot = slot;
  const std::string path = dir + '/' + ring_name(slot);
  const Fd file(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!file) {
    state.trouble = fail_errno("open " + path).value().message;
    return state;
  }
  const auto ring = Ring::check(file.get(), path);
  if (!ring) {
    state.trouble = ring.error().message;
    return state;
  }
  // Shared, for an instant: an engine that comes just now tries again.
  state.shim_lives = ::flock(file.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::flock(file.get(), LOCK_UN);
  state.same_boot = boot_id() == ring->header().boot_id;
  for (std::uint32_t i = 0; i < kRingRecords; ++i) {
    const RingRecord& record = ring->record(i);
    state.open += record.load() != RecordState::free ? 1 : 0;
    state.highest = std::max(state.highest, AttemptKey{record.body.attempt});
  }
  return state;
}

}  // namespace

std::vector<SlotState> look_at_slots(const std::string& dir) {
  std::vector<SlotState> states;
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir(dir.c_str()), ::closedir);
  while (const dirent* entry = listing ? ::readdir(listing.get()) : nullptr) {
    constexpr std::string_view kPrefix = "slot-";
    const std::string_view name = entry->d_name;
    int slot = -1;
    if (name.starts_with(kPrefix)) {
      std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), slot);
    }
    if (slot >= 0 && name == ring_name(slot)) {
      states.push_back(look_at(dir, slot));
    }
  }
  std::sort(states.begin(), states.end(),
            [](const SlotState& a, const SlotState& b) { return a.slot < b.slot; });
  return states;
}

}  // namespace darn
