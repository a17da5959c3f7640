#include "dev/language.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/text.hpp"

namespace darn::dev {

DevEntry& Language::add(std::string entry_name, std::string run) {
  DevEntry& entry = entries.emplace_back();
  entry.name = std::move(entry_name);
  entry.run = std::move(run);
  return entry;
}

void Language::add_setup(std::string run) { add("setup", std::move(run)).retries = 3; }

void falls_back(DevEntry& test) {
  test.fallback = "test-fast";
  test.fallback_on = {Category::network, Category::rate_limit, Category::resource,
                      Category::timeout, Category::transient};
}

bool has(const Files& files, const std::string& path) { return files.count(path) > 0; }

std::string_view text_of(const Files& files, const std::string& path) {
  const auto it = files.find(path);
  return it == files.end() ? std::string_view() : it->second;
}

std::string first_of(const Files& files, const std::vector<std::string>& paths) {
  const auto it = std::find_if(paths.begin(), paths.end(),
                               [&](const std::string& path) { return has(files, path); });
  return it == paths.end() ? "" : *it;
}

std::string_view base_name(std::string_view path) {
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

bool any(const Files& files, std::string_view folder, bool (*name)(std::string_view)) {
  return std::any_of(files.begin(), files.end(), [&](const auto& file) {
    return file.first.starts_with(folder) && name(base_name(file.first));
  });
}

bool any_text(const Files& files, bool (*name)(std::string_view), std::string_view part) {
  return std::any_of(files.begin(), files.end(), [&](const auto& file) {
    return name(base_name(file.first)) && file.second.find(part) != std::string::npos;
  });
}

bool mentions(std::string_view text, std::string_view word) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  for (std::string_view line : split(text, '\n')) {
    line = line.substr(0, line.find('#'));
    for (std::size_t at = line.find(word); at != std::string_view::npos;
         at = line.find(word, at + 1)) {
      const std::size_t end = at + word.size();
      if ((at == 0 || !is_letter(line[at - 1])) && (end == line.size() || !is_letter(line[end]))) {
        return true;
      }
    }
  }
  return false;
}

Result<nlohmann::json> json_of(const Files& files, const std::string& path) {
  nlohmann::json value = nlohmann::json::parse(text_of(files, path), nullptr, false);
  if (!value.is_object()) {
    return fail(ErrorKind::bad_input, "is no JSON object", "mend it first", {path, 0, 0});
  }
  return value;
}

}  // namespace darn::dev
