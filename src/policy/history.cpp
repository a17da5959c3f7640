#include "policy/history.hpp"

#include <algorithm>
#include <functional>

namespace darn {
namespace {

using History = std::vector<PastAttempt>;

// Attempts of this cycle before the last one that hold, counted.
int count_before(const History& history, int cycle,
                 const std::function<bool(const PastAttempt&)>& holds) {
  int n = 0;
  for (auto it = std::next(history.rbegin()); it != history.rend() && it->cycle == cycle; ++it) {
    n += holds(*it) ? 1 : 0;
  }
  return n;
}

bool is_snooze(const PastAttempt& a) { return a.charge == Charge::none && a.end != End::cancelled; }
bool is_loss(const PastAttempt& a) { return a.end == End::lost; }

}  // namespace

bool is_transient(Category category) {
  switch (category) {
    case Category::network:
    case Category::rate_limit:
    case Category::resource:
    case Category::timeout:
    case Category::transient: return true;
    default: return false;
  }
}

int tries_in_cycle(const History& history, int cycle) {
  return 1 + count_before(history, cycle,
                          [](const PastAttempt& a) { return a.charge == Charge::retry; });
}

int same_kind_in_cycle(const History& history, int cycle) {
  const PastAttempt& last = history.back();
  return 1 + count_before(history, cycle, [&](const PastAttempt& a) {
           return a.charge == Charge::retry && a.category == last.category && a.agent == last.agent;
         });
}

int snoozes_in_cycle(const History& history, int cycle) {
  return count_before(history, cycle, is_snooze);
}

SnoozeRow snoozes_in_a_row(const History& history, int cycle, Time now) {
  SnoozeRow row{.length = 0, .began = now};
  for (auto it = std::next(history.rbegin());
       it != history.rend() && it->cycle == cycle && is_snooze(*it); ++it) {
    ++row.length;
    if (it->ended != Time{}) {
      row.began = std::min(row.began, it->ended);
    }
  }
  return row;
}

int losses(const History& history) {
  return static_cast<int>(std::count_if(history.begin(), history.end(), is_loss));
}

int repeats(const History& history) {
  if (history.empty()) {
    return 0;
  }
  const PastAttempt& last = history.back();
  if (last.succeeded || last.signature.empty() || is_transient(last.category) || is_loss(last)) {
    return 0;
  }
  int n = 0;
  for (auto it = history.rbegin(); it != history.rend(); ++it) {
    const bool speaks = it == history.rbegin() || it->charge == Charge::retry;
    if (speaks && (it->signature != last.signature || it->agent != last.agent || it->succeeded)) {
      break;
    }
    n += speaks ? 1 : 0;
    if (it->changed_before) {
      break;
    }
  }
  return n;
}

bool is_deterministic(const History& history, const Policy& policy) {
  return policy.deterministic_after > 0 && repeats(history) >= policy.deterministic_after;
}

std::string_view phrase(Category category) {
  switch (category) {
    case Category::none: return "failure";
    case Category::network: return "network failure";
    case Category::rate_limit: return "rate limit";
    case Category::resource: return "lack of a resource";
    case Category::timeout: return "timeout";
    case Category::transient: return "transient failure";
    case Category::permanent: return "permanent failure";
    case Category::unknown: return "unknown failure";
  }
  return "failure";
}

}  // namespace darn
