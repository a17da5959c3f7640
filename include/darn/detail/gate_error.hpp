// Errors of policies that let calls in. Their texts fit into a string without an allocation:
// turning calls away must not cost more than letting them in.
#pragma once

#include <string_view>

#include "darn/error.hpp"

namespace darn::detail {

// Turned away before the callee was called.
inline error refusal(std::string_view code, std::string_view who,
                     std::optional<duration> retry_after = {}) {
  error e;
  e.category = category::rate_limit;
  e.severity = severity::low;
  e.code = code;
  e.retry_after = retry_after;
  e.attempts = 0;
  e.decided_by = who;
  e.rejected = true;
  return e;
}

// The caller wanted out, or the deadline came, while the call waited to begin.
inline error gave_up_waiting(std::string_view who, bool stopped) {
  error e = refusal(stopped ? "stopped" : "waited_long", who);
  e.category = category::timeout;
  return e;
}

}  // namespace darn::detail
