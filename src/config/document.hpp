// What stands behind a ConfigDocument; for the readers of config/ only.
#pragma once

#include <map>
#include <string>

#include <nlohmann/json.hpp>

#include "config/config.hpp"

namespace darn {

struct Place {
  std::uint32_t line = 0, column = 0;          // of the value
  std::uint32_t key_line = 0, key_column = 0;  // of its key, in a table
};

struct ConfigDocument::Data {
  nlohmann::json root = nlohmann::json::object();
  std::string file;
  std::map<std::string, Place> places;  // by JSON pointer

  static ConfigDocument wrap(Data data);
};

// Deeper files are hostile or broken, and every reader recurses.
inline constexpr int kMaxDepth = 64;

}  // namespace darn
