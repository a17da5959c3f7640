// What the checks throw: which invariant was broken, and how it was seen.
#pragma once

#include <string>
#include <type_traits>
#include <utility>

#include "base/result.hpp"

namespace darn::sim {

// DESIGN's nine, then what follows from them.
namespace invariant {
inline constexpr const char* kRecorded = "1 recorded before its start";
inline constexpr const char* kFinal = "2 success is final";
inline constexpr const char* kOneEnd = "3 one terminal record";
inline constexpr const char* kAdopted = "4 adopted or proven dead, never a twin";
inline constexpr const char* kOrder = "5 dependents after a committed success";
inline constexpr const char* kBudget = "6 budgets hold";
inline constexpr const char* kPure = "7 the decision is pure";
inline constexpr const char* kUserFiles = "8 the user's files stay";
inline constexpr const char* kDirectory = "9 nothing outside the task's directory";
inline constexpr const char* kOnce = "every effect just once";
inline constexpr const char* kEnds = "the run ends";
inline constexpr const char* kLimits = "pools and jobs are limits";
inline constexpr const char* kCounts = "counts are a recount";
inline constexpr const char* kFree = "nothing stays claimed";
inline constexpr const char* kPriority = "higher priority first";
inline constexpr const char* kDrain = "a stop starts nothing more";
inline constexpr const char* kErrors = "errors are clear and have a cause";
}  // namespace invariant

struct Violation {
  std::string invariant;
  std::string what;
};

[[noreturn]] inline void violated(const char* which, std::string what) {
  throw Violation{which, std::move(what)};
}

// The value, or a violation: for what cannot fail by itself in a simulation.
template <class T>
T must(Result<T> result) {
  if (!result) {
    violated(invariant::kErrors, "without a cause: " + result.error().text());
  }
  if constexpr (!std::is_void_v<T>) {
    return std::move(*result);
  }
}

}  // namespace darn::sim
