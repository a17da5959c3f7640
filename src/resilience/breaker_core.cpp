#include "darn/breaker_core.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace darn {
namespace {

constexpr std::uint8_t kFailed = 1;
constexpr std::uint8_t kSlow = 2;

double rate(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

std::string_view to_string(breaker_state s) {
  constexpr std::array<std::string_view, 4> kNames{"closed", "open", "half-open", "isolated"};
  return kNames[static_cast<std::size_t>(s)];
}

breaker_core::breaker_core(breaker_settings settings) : settings_(std::move(settings)) {
  settings_.window_calls = std::max(settings_.window_calls, 1);
  settings_.minimum_calls = std::max(settings_.minimum_calls, 1);
  settings_.probes = std::max(settings_.probes, 1);
  if (!settings_.window_time) {
    // A window that can never hold enough calls would never open.
    settings_.minimum_calls = std::min(settings_.minimum_calls, settings_.window_calls);
    ring_.reserve(static_cast<std::size_t>(settings_.window_calls));
  }
}

breaker_core::permit breaker_core::enter(time_point now, double chance) {
  switch (state_) {
    case breaker_state::closed:
      if (ramping(now)) {
        const double done = 1 - rate(static_cast<std::uint64_t>((until_ - now).count()),
                                     static_cast<std::uint64_t>(settings_.ramp.count()));
        if (chance >= settings_.ramp_from + (1 - settings_.ramp_from) * done) {
          return {.generation = generation_, .wait = settings_.ramp / 10};
        }
      }
      return {.admitted = true, .generation = generation_};
    case breaker_state::open:
      // A clock that was set back must not keep it open for longer than it was meant to be.
      until_ = std::min(until_, now + settings_.open_for);
      if (now < until_) {
        return {.generation = generation_, .wait = until_ - now};
      }
      enter_state(breaker_state::half_open, now);
      return enter_half_open(now);
    case breaker_state::half_open: return enter_half_open(now);
    case breaker_state::isolated: break;
  }
  return {.generation = generation_, .wait = settings_.open_for};
}

breaker_core::permit breaker_core::enter_half_open(time_point now) {
  drop_lost_probes(now);
  const auto places = static_cast<std::uint64_t>(settings_.probes);
  if (probing_.size() + probed_.calls < places) {
    probing_.push_back({++last_probe_, now});
    return {.admitted = true, .generation = generation_, .probe = last_probe_};
  }
  const duration wait = probing_.front().began + settings_.probe_wait - now;
  return {.generation = generation_, .wait = wait};
}

// The first one in has been out for longest.
void breaker_core::drop_lost_probes(time_point now) {
  std::erase_if(probing_, [&](const Probe& p) {
    // A probe from the future is of a clock that was set back.
    return now - p.began >= settings_.probe_wait || p.began > now;
  });
}

void breaker_core::leave(const permit& p, result how, bool slow, time_point now) {
  if (!p.admitted || p.generation != generation_) {
    return;
  }
  const bool failed = how == result::failure;
  if (p.probe == 0) {
    if (how != result::cancelled) {
      count(failed, slow, 1, now);
    }
    return;
  }
  if (std::erase_if(probing_, [&](const Probe& q) { return q.id == p.probe; }) == 0 ||
      how == result::cancelled) {
    return;
  }
  ++probed_.calls;
  probed_.failures += failed ? 1 : 0;
  probed_.slow += slow ? 1 : 0;
  judge_probes(now);
}

// Decided as soon as the missing results cannot change it.
void breaker_core::judge_probes(time_point now) {
  const auto all = static_cast<std::uint64_t>(settings_.probes);
  const std::uint64_t missing = all - probed_.calls;
  const bool slow_counts = settings_.slow_call.has_value();
  if (rate(probed_.failures, all) >= settings_.failure_rate ||
      (slow_counts && rate(probed_.slow, all) >= settings_.slow_rate)) {
    enter_state(breaker_state::open, now);
  } else if (missing == 0 ||
             (rate(probed_.failures + missing, all) < settings_.failure_rate &&
              (!slow_counts || rate(probed_.slow + missing, all) < settings_.slow_rate))) {
    enter_state(breaker_state::closed, now);
  }
}

void breaker_core::add_successes(std::uint64_t n, time_point now) {
  if (state_ == breaker_state::closed && n > 0) {
    count(false, false, n, now);
  }
}

void breaker_core::count(bool failed, bool slow, std::uint64_t n, time_point now) {
  if (settings_.window_time) {
    const std::int64_t number = slice_number(now);
    Slice& slice = slices_[static_cast<std::size_t>((number % kSlices + kSlices) % kSlices)];
    if (slice.number != number) {
      slice = {number, {}};
    }
    slice.counts.calls += n;
    slice.counts.failures += failed ? n : 0;
    slice.counts.slow += slow ? n : 0;
  } else {
    const auto size = static_cast<std::size_t>(settings_.window_calls);
    const auto bits = static_cast<std::uint8_t>((failed ? kFailed : 0) | (slow ? kSlow : 0));
    for (n = std::min<std::uint64_t>(n, size); n > 0; --n) {
      if (ring_.size() < size) {
        ring_.push_back(bits);
        ++in_ring_.calls;
      } else {
        in_ring_.failures -= (ring_[next_] & kFailed) != 0 ? 1U : 0U;
        in_ring_.slow -= (ring_[next_] & kSlow) != 0 ? 1U : 0U;
        ring_[next_] = bits;
      }
      next_ = (next_ + 1) % size;
      in_ring_.failures += failed ? 1 : 0;
      in_ring_.slow += slow ? 1 : 0;
    }
  }
  // A success alone opens nothing: who is answering now is not to be cut off.
  if ((failed || slow) && trips(window(now))) {
    enter_state(breaker_state::open, now);
  }
}

bool breaker_core::trips(const Counts& c) const {
  return c.calls >= static_cast<std::uint64_t>(settings_.minimum_calls) &&
         (rate(c.failures, c.calls) >= settings_.failure_rate ||
          (settings_.slow_call && rate(c.slow, c.calls) >= settings_.slow_rate));
}

breaker_core::Counts breaker_core::window(time_point now) const {
  if (!settings_.window_time) {
    return in_ring_;
  }
  Counts sum;
  const std::int64_t number = slice_number(now);
  for (const Slice& slice : slices_) {
    if (slice.number <= number && slice.number > number - kSlices) {
      sum.calls += slice.counts.calls;
      sum.failures += slice.counts.failures;
      sum.slow += slice.counts.slow;
    }
  }
  return sum;
}

std::int64_t breaker_core::slice_number(time_point now) const {
  const auto slice = std::max<std::int64_t>(settings_.window_time->count() / kSlices, 1);
  return now.time_since_epoch().count() / slice;
}

void breaker_core::clear_window() {
  ring_.clear();
  next_ = 0;
  in_ring_ = {};
  slices_ = {};
}

void breaker_core::enter_state(breaker_state next, time_point now) {
  state_ = next;
  ++generation_;
  probing_.clear();
  probed_ = {};
  clear_window();
  until_ = next == breaker_state::open     ? now + settings_.open_for
           : next == breaker_state::closed ? now + settings_.ramp
                                           : time_point{};
}

breaker_state breaker_core::state(time_point now) const {
  return state_ == breaker_state::open && now >= until_ ? breaker_state::half_open : state_;
}

time_point breaker_core::refuses_until() const {
  return state_ == breaker_state::open       ? until_
         : state_ == breaker_state::isolated ? time_point::max()
                                             : time_point::min();
}

bool breaker_core::ramping(time_point now) const {
  return state_ == breaker_state::closed && now < until_ && until_ - now <= settings_.ramp;
}

double breaker_core::failure_rate(time_point now) const {
  const Counts c = window(now);
  return rate(c.failures, c.calls);
}

double breaker_core::slow_rate(time_point now) const {
  const Counts c = window(now);
  return rate(c.slow, c.calls);
}

std::uint64_t breaker_core::calls(time_point now) const { return window(now).calls; }

void breaker_core::isolate() { enter_state(breaker_state::isolated, time_point{}); }

void breaker_core::reset() {
  enter_state(breaker_state::closed, time_point{});
  until_ = time_point::min();
}

// "1 <state> <generation> <ns until> <last probe> <ok> <failed> <slow> <n> (<id> <ns ago>)…
// w<window>"
std::string breaker_core::save(time_point now) const {
  const auto word = [](auto number) { return std::to_string(number) + ' '; };
  const bool timed = until_ > now && state_ != breaker_state::isolated;
  std::string out = "1 " + word(static_cast<int>(state_)) + word(generation_) +
                    word(timed ? (until_ - now).count() : 0) + word(last_probe_) +
                    word(probed_.calls) + word(probed_.failures) + word(probed_.slow) +
                    word(probing_.size());
  for (const Probe& p : probing_) {
    out += word(p.id) + word((now - p.began).count());
  }
  if (settings_.window_time) {
    const std::int64_t number = slice_number(now);
    out += 't';
    for (const Slice& s : slices_) {
      if (s.counts.calls > 0 && s.number <= number && s.number > number - kSlices) {
        out += word(number - s.number) + word(s.counts.calls) + word(s.counts.failures) +
               word(s.counts.slow);
      }
    }
  } else {
    out += 'c';
    for (std::size_t i = 0; i < ring_.size(); ++i) {  // oldest first
      const bool full = ring_.size() == static_cast<std::size_t>(settings_.window_calls);
      out += static_cast<char>('0' + ring_[full ? (next_ + i) % ring_.size() : i]);
    }
  }
  return out;
}

std::optional<breaker_core> breaker_core::load(breaker_settings settings, std::string_view text,
                                               time_point now) {
  bool good = true;
  const auto number = [&] {
    std::int64_t value = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    good = good && problem == std::errc{} && end != text.data() + text.size() && *end == ' ' &&
           value >= 0;
    text.remove_prefix(good ? static_cast<std::size_t>(end - text.data()) + 1 : 0);
    return good ? value : 0;
  };
  const auto natural = [&] { return static_cast<std::uint64_t>(number()); };
  breaker_core core(std::move(settings));
  good = number() == 1;
  const std::int64_t state = number();
  good = good && state <= static_cast<std::int64_t>(breaker_state::isolated);
  if (!good) {
    return std::nullopt;
  }
  core.state_ = static_cast<breaker_state>(state);
  core.generation_ = natural();
  core.until_ =
      now + std::min(duration{number()}, std::max(core.settings_.open_for, core.settings_.ramp));
  core.last_probe_ = natural();
  core.probed_ = {natural(), natural(), natural()};
  const auto probing = natural();
  good = good &&
         probing + core.probed_.calls <= static_cast<std::uint64_t>(core.settings_.probes) &&
         core.probed_.failures <= core.probed_.calls && core.probed_.slow <= core.probed_.calls;
  for (std::uint64_t i = 0; good && i < probing; ++i) {
    const std::uint64_t id = natural();
    core.probing_.push_back({id, now - std::min(duration{number()}, core.settings_.probe_wait)});
  }
  const char kind = text.empty() ? '\0' : text[0];
  text.remove_prefix(text.empty() ? 0 : 1);
  if (!good || kind != (core.settings_.window_time ? 't' : 'c')) {
    return std::nullopt;
  }
  if (kind == 't') {
    const std::int64_t current = core.slice_number(now);
    while (good && !text.empty()) {
      const std::int64_t age = number();
      const Counts counts{natural(), natural(), natural()};
      good =
          good && age < kSlices && counts.failures <= counts.calls && counts.slow <= counts.calls;
      const std::int64_t n = current - age;
      core.slices_[static_cast<std::size_t>((n % kSlices + kSlices) % kSlices)] = {n, counts};
    }
    return good ? std::optional(std::move(core)) : std::nullopt;
  }
  if (text.size() > static_cast<std::size_t>(core.settings_.window_calls)) {
    text.remove_prefix(text.size() - static_cast<std::size_t>(core.settings_.window_calls));
  }
  for (const char c : text) {
    if (c < '0' || c > '3') {
      return std::nullopt;
    }
    const auto bits = static_cast<std::uint8_t>(c - '0');
    core.ring_.push_back(bits);
    ++core.in_ring_.calls;
    core.in_ring_.failures += (bits & kFailed) != 0 ? 1U : 0U;
    core.in_ring_.slow += (bits & kSlow) != 0 ? 1U : 0U;
  }
  core.next_ = core.ring_.size() % static_cast<std::size_t>(core.settings_.window_calls);
  return core;
}

}  // namespace darn
