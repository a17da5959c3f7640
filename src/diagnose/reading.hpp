// What a text says about a failure: scan() plus the times to come back that stand near. Pure,
// thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "diagnose/diagnose.hpp"
#include "diagnose/scan.hpp"
#include "diagnose/tables.hpp"

namespace darn {

inline constexpr std::size_t kSummary = 200;  // bytes of a summary
inline constexpr int kSaysWhat = 3;  // a text of this weight is better than what a status means

// What was understood so far; Diagnosis plus what its signature is made from.
struct Reading {
  tables::Kind kind;
  std::string rule;
  std::string summary;
  std::string_view advice;
  std::string decisive;  // the line as printed
  std::optional<Duration> retry_after;
  std::optional<Time> resets_at;
  std::vector<Diagnostic> located;
};

// How much a text says, by the weight of the rule that decided; 0: nothing.
struct TextReading {
  Reading reading;
  int weight = 0;
};

TextReading read_text(std::string_view text, Time now);
// Standard error where it is separate and says something, else standard output.
TextReading read_output(const Evidence& evidence);

// Takes the first time to come back from text, when there is none yet and the failure passes.
void add_hint(Reading& reading, std::string_view text, Time now);

// Failures that pass by themselves: network, limits, resources, time.
bool is_passing(Category category);

}  // namespace darn
