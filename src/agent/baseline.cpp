#include "agent/baseline.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "agent/copy_tree.hpp"
#include "agent/files.hpp"
#include "base/text.hpp"
#include "process/run_tool.hpp"

namespace darn {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostLeftOut = 10'000;

std::string marker(const std::string& workspace) { return baseline_dir(workspace) + "/darn-tree"; }

class PrivateGit {
 public:
  PrivateGit(std::string dir, std::string tree) : dir_(std::move(dir)), tree_(std::move(tree)) {}

  Result<ToolResult> run(const std::vector<std::string>& args, std::string_view input = {}) const {
    std::vector<std::string> argv = {"git"};
    for (const char* setting :
         {"core.hooksPath=/dev/null", "core.fsmonitor=false", "core.autocrlf=false",
          "core.excludesFile=/dev/null", "core.attributesFile=/dev/null", "gc.auto=0",
          "core.bare=false", "core.logAllRefUpdates=false", "submodule.recurse=false"}) {
      argv.emplace_back("-c");
      argv.emplace_back(setting);
    }
    argv.insert(argv.end(), args.begin(), args.end());
    // Everything that could redirect git is set, whatever darn was started with.
    return run_tool(argv, {.cwd = tree_,
                           .input = input,
                           .env = {{"GIT_DIR", dir_},
                                   {"GIT_WORK_TREE", tree_},
                                   {"GIT_INDEX_FILE", dir_ + "/index"},
                                   {"GIT_OBJECT_DIRECTORY", dir_ + "/objects"},
                                   {"GIT_COMMON_DIR", dir_},
                                   {"GIT_ALTERNATE_OBJECT_DIRECTORIES", ""},
                                   {"GIT_CONFIG_GLOBAL", "/dev/null"},
                                   {"GIT_CONFIG_SYSTEM", "/dev/null"},
                                   {"GIT_CONFIG_NOSYSTEM", "1"},
                                   {"GIT_CONFIG_COUNT", "0"},
                                   {"GIT_CONFIG_PARAMETERS", ""},
                                   {"GIT_ATTR_NOSYSTEM", "1"},
                                   {"GIT_LITERAL_PATHSPECS", "0"},
                                   {"GIT_NAMESPACE", ""},
                                   {"GIT_TERMINAL_PROMPT", "0"},
                                   {"GIT_TRACE", "0"},
                                   {"LC_ALL", "C"}}});
  }

 private:
  std::string dir_, tree_;
};

Status expect(const Result<ToolResult>& done, const char* what, int most = 0) {
  if (!done) {
    return tl::unexpected<Error>(done.error());
  }
  if (done->exit_code >= 0 && done->exit_code <= most && !done->timed_out) {
    return {};
  }
  return fail(
      ErrorKind::io,
      fmt::format("git cannot {}: {}", what,
                  done->timed_out ? "it took too long" : shorten(printable(trim(done->err)), 300)));
}

// Adds up sizes and finds the files that are too big, through real directories only.
class SizeScan {
 public:
  Status scan(int dir, const std::string& path, int depth = 0) {
    constexpr int kDeepest = 200;
    const auto names = directory_names(dir);
    // git takes a repository within for a submodule, or fails on it when it has no commit.
    if (depth > 0 && std::find(names.begin(), names.end(), ".git") != names.end()) {
      left_out_.push_back(path);
      return {};
    }
    for (const std::string& name : names) {
      if (name == ".git") {
        continue;
      }
      const std::string below = path.empty() ? name : path + "/" + name;
      struct stat info {};
      if (::fstatat(dir, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
        continue;
      }
      if (S_ISDIR(info.st_mode)) {
        const Fd child(
            ::openat(dir, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (!child || depth >= kDeepest) {
          left_out_.push_back(below);
        } else {
          DARN_TRY(scan(child.get(), below, depth + 1));
        }
      } else if (S_ISREG(info.st_mode)) {
        DARN_TRY(file(below, static_cast<std::uint64_t>(info.st_size)));
      }
    }
    return {};
  }

  // For git's --pathspec-from-file: all but those; no .gitignore can bring them back.
  std::string pathspecs() const {
    std::string specs = ".";
    specs += '\0';
    for (const std::string& path : left_out_) {
      specs += ":(top,exclude,literal)" + path;
      specs += '\0';
    }
    return specs;
  }

 private:
  Status file(const std::string& path, std::uint64_t size) {
    if (size > kBiggestFile) {
      left_out_.push_back(path);
    } else {
      total_ += size;
    }
    if (total_ <= kBiggestSnapshot && left_out_.size() <= kMostLeftOut) {
      return {};
    }
    return fail(ErrorKind::io, "the workspace is too big to keep its changes as a diff");
  }

  std::uint64_t total_ = 0;
  std::vector<std::string> left_out_;
};

// The tree of what is there now.
Result<std::string> snapshot(const std::string& git_dir, const std::string& tree) {
  DARN_ASSIGN(const Fd root, open_directory(tree));
  SizeScan sizes;
  DARN_TRY(sizes.scan(root.get(), {}));
  std::error_code ignored;
  fs::remove(git_dir + "/index", ignored);
  fs::remove(git_dir + "/index.lock", ignored);
  const PrivateGit git(git_dir, tree);
  // Exit 1: some file could not be read; the others are in.
  DARN_TRY(expect(
      git.run({"add", "--all", "--ignore-errors", "--pathspec-from-file=-", "--pathspec-file-nul"},
              sizes.pathspecs()),
      "read the workspace", 1));
  const auto written = git.run({"write-tree"});
  DARN_TRY(expect(written, "keep the workspace's state"));
  return std::string(trim(written->out));
}

bool is_object_name(std::string_view text) {
  return text.size() >= 40 && text.size() <= 64 &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

std::string baseline_dir(const std::string& workspace) { return workspace + ".git-baseline"; }

bool has_baseline(const std::string& workspace) {
  return is_real_directory(baseline_dir(workspace)) && fs::exists(marker(workspace));
}

Status make_baseline(const std::string& workspace, const std::string& tree,
                     const std::string& objects) {
  const std::string dir = baseline_dir(workspace);
  DARN_TRY(remove_tree(dir));
  std::error_code wrong;
  if (!fs::create_directory(dir, wrong)) {
    return fail_errno("make " + dir, wrong.value());
  }
  DARN_TRY(expect(PrivateGit(dir, tree).run({"init", "--quiet", "--template=", "-b", "baseline"}),
                  "make a private repository"));
  if (!objects.empty()) {
    fs::create_directory(dir + "/objects/info", wrong);
    DARN_TRY(write_file(dir + "/objects/info/alternates", objects + "\n"));
  }
  DARN_ASSIGN(const auto name, snapshot(dir, tree));
  return write_file(marker(workspace), name + "\n");
}

Result<std::string> changes_since(const std::string& workspace) {
  const std::string dir = baseline_dir(workspace);
  DARN_ASSIGN(const auto text, read_small_file(marker(workspace)));
  const std::string before(trim(text));
  if (!is_object_name(before)) {
    return fail(ErrorKind::io, marker(workspace) + " is damaged", "remove the workspace");
  }
  DARN_ASSIGN(const auto after, snapshot(dir, workspace));
  const PrivateGit git(dir, workspace);
  const auto diff = git.run({"diff-tree", "-r", "-p", "--binary", "--no-ext-diff", "--no-textconv",
                             "--no-color", "--ignore-submodules=all", before, after, "--"});
  DARN_TRY(expect(diff, "compare the workspace with its beginning"));
  return diff->out;
}

}  // namespace darn
