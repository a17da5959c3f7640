// Flags as darn declares them with CLI11, and the messages of what is wrong with one. Only for
// parse.cpp and what it is made of: CLI11 takes seconds to compile. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "base/text.hpp"

namespace darn::cli {

// Thrown through CLI11 (which knows only exceptions) and turned into an Error at the end.
inline CLI::ValidationError wrong(const std::string& flag, const std::string& what) {
  return CLI::ValidationError(flag, what);
}

inline std::string last_name(const std::string& names) {
  return names.substr(names.rfind(',') + 1);
}

inline void number(CLI::App* app, const std::string& names, std::optional<int>& value, int least,
                   int most, const std::string& help) {
  const auto read = [&value, least, most, flag = last_name(names)](const std::string& text) {
    const std::optional<std::int64_t> n = parse_int(text);
    if (!n || *n < least || *n > most) {
      throw wrong(flag, "'" + text + "' is not a number from " + std::to_string(least) + " to " +
                            std::to_string(most));
    }
    value = static_cast<int>(*n);
  };
  app->add_option_function<std::string>(names, read, help)->type_name("N");
}

inline void duration(CLI::App* app, const std::string& names, std::optional<Duration>& value,
                     const std::string& help) {
  const auto read = [&value, flag = last_name(names)](const std::string& text) {
    value = parse_duration(text);
    if (!value) {
      throw wrong(flag, "'" + text + "' is not a duration such as 90, 1.5s, 10m, 2h or 1h30m");
    }
  };
  app->add_option_function<std::string>(names, read, help)->type_name("TIME");
}

// One word out of a few; `set` gets its index.
inline void choice(CLI::App* app, const std::string& names, std::vector<std::string> words,
                   const std::function<void(std::size_t)>& set, const std::string& help) {
  const std::string shape = join(words, "|");
  const auto read = [words = std::move(words), set, shape,
                     flag = last_name(names)](const std::string& text) {
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (words[i] == text) {
        return set(i);
      }
    }
    throw wrong(flag, "'" + text + "' is none of " + shape);
  };
  app->add_option_function<std::string>(names, read, help)->type_name(shape);
}

inline void text(CLI::App* app, const std::string& names, std::string& value,
                 const std::string& type, const std::string& help) {
  app->add_option(names, value, help)->type_name(type);
}

inline void json(CLI::App* sub, bool& value, const char* help = "JSON instead of text") {
  sub->add_flag("--json", value, help);
}

}  // namespace darn::cli
