// The event stream as JSON Lines: a documented format (docs/events.md) with a version, the same for
// a live run (--progress json) and rebuilt from the store (darn events). Pure.
#pragma once

#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "engine/engine.hpp"
#include "model/run.hpp"

namespace darn {

// Grows only when a reader of the older version would be misled; new fields do not count.
inline constexpr int kEventVersion = 1;

std::string_view to_string(EngineEvent::Kind kind);
nlohmann::json event_json(const EngineEvent& event);

// One attempt as every command shows it. What is not known is null.
nlohmann::json attempt_json(const AttemptRecord& attempt);
nlohmann::json counts_json(const Counts& counts);
nlohmann::json time_json(Time time);  // null when not set

}  // namespace darn
