// The agent presets that come with darn (packs/agents/*.toml), embedded into the executable.
#pragma once

#include <map>
#include <string>

namespace darn {

// TOML texts by file name: what load_config() takes.
std::map<std::string, std::string> agent_presets();

}  // namespace darn
