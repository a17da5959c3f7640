#include "model/kinds.hpp"

namespace darn {
namespace {

// In the order of each enumeration.
constexpr std::array<std::string_view, 21> kCause = {
    "none",           "code",         "data",    "logic",          "dependency", "configuration",
    "authentication", "environment",  "service", "network",        "resource",   "timeout",
    "missing_output", "check_failed", "quota",   "context_length", "task_limit", "crash",
    "cancelled",      "lost",         "unknown"};
constexpr std::array<std::string_view, 8> kEnd = {"exited",         "signalled", "timed_out",
                                                  "idle_timed_out", "deadline",  "cancelled",
                                                  "not_started",    "lost"};
constexpr std::array<std::string_view, kTaskStates> kTaskState = {
    "waiting", "ready",   "running",   "delayed",  "succeeded",
    "failed",  "skipped", "cancelled", "abandoned"};
constexpr std::array<std::string_view, 6> kRunState = {"planning", "running",     "succeeded",
                                                       "failed",   "interrupted", "cancelled"};
constexpr std::array<std::string_view, 3> kCharge = {"retry", "poison", "none"};
constexpr std::array<std::string_view, 6> kAttemptKind = {"first",    "retry",    "snoozed",
                                                          "recovery", "fallback", "remedy"};
constexpr std::array<std::string_view, 5> kAttemptState = {"running", "succeeded", "failed", "lost",
                                                           "cancelled"};
constexpr std::array<std::string_view, 5> kAction = {"succeed", "retry", "snooze", "give_up",
                                                     "abandon"};

template <class E, std::size_t N>
std::string_view name(const std::array<std::string_view, N>& names, E value) {
  const auto i = static_cast<std::size_t>(value);
  return i < N ? names[i] : "unknown";
}

template <class E, std::size_t N>
std::optional<E> find(const std::array<std::string_view, N>& names, std::string_view text) {
  for (std::size_t i = 0; i < N; ++i) {
    if (names[i] == text) {
      return static_cast<E>(i);
    }
  }
  return std::nullopt;
}

}  // namespace

#define DARN_KIND(E, names)                                          \
  std::string_view to_string(E value) { return name(names, value); } \
  template <>                                                        \
  std::optional<E> parse_kind<E>(std::string_view text) {            \
    return find<E>(names, text);                                     \
  }

template <>
std::optional<Category> parse_kind<Category>(std::string_view text) {
  return parse_category(text);
}
template <>
std::optional<Severity> parse_kind<Severity>(std::string_view text) {
  return find<Severity>(detail::kSeverityNames, text);
}

DARN_KIND(Cause, kCause)
DARN_KIND(End, kEnd)
DARN_KIND(TaskState, kTaskState)
DARN_KIND(RunState, kRunState)
DARN_KIND(Charge, kCharge)
DARN_KIND(AttemptKind, kAttemptKind)
DARN_KIND(AttemptState, kAttemptState)
DARN_KIND(Action, kAction)

#undef DARN_KIND

}  // namespace darn
