// What an attempt changed, as a diff; git worktrees.
#include <sys/stat.h>

#include <string>
#include <vector>

#include "agent/workspace_fixture.hpp"

namespace darn {
namespace {

namespace fs = std::filesystem;
using test::is_there;
using test::read;
using test::write;
using Fixture = test::WorkspaceFixture;

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

}  // namespace
}  // namespace darn
