// Outcome + output -> Diagnosis: category, cause, severity, signature, advice. Pure functions over
// data tables (tables.hpp): no I/O, thread-safe; patterns are compiled at the first failure. A
// later classifier replaces what is behind this header; the header stays.
#pragma once

#include <string>
#include <string_view>

#include "model/outcome.hpp"

namespace darn {

struct Evidence {
  const Outcome* outcome = nullptr;  // required
  const Verdict* verdict = nullptr;  // when the process ended well but nothing is proven
  const AgentReport* report = nullptr;
  std::string_view output;        // the end of stdout (or of both streams merged), up to 64 KiB
  std::string_view errors;        // the end of stderr where it is separate
  std::string_view check_output;  // of the check that failed
  Time now{};                     // to resolve printed times
};

Diagnosis diagnose(const Evidence& evidence);

// The stable fingerprint of a failure: the same across runs, machines and projects. Volatile parts
// (times, numbers, hex, paths' directories, pids, ids, durations) are normalised away, then the
// decisive lines and `about` (category, cause, exit) are hashed with XXH3-128. "1:<32 hex>".
inline constexpr int kSignatureVersion = 1;
std::string signature(std::string_view about, std::string_view text);
std::string normalise_line(std::string_view line);  // exposed for tests and pattern mining

// "try again at Nov 23rd, 2026 2:13 AM", "resets 3am", "resets in 5 s", an epoch, ISO 8601, an
// HTTP-date, "Retry-After: 30", "retry in 12s": the first time found in text, resolved against now
// (local time where no zone is given, or one by the name of a city, which is how tools print the
// local one). Never in the past, never more than 31 days ahead.
std::optional<Time> find_reset_time(std::string_view text, Time now);

}  // namespace darn
