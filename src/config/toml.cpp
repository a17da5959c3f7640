// TOML becomes JSON with places.
#include <algorithm>
#include <sstream>

#include <toml++/toml.h>

#include "base/text.hpp"
#include "config/document.hpp"

namespace darn {
namespace {

// A longer file is no configuration, and dotted keys of that length nest beyond any stack.
constexpr std::size_t kMaxBytes = 4U << 20U;
constexpr std::size_t kMaxDots = 2048;  // on a line

using Json = nlohmann::json;

class TomlReader {
 public:
  explicit TomlReader(ConfigDocument::Data& data) : data_(data) {}

  Result<Json> read(const toml::node& node, const std::string& pointer, int depth) {
    if (depth > kMaxDepth) {
      const auto begin = node.source().begin;
      return fail(ErrorKind::config, "nested too deeply", "keep it below 64 levels",
                  {data_.file, begin.line, begin.column});
    }
    Place& place = data_.places[pointer];
    place.line = node.source().begin.line;
    place.column = node.source().begin.column;
    if (const toml::table* table = node.as_table()) {
      return read_table(*table, pointer, depth);
    }
    if (const toml::array* array = node.as_array()) {
      Json out = Json::array();
      for (const toml::node& item : *array) {
        DARN_ASSIGN(Json value,
                    read(item, child_pointer(pointer, std::to_string(out.size())), depth + 1));
        out.push_back(std::move(value));
      }
      return out;
    }
    if (const auto* text = node.as_string(); text && text->get().find('\0') != std::string::npos) {
      return fail(ErrorKind::config, "a NUL in a text", "remove it",
                  {data_.file, place.line, place.column});
    }
    return scalar(node);
  }

 private:
  Result<Json> read_table(const toml::table& table, const std::string& pointer, int depth) {
    Json out = Json::object();
    for (const auto& [key, item] : table) {
      const std::string child = child_pointer(pointer, key.str());
      DARN_ASSIGN(Json value, read(item, child, depth + 1));
      Place& place = data_.places[child];
      place.key_line = key.source().begin.line;
      place.key_column = key.source().begin.column;
      out[std::string{key.str()}] = std::move(value);
    }
    return out;
  }

  static Json scalar(const toml::node& node) {
    if (const auto* text = node.as_string()) {
      return text->get();
    }
    if (const auto* number = node.as_integer()) {
      return number->get();
    }
    if (const auto* number = node.as_floating_point()) {
      return number->get();
    }
    if (const auto* flag = node.as_boolean()) {
      return flag->get();
    }
    std::ostringstream out;  // dates and times
    node.visit([&](const auto& value) {
      if constexpr (toml::is_chronological<decltype(value)>) {
        out << value.get();
      }
    });
    return out.str();
  }

  ConfigDocument::Data& data_;
};

// Nesting by dotted keys has no limit in the parser, and its destructor recurses.
std::optional<Location> find_deep_key(std::string_view text, const std::string& file) {
  std::uint32_t line = 0;
  for (const std::string_view row : split(text, '\n')) {
    ++line;
    if (static_cast<std::size_t>(std::count(row.begin(), row.end(), '.')) > kMaxDots) {
      return Location{file, line, 1};
    }
  }
  return std::nullopt;
}

}  // namespace

Result<ConfigDocument> ConfigDocument::from_toml(std::string_view text, const std::string& file) {
  if (text.size() > kMaxBytes) {
    return fail(ErrorKind::config, "larger than 4 MiB", "tasks belong into a CSV or YAML file",
                {file, 0, 0});
  }
  if (const auto deep = find_deep_key(text, file)) {
    return fail(ErrorKind::config, "nested too deeply", "keep it below 64 levels", *deep);
  }
  Data data;
  data.file = file;
  try {
    const toml::table table = toml::parse(text, file);
    DARN_ASSIGN(data.root, TomlReader(data).read(table, "", 0));
  } catch (const toml::parse_error& error) {
    const auto begin = error.source().begin;
    return fail(ErrorKind::config, "TOML: " + one_line(error.description()), "",
                {file, begin.line, begin.column});
  }
  return Data::wrap(std::move(data));
}

}  // namespace darn
