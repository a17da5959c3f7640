#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "config/dev.hpp"
#include "config/readers.hpp"

namespace darn {
namespace {

namespace fs = std::filesystem;

// DARN_OUTPUT_… is what tasks find the outputs of others by.
constexpr std::string_view kNotFromEnvironment = "output_limit";

std::string environment(const char* name) {
  const char* value = ::getenv(name);
  return value == nullptr ? "" : value;
}

std::string upper(std::string_view text) {
  std::string out{text};
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') {
      c = static_cast<char>(c - 'a' + 'A');
    }
  }
  return out;
}

Result<std::string> read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in.is_open() || in.bad()) {
    return fail_errno("cannot read " + path.string());
  }
  return text;
}

// A file that is not there says nothing. Only that of a project (`dev` is given) has a [dev].
Status apply_file(const fs::path& path, const std::string& shown_as, RunSettings& settings,
                  DevEntries* dev = nullptr) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) {
    return {};
  }
  if (fs::is_directory(path, ignored)) {
    return fail(ErrorKind::config, "is a directory", "a configuration file belongs there",
                {shown_as, 0, 0});
  }
  DARN_ASSIGN(const std::string text, read_file(path));
  DARN_ASSIGN(const ConfigDocument document, ConfigDocument::from_toml(text, shown_as));
  if (dev == nullptr) {
    return apply_config(document, settings, ErrorKind::config);
  }
  DARN_TRY(apply_config(document, settings, ErrorKind::config, {"dev"}));
  DARN_ASSIGN(*dev, read_dev(document, ErrorKind::config));
  return {};
}

fs::path user_file() {
  const std::string xdg = environment("XDG_CONFIG_HOME");
  const std::string home = environment("HOME");
  if (xdg.starts_with('/')) {  // a relative one is to be ignored, says the XDG specification
    return fs::path(xdg) / "darn" / "config.toml";
  }
  return home.empty() ? fs::path{} : fs::path(home) / ".config" / "darn" / "config.toml";
}

Status apply_environment(RunSettings& settings) {
  for (const std::string& key : run_keys()) {
    const std::string name = "DARN_" + upper(key);
    const std::string value = environment(name.c_str());
    if (value.empty() || key == kNotFromEnvironment) {
      continue;
    }
    const auto document = ConfigDocument::from_json({{"run", {{key, to_utf8(value)}}}}, "$" + name);
    DARN_TRY(apply_config(document, settings, ErrorKind::config));
  }
  return {};
}

}  // namespace

Result<RunSettings> load_config(const std::string& cwd,
                                const std::map<std::string, std::string>& presets,
                                DevEntries* dev) {
  RunSettings settings;
  DevEntries checked;
  for (const auto& [file, text] : presets) {
    DARN_ASSIGN(const ConfigDocument document, ConfigDocument::from_toml(text, file));
    DARN_TRY(apply_config(document, settings, ErrorKind::config));
  }
  for (auto& [name, agent] : settings.agents) {
    agent.source = "preset";
  }
  if (const fs::path user = user_file(); !user.empty()) {
    DARN_TRY(apply_file(user, user.string(), settings));
  }
  DARN_TRY(apply_file(fs::path(cwd) / "darn.toml", "darn.toml", settings,
                      dev == nullptr ? &checked : dev));
  DARN_TRY(apply_environment(settings));
  return settings;
}

}  // namespace darn
