// What the rows of the tables of codes are made of: the kinds that many of them share, and how a
// row is found. For the table files alone.
#pragma once

#include <algorithm>
#include <span>

#include "resilience/codes.hpp"

namespace darn::tables {

inline constexpr bool kMaybeDone = true;  // Kind::ambiguous

inline constexpr Kind kLimited{Category::rate_limit, Cause::service, Severity::low};
inline constexpr Kind kDown{Category::transient, Cause::service, Severity::medium};
// Broke while it was at it: nobody knows how far it had come.
inline constexpr Kind kBroke{Category::transient, Cause::service, Severity::medium, kMaybeDone};
inline constexpr Kind kAuth{Category::permanent, Cause::authentication, Severity::critical};
inline constexpr Kind kBilling{Category::permanent, Cause::quota, Severity::critical};
inline constexpr Kind kData{Category::permanent, Cause::data, Severity::medium};
inline constexpr Kind kConf{Category::permanent, Cause::configuration, Severity::high};
inline constexpr Kind kCode{Category::permanent, Cause::code, Severity::medium};
inline constexpr Kind kConflict{Category::unknown, Cause::data, Severity::medium};
inline constexpr Kind kEnvironment{Category::permanent, Cause::environment, Severity::high};
inline constexpr Kind kDependency{Category::permanent, Cause::dependency, Severity::high};
inline constexpr Kind kResource{Category::resource, Cause::resource, Severity::high};
inline constexpr Kind kNetwork{Category::network, Cause::network, Severity::medium};
// Lost after the request may have gone out.
inline constexpr Kind kLost{Category::network, Cause::network, Severity::medium, kMaybeDone};
inline constexpr Kind kTime{Category::timeout, Cause::timeout, Severity::medium, kMaybeDone};
inline constexpr Kind kStopped{Category::transient, Cause::environment, Severity::medium};
inline constexpr Kind kCrash{Category::unknown, Cause::crash, Severity::high, kMaybeDone};

inline const NumberMeaning* find(std::span<const NumberMeaning> table, int number) {
  const auto it = std::find_if(table.begin(), table.end(),
                               [&](const auto& row) { return row.number == number; });
  return it == table.end() ? nullptr : &*it;
}

inline std::optional<CodeMeaning> find(std::span<const CodeMeaning> table, std::string_view code) {
  const auto it =
      std::find_if(table.begin(), table.end(), [&](const auto& row) { return row.code == code; });
  return it == table.end() ? std::nullopt : std::optional(*it);
}

}  // namespace darn::tables
