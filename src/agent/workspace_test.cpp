#include "agent/workspace.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "agent/copy_tree.hpp"
#include "process/run_tool.hpp"
#include "support/property.hpp"
#include "support/temp_dir.hpp"

namespace darn {
namespace {

namespace fs = std::filesystem;

void write(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

bool is_there(const fs::path& path) { return fs::exists(fs::symlink_status(path)); }

// A project with a state directory in it, and a place beside both that must stay as it is.
struct Fixture {
  test::TempDir temp;
  fs::path root = fs::canonical(temp.path());
  fs::path project = root / "project";
  fs::path outside = root / "outside";
  fs::path results = project / ".darn/batches/b/results/agent-t";
  WorkspaceRequest request;

  Fixture() {
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

TEST_CASE_FIXTURE(Fixture,
                  "the diff: changed, new, removed, binary; what is ignored or big is not in it") {
  request.context_path = {"src", "README"};
  prepare();
  CHECK(diff().empty());
  const fs::path dir = request.dir;
  write(dir / "src/a.c", "int changed;\n");
  write(dir / "new file.txt", "new\n");
  write(dir / "data.bin", std::string("\0\1\2", 3));
  fs::remove(dir / "README");
  write(dir / ".gitignore", "*.o\n!big\n");
  write(dir / "x.o", "object");
  write(dir / "big", std::string((10U << 20U) + 1, 'b'));
  write(dir / "big\nname", std::string((10U << 20U) + 1, 'b'));
  write(dir / "sub/.git/HEAD", "ref: refs/heads/none\n");  // a repository with no commit
  fs::create_directory_symlink(outside, dir / "src/deep-link");
  REQUIRE(::mkfifo((dir / "pipe").c_str(), 0600) == 0);
  const std::string text = diff();
  CHECK(text.find("-int a;\n+int changed;\n") != std::string::npos);
  CHECK(text.find("new file.txt") != std::string::npos);
  CHECK(text.find("GIT binary patch") != std::string::npos);
  CHECK(text.find("-read me") != std::string::npos);
  CHECK(text.find("x.o") == std::string::npos);
  CHECK(text.find("bbbb") == std::string::npos);
  CHECK(text.find("secret") == std::string::npos);
  CHECK_FALSE(is_there(dir / ".git"));

  // It can be applied to what was copied in.
  const fs::path copy = root / "copy";
  fs::create_directories(copy);
  fs::copy(project / "src", copy / "src", fs::copy_options::recursive);
  fs::copy(project / "README", copy / "README");
  const auto applied =
      run_tool({"git", "apply", (results / "changes.diff").string()},
               {.cwd = copy.string(), .env = {{"GIT_CEILING_DIRECTORIES", root.string()}}});
  REQUIRE(applied);
  CHECK_MESSAGE(applied->exit_code == 0, applied->err);
  CHECK(read(copy / "data.bin") == std::string("\0\1\2", 3));
  CHECK_FALSE(is_there(copy / "README"));
}

TEST_CASE_FIXTURE(Fixture, "the diff runs nothing that the agent left behind") {
  request.context_path = {"src"};
  prepare();
  const fs::path dir = request.dir;
  const std::string touch = "touch " + (outside / "ran").string();
  // A repository of the agent's own, with everything git can be made to run.
  const auto made = run_tool(
      {"/bin/sh", "-c",
       "git init -q . && git config core.fsmonitor '" + touch + "' && git config filter.x.clean '" +
           touch + "' && git config diff.x.textconv '" + touch +
           "' && git config diff.x.command '" + touch +
           "' && git config core.hooksPath hooks && mkdir hooks && "
           "printf '#!/bin/sh\\n" +
           touch +
           "\\n' > hooks/post-index-change "
           "&& chmod +x hooks/post-index-change"},
      {.cwd = dir.string()});
  REQUIRE(made->exit_code == 0);
  write(dir / ".gitattributes", "* filter=x diff=x\n");
  write(dir / "src/a.c", "int changed;\n");
  CHECK(diff().find("+int changed;") != std::string::npos);
  CHECK_FALSE(is_there(outside / "ran"));
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

TEST_CASE_FIXTURE(Fixture, "the diff file is replaced, not written through") {
  request.context_path = {"src"};
  prepare();
  write(fs::path(request.dir) / "src/a.c", "int changed;\n");
  fs::create_symlink(outside / "secret", results / "changes.diff");
  fs::create_symlink(outside / "secret", results / "changes.diff.new");
  CHECK(diff().find("+int changed;") != std::string::npos);
  CHECK(read(outside / "secret") == "secret");
}

TEST_CASE_FIXTURE(Fixture,
                  "worktree: a branch of its own, contexts that git has not, commits kept") {
  make_repository();
  write(project / "built/x.o", "object");
  request.mode = WorkspaceMode::worktree;
  request.branch = "darn/20261122-170000/a b..c.lock";
  request.context_path = {"src", "built"};
  Workspace made = prepare();
  const fs::path dir = made.dir;
  CHECK(read(dir / "src/a.c") == "int a;\n");
  CHECK(read(dir / "built/x.o") == "object");
  CHECK(fs::is_regular_file(dir / ".git"));
  const std::string branch = "darn/20261122-170000/a%20b%2E%2Ec%2Elock";
  CHECK(git("branch --list 'darn/*'").find(branch) != std::string::npos);
  CHECK(diff().empty());
  write(dir / "src/a.c", "int changed;\n");
  CHECK(prepare().reused);
  CHECK(diff().find("+int changed;") != std::string::npos);
  CHECK(read(project / "src/a.c") == "int a;\n");
  CHECK(git("status --porcelain").empty());

  // Uncommitted: the branch goes with it.
  REQUIRE(remove_workspace(request.dir));
  CHECK(git("branch --list 'darn/*'").empty());
  CHECK(git("worktree list").find(request.dir) == std::string::npos);

  // Committed: the diff has it still, and the branch stays.
  prepare();
  write(dir / "src/new.c", "int n;\n");
  REQUIRE(run_tool({"/bin/sh", "-c", "git add -A && git commit -qm two"}, {.cwd = dir.string()})
              ->exit_code == 0);
  CHECK(diff().find("+int n;") != std::string::npos);
  REQUIRE(remove_workspace(request.dir));
  CHECK(git("branch --list 'darn/*'").find(branch) != std::string::npos);
  CHECK_FALSE(is_there(request.dir));
  CHECK_FALSE(is_there(request.dir + ".worktree"));
}

TEST_CASE_FIXTURE(Fixture,
                  "worktree: from a base, from a directory within, made anew when cut off") {
  make_repository();
  write(project / "src/a.c", "int two;\n");
  git("commit -qam two");
  request.mode = WorkspaceMode::worktree;
  request.branch = "darn/r/t";
  request.base = "HEAD~1";
  request.cwd = project / "src";
  request.context_path = {"deep"};
  request.state_dir = project / ".darn";
  const Workspace made = prepare();
  CHECK(read(fs::path(made.dir) / "src/a.c") == "int a;\n");
  CHECK(made.context_paths == std::vector<std::string>{"src/deep"});
  // As a crash between git and the end of it leaves things.
  std::string state = read(request.dir + ".worktree");
  state.replace(state.find("true"), 4, "false");
  write(request.dir + ".worktree", state);
  write(fs::path(request.dir) / "half", "x");
  CHECK_FALSE(prepare().reused);
  CHECK_FALSE(is_there(fs::path(request.dir) / "half"));
}

TEST_CASE_FIXTURE(Fixture, "worktree: no repository, or no such base, is said") {
  request.mode = WorkspaceMode::worktree;
  request.branch = "darn/r/t";
  if (!is_there(root.parent_path() / ".git")) {
    CHECK(refused().mend.find("keep") != std::string::npos);
  }
  make_repository();
  for (const char* base : {"nonsense", "--help", "-h"}) {
    request.base = base;
    CHECK(refused().message.find("is no commit") != std::string::npos);
  }
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
