#include "process/shim_runner.hpp"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <map>
#include <string_view>

#include "process/slot.hpp"

namespace darn {
namespace {

constexpr std::array<int, 7> kForTheOwner = {SIGINT,  SIGTERM, SIGHUP,  SIGQUIT,
                                             SIGUSR1, SIGUSR2, SIGWINCH};

// The numbers K of the files slot-K.ring in a directory.
std::vector<int> slots_in(const std::string& dir) {
  std::vector<int> slots;
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir(dir.c_str()), ::closedir);
  while (const dirent* entry = listing ? ::readdir(listing.get()) : nullptr) {
    constexpr std::string_view kPrefix = "slot-";
    const std::string_view name = entry->d_name;
    int slot = -1;
    if (name.substr(0, kPrefix.size()) == kPrefix) {
      std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), slot);
    }
    if (slot >= 0 && name == ring_name(slot)) {
      slots.push_back(slot);
    }
  }
  std::sort(slots.begin(), slots.end());
  return slots;
}

class ShimRunner final : public ProcessRunner {
 public:
  ShimRunner(std::string dir, std::string executable, Fd epoll)
      : dir_(std::move(dir)), executable_(std::move(executable)), epoll_(std::move(epoll)) {}

  ~ShimRunner() override {
    for (auto& [index, slot] : slots_) {
      slot.let_go();
    }
    for (auto& [index, slot] : slots_) {
      slot.reap_if_idle();
    }
  }

  Result<int> acquire_slot() override {
    for (int index = 0;; ++index) {
      Slot& slot = slot_at(index);
      if (!slot.idle()) {
        continue;
      }
      DARN_ASSIGN(const bool ours, slot.open());
      if (ours) {
        DARN_TRY(ready(slot));
        slot.reserve();
        return index;
      }
    }
  }

  void give_back_slot(int index) override { slot_at(index).unreserve(); }

  Status start(int index, const Job& job) override {
    Slot& slot = slot_at(index);
    Status started = hand_over(slot, job);
    if (started) {
      where_[job.attempt] = index;
    } else {
      slot.unreserve();
    }
    return started;
  }

  void stop(AttemptKey attempt, bool now) override {
    if (const auto at = where_.find(attempt); at != where_.end()) {
      slot_at(at->second).stop(attempt, now);
    }
  }

  bool recall(AttemptKey attempt) override {
    const auto at = where_.find(attempt);
    if (at == where_.end() || !slot_at(at->second).recall(attempt)) {
      return false;
    }
    where_.erase(at);
    return true;
  }

  Result<std::vector<Ended>> wait(Duration at_most) override {
    DARN_TRY(broken_);
    std::vector<Ended> ends = std::exchange(pending_, {});
    std::array<epoll_event, 64> events;
    const int n = poll(ends.empty() ? at_most : Duration{0}, events);
    for (int i = 0; i < n; ++i) {
      Slot& slot = slot_at(events[static_cast<std::size_t>(i)].data.fd);
      slot.hear_bell();
      if (slot.shim_gone()) {
        DARN_TRY(slot.bury(ends));
      }
    }
    for (auto& [index, slot] : slots_) {  // also of those that would have rung a moment later
      slot.collect(ends);
    }
    for (const Ended& end : ends) {
      if (end.returned) {
        where_.erase(end.attempt);
      }
    }
    return ends;
  }

  void release(const std::vector<AttemptKey>& attempts) override {
    for (const AttemptKey attempt : attempts) {
      if (const auto at = where_.find(attempt); at != where_.end()) {
        slot_at(at->second).release(attempt);
        where_.erase(at);
      }
    }
  }

