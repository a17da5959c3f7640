// Keys and tokens that somebody wrote where a name or a setting belongs. A guess by the shapes that
// providers use: darn refuses them, so that they never reach the store, a log or an event.
#pragma once

#include <string>
#include <string_view>

namespace darn {

bool looks_like_secret(std::string_view value);
// The same, where the variable's name says that its value is one ("..._API_KEY").
bool looks_like_secret(std::string_view name, std::string_view value);

// A value for a message: quoted, or hidden when it looks like a secret.
std::string shown(std::string_view value);

}  // namespace darn
