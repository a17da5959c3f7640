// What goes into a workspace, and that nothing leads out of it.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "agent/copy_tree.hpp"
#include "agent/workspace_fixture.hpp"
#include "support/property.hpp"

namespace darn {
namespace {

namespace fs = std::filesystem;
using test::is_there;
using test::read;
using test::write;
using Fixture = test::WorkspaceFixture;

TEST_CASE_FIXTURE(Fixture, "context and inputs are copied in, once") {
  write(project / "tool.sh", "#!/bin/sh\n");
  ::chmod((project / "tool.sh").c_str(), 04755);
  write(results.parent_path() / "agent-p/workspace/out.md", "from p\n");
  write(results.parent_path() / "agent-q/workspace/site/index.html", "from q\n");
  request.context_path = {"src/", "./tool.sh", (project / "README").string()};
  request.inputs = {{"p", results.parent_path() / "agent-p/workspace/out.md"},
                    {"q/1", results.parent_path() / "agent-q/workspace/site"}};
  const Workspace made = prepare();
  CHECK_FALSE(made.reused);
  CHECK(made.dir == request.dir);
  CHECK(made.context_paths == std::vector<std::string>{"src", "tool.sh", "README"});
  CHECK(read(fs::path(made.dir) / "src/deep/b.c") == "int b;\n");
  CHECK(read(fs::path(made.dir) / "inputs/p/out.md") == "from p\n");
  CHECK(read(fs::path(made.dir) / "inputs/q%2F1/site/index.html") == "from q\n");
  struct stat info {};
  REQUIRE(::stat((request.dir + "/tool.sh").c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0755);

  // Gone on with: what the agent did stays.
  write(fs::path(made.dir) / "src/a.c", "int changed;\n");
  fs::remove(fs::path(made.dir) / "README");
  const Workspace again = prepare();
  CHECK(again.reused);
  CHECK(again.context_paths == made.context_paths);
  CHECK(read(fs::path(made.dir) / "src/a.c") == "int changed;\n");
  CHECK_FALSE(is_there(fs::path(made.dir) / "README"));
}

TEST_CASE_FIXTURE(Fixture,
                  "fresh: what is there goes; half made: made anew; none: the directory itself") {
  request.mode = WorkspaceMode::fresh;
  request.context_path = {"README"};
  prepare();
  write(fs::path(request.dir) / "left", "x");
  CHECK_FALSE(prepare().reused);
  CHECK_FALSE(is_there(fs::path(request.dir) / "left"));

  request.mode = WorkspaceMode::keep;
  request.dir = results / "other";
  write(results / "other.preparing/half", "x");
  write(results / "other.git-baseline/half", "x");
  prepare();
  CHECK_FALSE(is_there(fs::path(request.dir) / "half"));
  CHECK_FALSE(is_there(results / "other.preparing"));
  CHECK(diff().empty());

  request.mode = WorkspaceMode::none;
  const Workspace none = prepare();
  CHECK(none.dir == project);
  CHECK(none.context_paths == std::vector<std::string>{"README"});
  CHECK_FALSE(is_there(project.string() + ".git-baseline"));
}

TEST_CASE_FIXTURE(Fixture,
                  "the whole working directory as context leaves out darn's state and .git") {
  make_repository();
  request.context_path = {"."};
  request.state_dir = project / "state";
  write(project / "state/darn.db", "db");
  const Workspace made = prepare();
  CHECK(made.context_paths == std::vector<std::string>{"."});
  CHECK(read(fs::path(made.dir) / "src/a.c") == "int a;\n");
  CHECK_FALSE(is_there(fs::path(made.dir) / ".darn"));
  CHECK_FALSE(is_there(fs::path(made.dir) / ".git"));
  CHECK_FALSE(is_there(fs::path(made.dir) / "state"));
}

TEST_CASE_FIXTURE(Fixture, "contexts that leave the working directory are refused") {
  fs::create_directory_symlink(outside, project / "link");
  fs::create_symlink(outside / "secret", project / "file-link");
  for (const std::string& path :
       {std::string("../outside"), outside.string(), std::string("src/../../outside/secret"),
        std::string("link"), std::string("link/secret"), std::string("file-link"),
        std::string("missing"), std::string("/"), project.string() + "/../outside",
        project.string() + "x"}) {
    CAPTURE(path);
    request.context_path = {path};
    const Error error = refused();
    CHECK(error.kind == ErrorKind::bad_input);
    CHECK_FALSE(error.mend.empty());
  }
  CHECK(read(outside / "secret") == "secret");
}

TEST_CASE_FIXTURE(Fixture, "special files: refused as a context, left out inside one") {
  REQUIRE(::mkfifo((project / "pipe").c_str(), 0600) == 0);
  request.context_path = {"pipe"};
  CHECK(refused().message.find("neither a file nor a directory") != std::string::npos);
  REQUIRE(::mkfifo((project / "src/pipe").c_str(), 0600) == 0);
  request.context_path = {"src"};
  const Workspace made = prepare();
  CHECK_FALSE(is_there(fs::path(made.dir) / "src/pipe"));
  REQUIRE(made.notes.size() == 1);
  CHECK(made.notes[0].find("src/pipe") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "links inside a context stay links when they stay inside it") {
  fs::create_symlink("a.c", project / "src/same");
  fs::create_symlink("../a.c", project / "src/deep/up");
  fs::create_symlink("deep", project / "src/dir");
  fs::create_symlink(outside / "secret", project / "src/absolute");
  fs::create_symlink("../README", project / "src/out");
  fs::create_symlink("deep/../../README", project / "src/around");
  fs::create_symlink("nowhere", project / "src/broken");
  request.context_path = {"src"};
  const Workspace made = prepare();
  const fs::path src = fs::path(made.dir) / "src";
  CHECK(fs::read_symlink(src / "same") == "a.c");
  CHECK(read(src / "deep/up") == "int a;\n");
  CHECK(fs::read_symlink(src / "dir") == "deep");
  CHECK(fs::read_symlink(src / "broken") == "nowhere");
  for (const char* name : {"absolute", "out", "around"}) {
    CHECK_FALSE(is_there(src / name));
  }
  CHECK(made.notes.size() == 3);
}

TEST_CASE_FIXTURE(Fixture, "a link at the top of '.' may not leave it either") {
  fs::create_symlink("../outside/secret", project / "escape");
  fs::create_symlink("README", project / "inside");
  request.context_path = {"."};
  const Workspace made = prepare();
  CHECK_FALSE(is_there(fs::path(made.dir) / "escape"));
  CHECK(read(fs::path(made.dir) / "inside") == "read me\n");
}

TEST_CASE_FIXTURE(Fixture,
                  "outputs of predecessors are taken from where outputs can be, as themselves") {
  const fs::path other = results.parent_path() / "agent-p/workspace";
  fs::create_directories(other);
  fs::create_symlink(outside / "secret", other / "out");
  fs::create_directory_symlink(outside, other / "dir");
  for (const fs::path& path :
       {other / "out", other / "dir/secret", outside / "secret", other / "gone"}) {
    CAPTURE(path);
    request.inputs = {{"p", path}};
    CHECK(refused().kind == ErrorKind::io);
  }
}

TEST_CASE_FIXTURE(Fixture, "a workspace that its agent swapped for a link is not touched") {
  prepare();
  fs::rename(request.dir, request.dir + ".moved");
  fs::create_directory_symlink(outside, request.dir);
  const auto again = prepare_workspace(request);
  REQUIRE_FALSE(again);
  CHECK(again.error().message.find("replaced") != std::string::npos);
  CHECK_FALSE(save_changes(request.dir, results / "changes.diff"));
  request.mode = WorkspaceMode::fresh;
  CHECK_FALSE(prepare_workspace(request));
  REQUIRE(remove_workspace(request.dir));
  CHECK_FALSE(is_there(request.dir));
  CHECK(read(outside / "secret") == "secret");
  CHECK(std::distance(fs::directory_iterator(outside), fs::directory_iterator()) == 1);
}

TEST_CASE_FIXTURE(Fixture, "directories for an output are made inside, or not at all") {
  prepare();
  REQUIRE(make_directories_in(request.dir, "docs/api"));
  CHECK(fs::is_directory(fs::path(request.dir) / "docs/api"));
  REQUIRE(make_directories_in(request.dir, ""));
  fs::create_directory_symlink(outside, fs::path(request.dir) / "link");
  CHECK_FALSE(make_directories_in(request.dir, "link/sub"));
  CHECK_FALSE(make_directories_in(request.dir, "../sub"));
  CHECK_FALSE(is_there(outside / "sub"));
}

TEST_CASE("copies: a tree of any names and links never leads out of its copy") {
  test::property("links in any combination", [] {
    const test::TempDir temp;
    const fs::path root = fs::canonical(temp.path());
    fs::create_directories(root / "from/a/b");
    fs::create_directories(root / "to");
    write(root / "secret", "secret");
    const auto targets = *rc::gen::container<std::vector<std::string>>(
        rc::gen::element<std::string>("..", "../..", "a", "a/..", "../secret", "a/b/../..", "b",
                                      "../a", "./..", "/", "l0", "l1/..", "../l0", "a/l1"));
    const fs::path places[] = {"from", "from/a", "from/a/b"};
    for (std::size_t i = 0; i < targets.size() && i < 12; ++i) {
      std::error_code taken;
      fs::create_symlink(targets[i], root / places[i % 3] / ("l" + std::to_string(i / 3)), taken);
    }
    CopyJob job;
    const auto top = open_real(root, O_RDONLY | O_DIRECTORY);
    RC_ASSERT(top.has_value());
    RC_ASSERT(copy_entry(top->get(), "from", top->get(), "copy", job).has_value());
    const std::string inside = (root / "copy").string();
    for (const auto& entry : fs::recursive_directory_iterator(root / "copy")) {
      std::error_code broken;
      const fs::path real = fs::canonical(entry.path(), broken);
      if (!broken) {
        RC_ASSERT(real.string().starts_with(inside));
      }
    }
  });
}

}  // namespace
}  // namespace darn
