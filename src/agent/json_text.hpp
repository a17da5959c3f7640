// JSON out of hostile text: nesting and size are checked before anything is parsed, broken UTF-8
// becomes U+FFFD, what is not JSON is skipped. Pure.
#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace darn {

inline constexpr std::size_t kMaxJsonDepth = 64;
inline constexpr std::size_t kMaxJsonBytes = 8U << 20U;  // of one document or line

// Where the object or array that text begins with ends (one behind its bracket); nothing when it
// does not end, nests deeper than kMaxJsonDepth or is longer than kMaxJsonBytes. Looks at brackets
// and strings only.
std::optional<std::size_t> json_end(std::string_view text);

// The text, but for blanks, is one document.
std::optional<nlohmann::json> parse_json(std::string_view text);

// The last object or array of the text that begins a line; searched in its last kMaxJsonBytes.
std::optional<nlohmann::json> last_json(std::string_view text);

// Every line that is a JSON object, in order; `sink` returns false to stop.
void each_json_line(std::string_view text, const std::function<bool(const nlohmann::json&)>& sink);

}  // namespace darn
