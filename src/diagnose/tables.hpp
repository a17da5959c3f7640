// The knowledge of the classifier as data: what texts mean. What exit statuses, signals, errno
// values and codes of services mean stands with the library (resilience/codes.hpp). Constant
// tables, thread-safe; nothing is compiled or built until a diagnosis needs it.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "model/kinds.hpp"
#include "resilience/codes.hpp"

namespace darn::tables {

// What a captured code is looked up in.
enum class Codes : std::uint8_t { none, http, grpc, aws };

// A line of output that matches `pattern` (RE2, bytes, case-insensitive) means `kind`. Of several
// lines the heaviest decides, of equally heavy ones the last; within a line, the first rule of the
// table. 5: says exactly what it is; 4: specific; 3: usual; 2: generic or an echo of something
// else; 1: an error, that is all it says; 0: noise, no line to show.
struct TextRule {
  std::string_view id;
  const char* pattern;
  Kind kind;
  int weight = 3;
  std::string_view advice = {};  // empty: that of the cause
  Codes codes = Codes::none;     // the pattern's group is a code, and the code decides
};

std::span<const TextRule> service_rules();  // models, APIs, clouds, the network
std::span<const TextRule> system_rules();   // memory, disks, locks, permissions, files
std::span<const TextRule> tool_rules();     // compilers, package managers, tests, languages
std::span<const TextRule> generic_rules();  // what only says that something failed
inline constexpr std::string_view kDemote =
    "text.demote";  // a warning, not the failure: weight - 1

std::string_view advice_for(Cause cause);  // the next step when nothing more exact is known

}  // namespace darn::tables
