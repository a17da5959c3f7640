// The presets as darn reads them: TOML through config/.
#pragma once

#include <map>
#include <string>

#include <doctest/doctest.h>

#include "agent/presets.hpp"
#include "config/config.hpp"

namespace darn::test {

inline const std::map<std::string, AgentDef>& presets() {
  static const auto agents = [] {
    RunSettings settings;
    for (const auto& [file, text] : agent_presets()) {
      const auto document = ConfigDocument::from_toml(text, file);
      REQUIRE_MESSAGE(document, (document ? "" : document.error().text()));
      const auto applied = apply_config(*document, settings, ErrorKind::config);
      REQUIRE_MESSAGE(applied, (applied ? "" : applied.error().text()));
    }
    return settings.agents;
  }();
  return agents;
}

}  // namespace darn::test
