#include "config/document.hpp"

#include <algorithm>
#include <tuple>

namespace darn {
namespace {

// The place of a node, or of its nearest parent that has one.
const Place* find_place(const std::map<std::string, Place>& places, std::string pointer) {
  for (;;) {
    if (const auto it = places.find(pointer); it != places.end()) {
      return &it->second;
    }
    if (pointer.empty()) {
      return nullptr;
    }
    pointer.resize(pointer.rfind('/'));
  }
}

}  // namespace

ConfigDocument::ConfigDocument() : data_(std::make_unique<Data>()) {}
ConfigDocument::~ConfigDocument() = default;
ConfigDocument::ConfigDocument(ConfigDocument&&) noexcept = default;
ConfigDocument& ConfigDocument::operator=(ConfigDocument&&) noexcept = default;

ConfigDocument ConfigDocument::Data::wrap(Data data) {
  ConfigDocument document;
  *document.data_ = std::move(data);
  return document;
}

ConfigDocument ConfigDocument::from_json(nlohmann::json root, const std::string& file) {
  Data data;
  data.root = std::move(root);
  data.file = file;
  return Data::wrap(std::move(data));
}

const nlohmann::json& ConfigDocument::root() const { return data_->root; }
const std::string& ConfigDocument::file() const { return data_->file; }

Location ConfigDocument::where(const std::string& pointer) const {
  const Place* place = find_place(data_->places, pointer);
  return place == nullptr ? Location{data_->file, 0, 0}
                          : Location{data_->file, place->line, place->column};
}

Location ConfigDocument::where_key(const std::string& pointer) const {
  const auto it = data_->places.find(pointer);
  if (it == data_->places.end() || it->second.key_line == 0) {
    return where(pointer);
  }
  return {data_->file, it->second.key_line, it->second.key_column};
}

std::vector<std::string> ConfigDocument::keys(const std::string& pointer) const {
  const nlohmann::json& node = data_->root.at(nlohmann::json::json_pointer(pointer));
  std::vector<std::string> keys;
  if (!node.is_object()) {
    return keys;
  }
  std::map<std::string, std::tuple<std::uint32_t, std::uint32_t>> order;
  for (const auto& [key, value] : node.items()) {
    keys.push_back(key);
    const Location at = where_key(child_pointer(pointer, key));
    order[key] = {at.line, at.column};
  }
  std::stable_sort(keys.begin(), keys.end(),
                   [&](const std::string& a, const std::string& b) { return order[a] < order[b]; });
  return keys;
}

std::string child_pointer(const std::string& pointer, std::string_view key) {
  std::string out = pointer + "/";
  for (const char c : key) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace darn
