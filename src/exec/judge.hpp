// What a failed attempt was, and whether there is to be another one. Pure: the clock, chance and
// what was captured come in as arguments. Thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "exec/exec.hpp"
#include "exec/session.hpp"

namespace darn::exec {

struct Captured {
  std::string_view output;  // standard output, or both
  std::string_view errors;
};

struct Judgement {
  bool failed = false;
  Category category = Category::none;
  std::string why;                // "exit 7, connection refused"
  std::optional<Duration> floor;  // the other side asked for that much: Retry-After, a reset
};
Judgement judge(const Ended& ended, const Captured& captured, const std::string& program, Time now);

// Of the use so far.
struct Tally {
  int retries = 0;
  std::array<int, kCategories> by_category{};
};

struct Next {
  bool again = false;
  Duration delay{};
  int number = 0;       // of this retry, from 1
  int of = 0;           // at most so many
  std::string why_not;  // for people; empty: nothing to add
};
Next next(const Options& options, const Judgement& judgement, const Ended& ended,
          const Captured& captured, const Tally& tally, std::uint64_t random);

// May any failure lead to another attempt? Else the input need not be kept.
bool may_retry(const Options& options);

}  // namespace darn::exec
