// The Retry-After header of HTTP (RFC 9110, section 10.2.3). Pure, thread-safe.
#pragma once

#include <optional>
#include <string_view>

#include "darn/clock.hpp"

namespace darn {

// "120", or an HTTP-date in any of its three forms (section 5.6.7), against `now`; one in the past
// is 0, a number beyond all measure as long as there is. Nothing for what is neither.
std::optional<duration> parse_retry_after(std::string_view header, wall_time now);

}  // namespace darn
