#include "agent/worktree.hpp"

#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "agent/files.hpp"
#include "agent/json_text.hpp"
#include "base/text.hpp"
#include "process/run_tool.hpp"

namespace darn {
namespace {

// The user's repository as seen from cwd, whatever repository darn itself was called from (a hook).
Result<ToolResult> git(const std::string& cwd, const std::vector<std::string>& args) {
  std::vector<std::string> argv = {"env"};
  for (const char* name : {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR",
                           "GIT_OBJECT_DIRECTORY", "GIT_PREFIX"}) {
    argv.emplace_back("-u");
    argv.emplace_back(name);
  }
  for (const char* word :
       {"LC_ALL=C", "GIT_TERMINAL_PROMPT=0", "git", "-c", "core.hooksPath=/dev/null"}) {
    argv.emplace_back(word);
  }
  argv.insert(argv.end(), args.begin(), args.end());
  return run_tool(argv, {.cwd = cwd, .timeout = std::chrono::minutes{10}});
}

Result<std::string> answer(const std::string& cwd, const std::vector<std::string>& args,
                           const std::string& wrong, const std::string& mend) {
  DARN_ASSIGN(const auto done, git(cwd, args));
  if (done.exit_code == 0) {
    return std::string(trim(done.out));
  }
  const std::string why = shorten(printable(trim(done.err)), 200);
  return fail(ErrorKind::bad_input, why.empty() ? wrong : fmt::format("{}: {}", wrong, why), mend);
}

Status keep(const std::string& dir, const Worktree& tree) {
  const nlohmann::json kept = {{"common", tree.common},
                               {"branch", tree.branch},
                               {"base", tree.base},
                               {"prefix", tree.prefix},
                               {"whole", tree.whole}};
  return write_file(worktree_file(dir),
                    kept.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

}  // namespace

Status mark_whole(const std::string& dir, Worktree tree) {
  tree.whole = true;
  return keep(dir, tree);
}

std::string worktree_file(const std::string& dir) { return dir + ".worktree"; }

std::string branch_name(std::string_view text) {
  std::string name;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    const bool inner_slash =
        c == '/' && i > 0 && i + 1 < text.size() && text[i - 1] != '/' && text[i + 1] != '/';
    const bool inner_dash = c == '-' && i > 0;
    if (letter || c == '_' || inner_dash || inner_slash) {
      name += c;
    } else {
      name += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return name;
}

Result<Worktree> add_worktree(const std::string& cwd, const std::string& dir,
                              const std::string& base, const std::string& branch) {
  Worktree tree;
  tree.branch = branch_name(branch);
  DARN_ASSIGN(tree.common,
              answer(cwd, {"rev-parse", "--path-format=absolute", "--git-common-dir"},
                     "workspace = worktree needs a git repository", "use workspace = keep"));
  DARN_ASSIGN(tree.prefix,
              answer(cwd, {"rev-parse", "--show-prefix"},
                     "workspace = worktree needs a git work tree", "use workspace = keep"));
  const std::string revision = base.empty() ? "HEAD" : base;
  DARN_ASSIGN(
      tree.base,
      answer(cwd, {"rev-parse", "--verify", "--quiet", "--end-of-options", revision + "^{commit}"},
             fmt::format("base '{}' is no commit of the repository", revision),
             "name a branch, a tag or a commit in `base`"));
  DARN_TRY(keep(dir, tree));
  DARN_ASSIGN(const auto pruned, git(cwd, {"worktree", "prune"}));
  static_cast<void>(pruned);
  DARN_ASSIGN(const auto known,
              git(cwd, {"show-ref", "--verify", "--quiet", "refs/heads/" + tree.branch}));
  std::vector<std::string> add = {"worktree", "add", "--quiet"};
  if (known.exit_code == 0) {
    add.insert(add.end(), {"--", dir, tree.branch});  // made by an earlier try that was cut off
  } else {
    add.insert(add.end(), {"-b", tree.branch, "--", dir, tree.base});
  }
  DARN_TRY(answer(cwd, add, "git cannot make the worktree " + dir, "see git worktree list"));
  return tree;
}

Result<Worktree> read_worktree(const std::string& dir) {
  DARN_ASSIGN(const auto text, read_small_file(worktree_file(dir)));
  const auto kept = parse_json(text);
  Worktree tree;
  if (!kept || !kept->is_object()) {
    return fail(ErrorKind::io, worktree_file(dir) + " is damaged", "remove the workspace");
  }
  const auto word = [&kept](const char* key) {
    const auto found = kept->find(key);
    return found != kept->end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  tree.common = word("common");
  tree.branch = word("branch");
  tree.base = word("base");
  tree.prefix = word("prefix");
  tree.whole = kept->value("/whole"_json_pointer, nlohmann::json()) == true;
  return tree;
}

Status forget_worktree(const std::string& dir) {
  const auto tree = read_worktree(dir);
  if (tree && is_real_directory(tree->common)) {
    const std::string at = "--git-dir=" + tree->common;
    DARN_TRY(git("/", {at, "worktree", "prune"}));
    // Only when it still is at that commit: with commits of the agent's it stays.
    DARN_TRY(git("/", {at, "update-ref", "-d", "refs/heads/" + tree->branch, tree->base}));
  }
  return remove_tree(worktree_file(dir));
}

}  // namespace darn
