// Located messages of tools in an output: file, line, column, text. Used by scan(); not thread-safe
// in itself (one collector per scan), bounded to kMostLocated.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/outcome.hpp"

namespace darn {

inline constexpr std::size_t kMostLocated = 20;

// Patterns of lines that locate; their index is what LocatedCollector::add takes.
std::span<const char* const> located_patterns();

class LocatedCollector {
 public:
  void line(std::string_view line);                      // every line of interest, in order
  void add(std::size_t pattern, std::string_view line);  // a line that a pattern matched
  std::vector<Diagnostic> take();

 private:
  void keep(Diagnostic d);

  std::vector<Diagnostic> found_;
  std::string headline_;  // rustc prints its message before the place
};

}  // namespace darn
