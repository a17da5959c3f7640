#include "engine/slot_queues.hpp"

#include <algorithm>

#include "process/runner.hpp"

namespace darn {
namespace {

constexpr int kEnoughSeen = 4;     // durations, before anything is queued
constexpr double kWeight = 0.125;  // of the newest in the average; TCP's for round trips (RFC 6298)

}  // namespace

void SlotQueues::run(int slot, AttemptKey attempt, Time now) { lines_[slot] = {{attempt}, now}; }

int SlotQueues::depth() const {
  if (seen_ < kEnoughSeen) {
    return 1;
  }
  const double ahead = static_cast<double>(kWorkAhead.count()) / std::max(typical_ms_, 1.0);
  return std::clamp(1 + static_cast<int>(ahead), 1, kSlotJobs);
}

int SlotQueues::room_in(const Line& line, Time now) const {
  const int left = depth() - static_cast<int>(line.attempts.size());
  return now - line.since < kLong ? std::max(left, 0) : 0;
}

int SlotQueues::rooms(Time now) const {
  int sum = 0;
  for (const auto& [slot, line] : lines_) {
    sum += room_in(line, now);
  }
  return sum;
}

std::optional<int> SlotQueues::room(Time now) const {
  const auto most =
      std::max_element(lines_.begin(), lines_.end(), [&](const auto& a, const auto& b) {
        return room_in(a.second, now) < room_in(b.second, now);
      });
  return most != lines_.end() && room_in(most->second, now) > 0 ? std::optional(most->first)
                                                                : std::nullopt;
}

int SlotQueues::waiting_count() const {
  int sum = 0;
  for (const auto& [slot, line] : lines_) {
    sum += static_cast<int>(line.attempts.size()) - 1;
  }
  return sum;
}

std::optional<AttemptKey> SlotQueues::remove(AttemptKey attempt, Time now) {
  for (auto at = lines_.begin(); at != lines_.end(); ++at) {
    auto& attempts = at->second.attempts;
    const auto found = std::find(attempts.begin(), attempts.end(), attempt);
    if (found == attempts.end()) {
      continue;
    }
    const bool first = found == attempts.begin();
    attempts.erase(found);
    if (attempts.empty()) {
      lines_.erase(at);
      return std::nullopt;
    }
    if (!first) {
      return std::nullopt;
    }
    at->second.since = now;
    return attempts.front();
  }
  return std::nullopt;
}

void SlotQueues::learn(Duration wall) {
  const auto ms = static_cast<double>(wall.count());
  typical_ms_ = seen_ == 0 ? ms : typical_ms_ + kWeight * (ms - typical_ms_);
  seen_ = std::min(seen_ + 1, kEnoughSeen);
}

std::vector<AttemptKey> SlotQueues::waiting() const {
  std::vector<AttemptKey> all;
  for (const auto& [slot, line] : lines_) {
    all.insert(all.end(), line.attempts.begin() + 1, line.attempts.end());
  }
  std::sort(all.begin(), all.end());  // keys rise in the order of claiming
  return all;
}

std::vector<AttemptKey> SlotQueues::behind_long(Time now) const {
  std::vector<AttemptKey> all;
  for (const auto& [slot, line] : lines_) {
    if (now - line.since >= kLong) {
      all.insert(all.end(), line.attempts.begin() + 1, line.attempts.end());
    }
  }
  std::sort(all.begin(), all.end());
  return all;
}

std::optional<Time> SlotQueues::next_long() const {
  std::optional<Time> next;
  for (const auto& [slot, line] : lines_) {
    if (line.attempts.size() > 1 && (!next || line.since + kLong < *next)) {
      next = line.since + kLong;
    }
  }
  return next;
}

}  // namespace darn
