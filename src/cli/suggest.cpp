#include "cli/suggest.hpp"

#include "base/text.hpp"

namespace darn::cli {

std::string did_you_mean(std::string_view word, const std::vector<std::string>& known,
                         const std::string& otherwise) {
  const std::string near = nearest(word, known);
  return near.empty() ? otherwise : "did you mean '" + near + "'?";
}

}  // namespace darn::cli
