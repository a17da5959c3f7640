#include "dev/detect.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include <fmt/format.h>

#include "base/text.hpp"
#include "dev/language.hpp"

namespace darn::dev {
namespace {

namespace fs = std::filesystem;

constexpr int kDeepest = 4;                  // tests/integration/api/test_x.py
constexpr std::size_t kMost = 20'000;        // files
constexpr std::size_t kLargest = 1U << 20U;  // read of one
constexpr std::size_t kTexts = 32U << 20U;   // and of all

// In the order in which people read them.
constexpr const char* kNames[] = {"setup", "build",     "format",    "format-check",
                                  "lint",  "lint-fix",  "typecheck", "test-fast",
                                  "test",  "test-race", "test-cov"};

bool is_left_out(std::string_view folder) {
  static const std::set<std::string_view> kNot = {"node_modules", "build",   "target", "vendor",
                                                  "third_party",  "dist",    "venv",   "out",
                                                  "__pycache__",  "external"};
  return kNot.count(folder) > 0 || (folder.starts_with('.') && folder != ".github");
}

bool is_looked_into(std::string_view name) {
  static const std::set<std::string_view> kNamed = {
      "CMakePresets.json", "package.json", "Cargo.toml", "config.toml", "pyproject.toml",
      "setup.py",          "setup.cfg",    "tox.ini",    "noxfile.py",  "Pipfile",
      "conftest.py",       "Makefile",     "justfile"};
  const auto ends = [&](std::string_view with) { return name.ends_with(with); };
  return kNamed.count(name) > 0 || name == "CMakeLists.txt" || ends(".cmake") || ends(".yml") ||
         ends(".yaml") || ends("_test.go") || ends("_test.py") ||
         (name.starts_with("test_") && ends(".py")) ||
         (name.find("requirements") != std::string_view::npos && ends(".txt"));
}

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text(kLargest, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

DevEntry sequence(std::string name, const std::vector<std::string>& steps) {
  DevEntry entry;
  entry.name = std::move(name);
  entry.steps = steps;
  return entry;
}

// The commands of all languages under their final names; where several have one of the name, it is
// the sequence of theirs.
class Joined {
 public:
  explicit Joined(const std::vector<Language>& languages) : languages_(languages) {}

  DevEntries join() {
    for (const std::string name : kNames) {
      std::vector<std::string> steps;
      for (const Language& language : languages_) {
        if (const DevEntry* entry = find_entry(language.entries, name)) {
          DevEntry renamed = *entry;
          renamed.name = final_name(language, name);
          if (!entry->fallback.empty()) {
            renamed.fallback = final_name(language, entry->fallback);
          }
          steps.push_back(renamed.name);
          all_.push_back(std::move(renamed));
        }
      }
      if (steps.size() > 1) {
        all_.push_back(sequence(name, steps));
      }
    }
    add("quality", {"format-check", "lint", "typecheck"});
    add("quality-fix", {"format", "lint-fix"});
    std::vector<std::string> quick{"quality", "test-fast"};
    for (const Language& language : languages_) {
      if (find_entry(language.entries, "test-fast") == nullptr) {
        quick.push_back(final_name(language, "test"));
      }
    }
    add("dev-check", quick);
    add("check-all", {"quality", "test"});
    return std::move(all_);
  }

 private:
  std::string final_name(const Language& language, const std::string& name) const {
    const auto have = std::count_if(languages_.begin(), languages_.end(), [&](const Language& l) {
      return find_entry(l.entries, name) != nullptr;
    });
    return have > 1 ? name + "-" + language.suffix : name;
  }

  void add(const char* name, std::vector<std::string> steps) {
    std::erase_if(steps,
                  [&](const std::string& step) { return find_entry(all_, step) == nullptr; });
    if (!steps.empty()) {
      all_.push_back(sequence(name, steps));
    }
  }

  const std::vector<Language>& languages_;
  DevEntries all_;
};

// As it can be read best: 'as it is', or "with \" escapes".
std::string toml_text(const std::string& text) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  const bool literal = text.find_first_of("\"\\") != std::string::npos &&
                       text.find('\'') == std::string::npos &&
                       std::none_of(text.begin(), text.end(), is_control);
  if (literal) {
    return "'" + text + "'";
  }
  std::string out = "\"";
  for (const char c : text) {
    if (is_control(c)) {
      out += fmt::format("\\u{:04X}", static_cast<unsigned char>(c));
    } else {
      out += c == '"' || c == '\\' ? std::string{'\\', c} : std::string(1, c);
    }
  }
  return out + "\"";
}

std::string list(const std::vector<std::string>& words) {
  return "[\"" + join(words, "\", \"") + "\"]";
}

std::string list(const std::vector<Category>& categories) {
  std::vector<std::string> words;
  for (const Category category : categories) {
    words.emplace_back(to_string(category));
  }
  return list(words);
}

}  // namespace

Files look_at(const std::string& dir) {
  Files files;
  std::size_t read_bytes = 0;
  std::error_code error;
  if (fs::exists(fs::path(dir) / ".git", error)) {
    files[".git"];
  }
  const auto options = fs::directory_options::skip_permission_denied;
  for (fs::recursive_directory_iterator it(dir, options, error), end;
       it != end && !error && files.size() < kMost; it.increment(error)) {
    const fs::path& path = it->path();
    const std::string name = path.filename().string();
    std::error_code ignored;
    if (it->is_directory(ignored)) {
      if (is_left_out(name) || it.depth() >= kDeepest || it->is_symlink(ignored)) {
        it.disable_recursion_pending();
      }
    } else if (it->is_regular_file(ignored)) {
      std::string& text = files[path.lexically_relative(dir).generic_string()];
      if (is_looked_into(name) && read_bytes < kTexts) {
        text = read(path);
        read_bytes += text.size();
      }
    }
  }
  return files;
}

Result<Detected> detect(const Files& files) {
  Detected detected;
  std::vector<Language> languages;
  for (const auto look : {cmake, python, node, rust, go}) {
    DARN_ASSIGN(std::optional<Language> language, look(files));
    if (language) {
      detected.languages.push_back(language->name + " (" + join(language->proofs, ", ") + ")");
      languages.push_back(std::move(*language));
    }
  }
  if (!languages.empty()) {
    detected.entries = Joined(languages).join();
  }
  return detected;
}

std::string to_toml(const DevEntries& entries) {
  std::string text =
      "# The commands of this project: darn dev NAME. Written by darn dev --init; change at will.\n"
      "[dev]\n";
  for (const DevEntry& entry : entries) {
    text += entry.name + " = ";
    if (!entry.steps.empty()) {
      text += list(entry.steps);
    } else if (entry.retries || !entry.fallback.empty()) {
      text += "{ run = " + toml_text(entry.run);
      text += entry.retries ? fmt::format(", retries = {}", *entry.retries) : "";
      text += entry.fallback.empty() ? "" : ", fallback = \"" + entry.fallback + "\"";
      text += entry.fallback_on.empty() ? "" : ", fallback_on = " + list(entry.fallback_on);
      text += " }";
    } else {
      text += toml_text(entry.run);
    }
    text += "\n";
  }
  return text;
}

}  // namespace darn::dev
