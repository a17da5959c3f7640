#include "agent/presets.hpp"

#include "agent_packs.embed.hpp"

namespace darn {

std::map<std::string, std::string> agent_presets() {
  std::map<std::string, std::string> presets;
  for (const embedded::File& file : embedded::agent_packs()) {
    presets.emplace(file.name, file.content);
  }
  return presets;
}

}  // namespace darn
