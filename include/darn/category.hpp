// The words for a failure: what to do about it, and how bad it is. Plain enumerations, thread-safe,
// nothing fails.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace darn {

// What to do about a failure.
enum class category : std::uint8_t {
  none,        // nothing failed; never the category of an error
  network,     // the way to the other side: DNS, refused, reset, TLS
  rate_limit,  // the other side is fine and wants less: 429, throttling, quota
  resource,    // memory, descriptors, processes, disk on this side
  timeout,     // no answer in time
  transient,   // the other side failed in a way that passes: 503, UNAVAILABLE, a lock held
  permanent,   // the same call will fail the same way: 404, invalid argument, permission
  unknown,     // nothing is known that says otherwise
};
inline constexpr std::size_t kCategories = 8;

enum class severity : std::uint8_t { none, low, medium, high, critical };

namespace detail {
inline constexpr std::array<std::string_view, kCategories> kCategoryNames{
    "none", "network", "rate_limit", "resource", "timeout", "transient", "permanent", "unknown"};
inline constexpr std::array<std::string_view, 5> kSeverityNames{"none", "low", "medium", "high",
                                                                "critical"};
}  // namespace detail

// Their spelling in text, files and metrics: stable. A value that is none of them is "unknown".
constexpr std::string_view to_string(category c) {
  const auto i = static_cast<std::size_t>(c);
  return i < kCategories ? detail::kCategoryNames[i] : "unknown";
}
constexpr std::string_view to_string(severity s) {
  const auto i = static_cast<std::size_t>(s);
  return i < detail::kSeverityNames.size() ? detail::kSeverityNames[i] : "unknown";
}

constexpr std::optional<category> parse_category(std::string_view text) {
  for (std::size_t i = 0; i < kCategories; ++i) {
    if (detail::kCategoryNames[i] == text) {
      return static_cast<category>(i);
    }
  }
  return std::nullopt;
}

}  // namespace darn