  Result<std::vector<Adopted>> adopt(const std::vector<Left>& left) override {
    std::map<AttemptKey, Left> open;
    for (const Left& one : left) {
      open[one.attempt] = one;
    }
    Slot::Findings found;
    for (const int index : slots_in(dir_)) {
      Slot& slot = slot_at(index);
      const std::size_t before = found.fates.size();
      DARN_TRY(slot.adopt(open, found));
      for (std::size_t i = before; i < found.fates.size(); ++i) {
        where_[found.fates[i].attempt] = index;
      }
      if (slot.has_shim()) {
        DARN_TRY(watch(slot));
      }
    }
    for (const auto& [attempt, one] : open) {  // claimed, and start() never came to it
      const bool known = slot_at(one.slot).same_boot();
      // Without its ring nobody knows its shim: then the name alone is a reason not to go on.
      const pid_t alive = known ? 0 : find_attempt(one.attempt_name, dir_);
      if (alive != 0) {
        return fail(ErrorKind::try_again,
                    "the exit records of slot " + std::to_string(one.slot) +
                        " are gone, and process " + std::to_string(alive) + " of attempt " +
                        one.attempt_name + " lives",
                    "wait for it or end it, and what supervises it");
      }
      found.fates.push_back({attempt, known ? Fate::never_started : Fate::gone});
    }
    pending_.insert(pending_.end(), found.ends.begin(), found.ends.end());
    return found.fates;
  }

 private:
  Slot& slot_at(int index) { return slots_.try_emplace(index, dir_, index).first->second; }

  Status hand_over(Slot& slot, const Job& job) {
    if (job.argv.empty()) {
      return fail(ErrorKind::internal, "a job without a command");
    }
    DARN_TRY(ready(slot));
    Status started = slot.start(job);
    if (!started && started.error().kind == ErrorKind::unavailable) {
      DARN_TRY(bury(slot));
      DARN_TRY(ready(slot));
      started = slot.start(job);
    }
    return started;
  }

  // A slot that cannot be buried has attempts of which nothing is known: the engine cannot go on,
  // and hears of it from the next wait().
  Status bury(Slot& slot) {
    broken_ = slot.bury(pending_);
    return broken_;
  }

  // A living shim of ours, watched.
  Status ready(Slot& slot) {
    if (slot.retired()) {
      DARN_TRY(bury(slot));
    }
    if (slot.has_shim()) {
      return {};
    }
    DARN_ASSIGN(const bool ours, slot.open());
    if (!ours) {
      return fail(ErrorKind::internal, "a slot that was not acquired");
    }
    DARN_TRY(slot.start_shim(executable_));
    return watch(slot);
  }

  Status watch(Slot& slot) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = slot.index();
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, slot.watched(), &event) != 0) {
      return fail_errno("epoll_ctl");
    }
    return {};
  }

  int poll(Duration at_most, std::array<epoll_event, 64>& events) {
    sigset_t mask;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    for (const int number : kForTheOwner) {
      ::sigdelset(&mask, number);
    }
    const auto ms = std::clamp<Duration::rep>(at_most.count(), 0, 3'600'000);
    return ::epoll_pwait(epoll_.get(), events.data(), static_cast<int>(events.size()),
                         static_cast<int>(ms), &mask);
  }

  std::string dir_;
  std::string executable_;
  Fd epoll_;
  std::map<int, Slot> slots_;
  std::map<AttemptKey, int> where_;
  std::vector<Ended> pending_;  // for the next wait()
  Status broken_;               //
};

}  // namespace

Result<std::unique_ptr<ProcessRunner>> make_shim_runner(const std::string& dir,
                                                        const std::string& executable) {
  if (::mkdir(dir.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail_errno("mkdir " + dir);
  }
  const std::unique_ptr<char, void (*)(void*)> absolute(::realpath(dir.c_str(), nullptr), ::free);
  if (!absolute) {
    return fail_errno("open " + dir);
  }
  Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) {
    return fail_errno("epoll_create");
  }
  return std::unique_ptr<ProcessRunner>(
      std::make_unique<ShimRunner>(absolute.get(), executable, std::move(epoll)));
}

}  // namespace darn
