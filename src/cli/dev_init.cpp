// darn dev --init: looks at the project and writes a [dev] for it.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>

#include <fmt/format.h>

#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/dev_project.hpp"
#include "cli/say.hpp"
#include "config/dev.hpp"
#include "dev/detect.hpp"

namespace darn::cli {
namespace {

namespace fs = std::filesystem;

struct Found {
  std::string dir;
  dev::Detected project;
};

// Here, or where the nearest darn.toml or repository is.
Result<Found> look(const std::string& cwd) {
  std::error_code ignored;
  const auto is_root = [&](const fs::path& dir) {
    return fs::exists(dir / "darn.toml", ignored) || fs::exists(dir / ".git", ignored);
  };
  fs::path dir = cwd;
  DARN_ASSIGN(dev::Detected here, dev::detect(dev::look_at(cwd)));
  if (here.languages.empty()) {
    while (dir.has_relative_path() && !is_root(dir)) {
      dir = dir.parent_path();
    }
    if (dir.has_relative_path() && dir != cwd) {
      DARN_ASSIGN(here, dev::detect(dev::look_at(dir.string())));
    }
  }
  if (here.languages.empty()) {
    return fail(ErrorKind::usage,
                "found no project that is known: C++ with CMake, Python, Node, Rust or Go",
                "write [dev] into darn.toml by hand: 'darn help dev' shows how");
  }
  return Found{dir.string(), std::move(here)};
}

// The text of a darn.toml that may get a [dev]; empty: there is none.
Result<std::string> text_before(const Context& context, const std::string& dir,
                                const fs::path& path) {
  DARN_TRY(read_project(context, dir));
  std::ifstream in(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  DARN_ASSIGN(const ConfigDocument document, ConfigDocument::from_toml(text, path.string()));
  const std::vector<std::string> keys = document.keys("");
  if (std::find(keys.begin(), keys.end(), "dev") != keys.end()) {
    return fail(ErrorKind::usage, "there is a [dev] already",
                "'darn dev' lists it, 'darn dev --init --dry-run' shows what would be written",
                document.where_key("/dev"));
  }
  return text;
}

// At its end: what is there stays as it is.
std::string with_section(const std::string& text, const std::string& section) {
  const char* gap = text.empty() ? "" : text.ends_with('\n') ? "\n" : "\n\n";
  return text + gap + section;
}

}  // namespace

Result<int> dev_init(const Context& context, const DevOptions& options) {
  DARN_ASSIGN(const Found found, look(context.cwd));
  const std::string section = dev::to_toml(found.project.entries);
  const auto say_found = [&] {
    say("darn: found {} in {}\n", join(found.project.languages, ", "), found.dir);
  };
  if (options.dry_run) {
    say_found();
    print(section);
    return 0;
  }
  // Where a link leads is written, and keeps its mode.
  std::error_code none;
  fs::path path = fs::path(found.dir) / "darn.toml";
  if (const fs::path real = fs::canonical(path, none); !none) {
    path = real;
  }
  const fs::perms mode = fs::status(path, none).permissions();
  DARN_ASSIGN(const std::string before, text_before(context, found.dir, path));
  DARN_TRY(write_file(path.string(), with_section(before, section)));
  if (mode != fs::perms::unknown && mode != fs::perms::none) {
    fs::permissions(path, mode, none);
  }
  say_found();
  std::vector<std::string> names;
  for (const DevEntry& entry : found.project.entries) {
    names.push_back(entry.name);
  }
  say("darn: wrote [dev] to {}: {}\n", path.string(), join(names, ", "));
  const bool checks = find_entry(found.project.entries, "check-all") != nullptr;
  say("darn: next: look at it, then 'darn dev {}'\n", checks ? "check-all" : names.front());
  return 0;
}

}  // namespace darn::cli
