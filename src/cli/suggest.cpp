#include "cli/suggest.hpp"

#include <algorithm>
#include <cstddef>

#include "base/text.hpp"

namespace darn::cli {

std::string nearest(std::string_view word, const std::vector<std::string>& known) {
  constexpr std::size_t kShortestBeginning = 3;
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const std::string& candidate : known) {
    const bool beginning = word.size() >= kShortestBeginning && candidate.starts_with(word);
    const std::size_t distance = beginning ? 0 : edit_distance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& known,
                         const std::string& otherwise) {
  const std::string near = nearest(word, known);
  return near.empty() ? otherwise : "did you mean '" + near + "'?";
}

}  // namespace darn::cli
