// Short ways to read a text as configuration; for the tests of config/ only.
#pragma once

#include <string>

#include <doctest/doctest.h>

#include "config/config.hpp"

namespace darn::test {

inline Result<RunSettings> settings_from_toml(std::string_view text, RunSettings settings = {}) {
  DARN_ASSIGN(const ConfigDocument document, ConfigDocument::from_toml(text, "darn.toml"));
  DARN_TRY(apply_config(document, settings, ErrorKind::config));
  return settings;
}

// What reads well must say so with its error.
inline RunSettings good_toml(std::string_view text, RunSettings settings = {}) {
  auto result = settings_from_toml(text, std::move(settings));
  REQUIRE_MESSAGE(result.has_value(), (result ? "" : result.error().text()));
  return std::move(*result);
}

// The whole error of what must not read.
inline std::string bad_toml(std::string_view text) {
  const auto result = settings_from_toml(text);
  return result ? "(accepted)" : result.error().text();
}

template <class T>
std::string text_of(const Result<T>& result) {
  return result ? "(accepted)" : result.error().text();
}

}  // namespace darn::test
