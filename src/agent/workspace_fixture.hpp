// What the workspaces' tests share: a project, and a place beside it that must stay as it is.
#pragma once

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include "agent/workspace.hpp"
#include "process/run_tool.hpp"
#include "support/temp_dir.hpp"

namespace darn::test {

namespace fs = std::filesystem;

inline void write(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

inline std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

inline bool is_there(const fs::path& path) { return fs::exists(fs::symlink_status(path)); }

// A project with a state directory in it, and a place beside both that must stay as it is.
struct WorkspaceFixture {
  TempDir temp;
  fs::path root = fs::canonical(temp.path());
  fs::path project = root / "project";
  fs::path outside = root / "outside";
  fs::path results = project / ".darn/batches/b/results/agent-t";
  WorkspaceRequest request;

  WorkspaceFixture() {
    fs::create_directories(results);
    write(outside / "secret", "secret");
    write(project / "src/a.c", "int a;\n");
    write(project / "src/deep/b.c", "int b;\n");
    write(project / "README", "read me\n");
    request.dir = results / "workspace";
    request.cwd = project;
  }

  Workspace prepare() {
    auto made = prepare_workspace(request);
    REQUIRE_MESSAGE(made, (made ? "" : made.error().text()));
    return std::move(*made);
  }
  Error refused() {
    const auto made = prepare_workspace(request);
    REQUIRE_FALSE(made);
    CHECK_FALSE(is_there(request.dir));
    return made.error();
  }
  std::string diff() {
    const fs::path file = results / "changes.diff";
    const auto saved = save_changes(request.dir, file);
    REQUIRE_MESSAGE(saved, (saved ? "" : saved.error().text()));
    return read(file);
  }
  std::string git(const std::string& args) {
    const auto done = run_tool({"/bin/sh", "-c", "git -C '" + project.string() + "' " + args});
    REQUIRE(done);
    REQUIRE_MESSAGE(done->exit_code == 0, done->err);
    return done->out;
  }
  void make_repository() {
    git("init -q -b main");
    git("config user.email t@example.org && git -C '" + project.string() + "' config user.name t");
    write(project / ".gitignore", ".darn/\nbuilt/\n");
    git("add -A && git -C '" + project.string() + "' commit -qm one");
  }
};

}  // namespace darn::test
