// Shared by the tables of texts in the tests: a real output, and what it means.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include "diagnose/diagnose.hpp"

namespace darn::test {

struct Text {
  const char* output;
  Category category;
  Cause cause;
};

inline Diagnosis diagnose_output(std::string_view output, int exit_code = 1) {
  Outcome outcome;
  outcome.exit_code = exit_code;
  return diagnose({.outcome = &outcome, .output = output, .now = time_from_ms(1'700'000'000'000)});
}

// Every row must be right; each wrong one is shown with the rule that decided.
inline void check_texts(std::span<const Text> table) {
  for (const Text& row : table) {
    const Diagnosis d = diagnose_output(row.output);
    const std::string got = std::string(to_string(d.category)) + "/" +
                            std::string(to_string(d.cause)) + " by " + d.rule + ": " + d.summary;
    CHECK_MESSAGE((d.category == row.category && d.cause == row.cause), row.output, "\n  expected ",
                  std::string(to_string(row.category)), "/", std::string(to_string(row.cause)),
                  "\n  got ", got);
    CHECK(!d.advice.empty());
    CHECK(!d.signature.empty());
    CHECK(!d.summary.empty());
    CHECK(d.summary.size() <= 200);
  }
}

}  // namespace darn::test
