#include "darn/backoff.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "darn/clock.hpp"
#include "resilience/number_text.hpp"

namespace darn {
namespace {

double count(duration d) { return static_cast<double>(d.count()); }

// value as a duration within low .. high; what is not a number ends at high.
duration clamped(double value, duration low, duration high) {
  if (value <= count(low)) {
    return low;
  }
  return value < count(high) ? duration{static_cast<duration::rep>(value)} : high;
}

// Any of low .. high, equally likely; high itself may come out.
duration between(duration low, duration high, std::uint64_t random) {
  if (high <= low) {
    return low;
  }
  return clamped(count(low) + detail::unit_interval(random) * (count(high) - count(low) + 1), low,
                 high);
}

}  // namespace

backoff backoff::constant(duration delay, darn::jitter jitter) {
  return {.delays = {delay}, .jitter = jitter};
}

backoff backoff::linear(duration first, duration step, duration cap, darn::jitter jitter) {
  return {.delays = {first}, .step = step, .cap = cap, .jitter = jitter};
}

backoff backoff::exponential(duration first, duration cap, double factor, darn::jitter jitter) {
  return {.delays = {first}, .factor = factor, .cap = cap, .jitter = jitter};
}

backoff backoff::schedule(std::vector<duration> delays, darn::jitter jitter) {
  return {.delays = std::move(delays), .jitter = jitter};
}

duration backoff::planned(std::int64_t retry) const {
  const duration most = std::max(cap, duration{0});
  if (delays.empty()) {
    return duration{0};
  }
  const auto listed = static_cast<std::int64_t>(delays.size());
  const auto index = static_cast<std::size_t>(std::clamp<std::int64_t>(retry, 1, listed) - 1);
  const duration base = std::clamp(delays[index], duration{0}, most);
  if (retry <= listed) {
    return base;
  }
  const auto beyond = static_cast<double>(retry - listed);
  const double grown = count(base) * std::pow(std::max(factor, 0.0), beyond) + count(step) * beyond;
  return clamped(grown, duration{0}, most);
}

duration backoff::delay(std::int64_t retry, std::uint64_t random, duration previous) const {
  const duration plan = planned(retry);
  if (jitter.follows) {
    const duration first = planned(1);
    const duration last = std::max(previous, first);
    return between(first, clamped(3 * count(last), duration{0}, std::max(cap, first)), random);
  }
  const double below = std::clamp(jitter.below, 0.0, 1.0);
  const double above = std::max(jitter.above, 0.0);
  if (below == 0 && above == 0) {
    return plan;
  }
  const duration most = std::max(cap, plan);
  // Rounded up: what is taken off never exceeds its share.
  const duration low = clamped(std::ceil(count(plan) * (1 - below)), duration{0}, plan);
  return between(low, clamped(count(plan) * (1 + above), plan, most), random);
}

std::string backoff::text() const {
  std::string out;
  if (delays.empty()) {
    return "no delay";
  }
  if (delays.size() > 1) {
    out = "schedule";
    for (const duration d : delays) {
      out += (&d == delays.data() ? " " : ",") + to_string(d);
    }
  } else if (factor != 1) {
    out = "exponential " + to_string(delays[0]) + " x" + short_number(factor) + " .. " +
          to_string(cap);
  } else if (step != duration{0}) {
    out = "linear " + to_string(delays[0]) + " +" + to_string(step) + " .. " + to_string(cap);
  } else {
    out = "constant " + to_string(delays[0]);
  }
  if (jitter == darn::jitter::none()) {
    return out;
  }
  const bool full = jitter == darn::jitter::full();
  const bool equal = jitter == darn::jitter::equal();
  const bool proportional = jitter == darn::jitter::proportional();
  return out + (full             ? ", full jitter"
                : equal          ? ", equal jitter"
                : proportional   ? ", proportional jitter"
                : jitter.follows ? ", decorrelated jitter"
                                 : ", jitter");
}

duration respect_retry_after(duration delay, std::optional<duration> retry_after,
                             duration max_retry_after, std::uint64_t random) {
  if (!retry_after) {
    return delay;
  }
  const duration most = std::max(max_retry_after, duration{0});
  if (*retry_after > most) {
    return std::max(delay, between(most - most / 10, most, random));
  }
  const duration floor = std::max(*retry_after, duration{0});
  return delay >= floor ? delay
                        : floor + between(duration{0}, std::min(floor / 10, most - floor), random);
}

}  // namespace darn
