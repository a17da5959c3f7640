// C and C++ with CMake.
#include <set>

#include <nlohmann/json.hpp>
#include <re2/re2.h>

#include "base/text.hpp"
#include "dev/language.hpp"
#include "process/command.hpp"

namespace darn::dev {
namespace {

using Json = nlohmann::json;

bool is_cmake(std::string_view name) {
  return name == "CMakeLists.txt" || name.ends_with(".cmake");
}

std::string string_in(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : "";
}

// The presets of a kind that can be used by name.
std::vector<Json> presets(const Json& file, const char* kind, bool hidden) {
  std::vector<Json> all;
  for (const Json& preset : file.value(kind, Json::array())) {
    const std::string name = preset.is_object() ? string_in(preset, "name") : "";
    const bool usable = !name.empty() && name[0] != '-' && one_line(printable(name)) == name;
    if (usable && (hidden || !(preset.contains("hidden") && preset["hidden"] == true))) {
      all.push_back(preset);
    }
  }
  return all;
}

void replace_all(std::string& text, std::string_view what, const std::string& by) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at)) {
    text.replace(at, what.size(), by);
    at += by.size();
  }
}

// Of a preset or what it inherits from, its macros resolved; empty: not known.
std::string binary_dir(const std::vector<Json>& all, const Json& preset, const std::string& name,
                       std::set<std::string>& seen) {
  std::string dir = string_in(preset, "binaryDir");
  if (!dir.empty()) {
    replace_all(dir, "${presetName}", name);
    replace_all(dir, "${sourceDir}/", "");
    return dir.find('$') == std::string::npos && one_line(printable(dir)) == dir ? dir : "";
  }
  Json parents = preset.value("inherits", Json::array());
  parents = parents.is_string() ? Json::array({parents}) : parents;
  for (const Json& entry : parents) {
    const std::string parent = entry.is_string() ? entry.get<std::string>() : "";
    for (const Json& other : all) {
      if (string_in(other, "name") == parent && seen.insert(parent).second) {
        dir = binary_dir(all, other, name, seen);
        if (!dir.empty()) {
          return dir;
        }
      }
    }
  }
  return "";
}

struct Build {
  std::string configure = "cmake -S . -B build";
  std::string dir = "build";
  std::string build;  // empty: by the directory
  std::string test;
};

Result<Build> by_presets(const Files& files) {
  Build b;
  if (!has(files, "CMakePresets.json")) {
    return b;
  }
  DARN_ASSIGN(const Json file, json_of(files, "CMakePresets.json"));
  const std::vector<Json> usable = presets(file, "configurePresets", false);
  if (usable.empty()) {
    return b;
  }
  Json chosen = usable.front();
  for (const char* const preferred : {"default", "debug", "dev"}) {
    for (const Json& preset : usable) {
      chosen = string_in(preset, "name") == preferred ? preset : chosen;
    }
  }
  const std::string name = string_in(chosen, "name");
  b.configure = "cmake --preset " + shell_quote(name);
  std::set<std::string> seen;
  b.dir = binary_dir(presets(file, "configurePresets", true), chosen, name, seen);
  if (b.dir.empty()) {
    b.dir = "build";
    b.configure += " -B build";
    return b;
  }
  const auto of_it = [&](const char* kind) -> std::string {
    for (const Json& preset : presets(file, kind, false)) {
      if (string_in(preset, "configurePreset") == name) {
        return shell_quote(string_in(preset, "name"));
      }
    }
    return "";
  };
  if (const std::string preset = of_it("buildPresets"); !preset.empty()) {
    b.build = "cmake --build --preset " + preset;
  }
  if (const std::string preset = of_it("testPresets"); !preset.empty()) {
    b.test = "ctest --preset " + preset + " --output-on-failure";
  }
  return b;
}

// The project's own sources, whatever their names.
std::string each_source(const Files& files, const std::string& command) {
  const char* const list =
      has(files, ".git")
          ? "git ls-files -z '*.c' '*.cc' '*.cpp' '*.cxx' '*.h' '*.hh' '*.hpp' '*.hxx'"
          : "find . -path ./build -prune -o -type f -name '*.[ch]*' -print0";
  return std::string(list) + " | xargs -0 -r " + command;
}

}  // namespace

Found cmake(const Files& files) {
  static const RE2 kProject("(?im)^\\s*project\\s*\\(");
  static const RE2 kTests("(?im)^\\s*(enable_testing|add_test|include\\s*\\(\\s*CTest)\\b");
  static const RE2 kIntegration("(?is)LABELS[^)]*\\bintegration\\b");
  const std::string_view top = text_of(files, "CMakeLists.txt");
  if (!RE2::PartialMatch(re2::StringPiece(top.data(), top.size()), kProject)) {
    return std::nullopt;
  }
  Language l{"cpp", "C++ with CMake", {"CMakeLists.txt"}, {}};
  DARN_ASSIGN(Build b, by_presets(files));
  if (has(files, "CMakePresets.json")) {
    l.proofs.emplace_back("CMakePresets.json");
  }
  const std::string dir = shell_quote(b.dir);
  const std::string build =
      b.configure + " && " +
      (b.build.empty() ? "cmake --build " + dir + " -j \"$(nproc)\"" : b.build);
  const std::string ctest =
      b.test.empty() ? "ctest --test-dir " + dir + " --output-on-failure" : b.test;
  l.add_setup(b.configure);
  l.add("build", build);

  bool tests = false;
  bool integration = false;
  for (const auto& [path, text] : files) {
    if (is_cmake(base_name(path))) {
      tests = tests || RE2::PartialMatch(text, kTests);
      integration = integration || RE2::PartialMatch(text, kIntegration);
    }
  }
  if (tests) {
    DevEntry& test = l.add("test", build + " && " + ctest);
    if (integration) {
      falls_back(test);
      l.add("test-fast", build + " && " + ctest + " -LE integration");
    }
  }
  if (has(files, ".clang-format")) {
    l.add("format", each_source(files, "clang-format -i"));
    l.add("format-check", each_source(files, "clang-format --dry-run --Werror"));
  }
  if (has(files, ".clang-tidy")) {
    const std::string tidy =
        b.configure + " -DCMAKE_EXPORT_COMPILE_COMMANDS=ON && " + "run-clang-tidy -quiet -p " + dir;
    l.add("lint", tidy);
    l.add("lint-fix", tidy + " -fix");
  }
  return l;
}

}  // namespace darn::dev
