#include "agent/workspace.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include "agent/baseline.hpp"
#include "agent/copy_tree.hpp"
#include "agent/files.hpp"
#include "agent/worktree.hpp"
#include "base/text.hpp"

namespace darn {
namespace {

constexpr int kDirectory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

std::optional<std::string> real_path(const std::string& path) {
  const std::unique_ptr<char, void (*)(void*)> real(::realpath(path.c_str(), nullptr), ::free);
  if (!real) {
    return std::nullopt;
  }
  return std::string(real.get());
}

// "a//b/./c/.." -> "a/b"; nothing when it leads out. Empty: the directory itself.
std::optional<std::string> plain_path(std::string_view path) {
  std::vector<std::string> parts;
  for (const std::string_view part : split(path, '/')) {
    if (part.empty() || part == ".") {
      continue;
    }
    if (part != "..") {
      parts.emplace_back(part);
    } else if (parts.empty()) {
      return std::nullopt;
    } else {
      parts.pop_back();
    }
  }
  return join(parts, "/");
}

tl::unexpected<Error> bad_context(const std::string& path, const char* why) {
  return fail(ErrorKind::bad_input,
              fmt::format("context path '{}' {}", shorten(printable(path), 200), why),
              "name files or directories below the working directory in context_path");
}

// A context path of the user's: where it is, and where it goes.
struct Context {
  std::string real;  // canonical
  std::string at;    // relative to the workspace; empty: the workspace itself
};

Result<Context> find_context(const std::string& cwd, const std::string& path) {
  const bool absolute = path.starts_with('/');
  if (absolute && !lies_in(path, cwd)) {
    return bad_context(path, "leaves the working directory");
  }
  const auto at = plain_path(absolute ? path.substr(cwd.size()) : path);
  const auto real_cwd = real_path(cwd);
  const auto real = real_path(absolute ? path : cwd + "/" + path);
  if (!at) {
    return bad_context(path, "leaves the working directory");
  }
  if (!real || !real_cwd) {
    return bad_context(path, "does not exist");
  }
  if (!lies_in(*real, *real_cwd)) {
    return bad_context(path, "leaves the working directory by a link");
  }
  struct stat info {};
  if (::lstat(real->c_str(), &info) != 0) {
    return bad_context(path, "does not exist");
  }
  if (!S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) {
    return bad_context(path, "is neither a file nor a directory");
  }
  return Context{*real, *at};
}

// Copies the file or directory at the canonical path `real` to `at` below root.
Status copy_to(int root, const std::string& real, const std::string& at, CopyJob& job) {
  if (at.empty()) {
    DARN_ASSIGN(const Fd from, open_real(real, O_RDONLY | O_DIRECTORY));
    return copy_entries(from.get(), root, job);
  }
  const std::size_t slash = at.find_last_of('/');
  DARN_ASSIGN(const Fd to,
              make_directories(root, slash == std::string::npos ? "" : at.substr(0, slash)));
  DARN_ASSIGN(const Fd from, open_real(parent_path(real), O_RDONLY | O_DIRECTORY));
  return copy_entry(from.get(), base_name(real), to.get(), base_name(at), job);
}

Status copy_context(const WorkspaceRequest& request, int root, const std::string& prefix,
                    CopyJob& job) {
  for (const std::string& path : request.context_path) {
    DARN_ASSIGN(const auto context, find_context(request.cwd, path));
    // What a worktree has checked out is there already.
    const std::string at = prefix + context.at;
    struct stat info {};
    if (request.mode == WorkspaceMode::worktree &&
        (at.empty() || ::fstatat(root, at.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0)) {
      continue;
    }
    DARN_TRY(copy_to(root, context.real, at, job));
  }
  return {};
}

std::string state_dir(const WorkspaceRequest& request) {
  return request.state_dir.empty() ? request.cwd + "/.darn" : request.state_dir;
}

// A predecessor's output was made by an agent: it is taken only as itself, and only from where
// outputs can be.
Status copy_input(const WorkspaceRequest& request, int root, const std::string& id,
                  const std::string& output, CopyJob& job) {
  const auto wrong = [&](const char* why) {
    return fail(ErrorKind::io, fmt::format("the output of '{}', {}, {}", id,
                                           shorten(printable(output), 200), why));
  };
  struct stat info {};
  if (::lstat(output.c_str(), &info) != 0) {
    return wrong("is not there any more");
  }
  if (!S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) {
    return wrong("is no file or directory");
  }
  const auto real = real_path(output);
  if (!real) {
    return wrong("is not there any more");
  }
  bool inside = false;
  for (const std::string& place : {request.cwd, state_dir(request)}) {
    const auto real_place = real_path(place);
    inside = inside || (real_place && lies_in(*real, *real_place));
  }
  if (!inside) {
    return wrong("lies outside of the working and the state directory");
  }
  if (id.empty()) {
    return wrong("has no id");
  }
  return copy_to(root, *real, "inputs/" + file_name(id) + "/" + base_name(*real), job);
}

Status fill(const WorkspaceRequest& request, int root, const std::string& prefix,
            std::vector<std::string>& notes) {
  CopyJob job;
  for (const std::string& place : {state_dir(request), parent_path(request.dir)}) {
    struct stat info {};
    if (::stat(place.c_str(), &info) == 0) {
      job.skip.emplace_back(info.st_dev, info.st_ino);
    }
  }
  DARN_TRY(copy_context(request, root, prefix, job));
  for (const auto& [id, output] : request.inputs) {
    DARN_TRY(copy_input(request, root, id, output, job));
  }
  notes.insert(notes.end(), job.left_out.begin(), job.left_out.end());
  return {};
}

// Without git there are no diffs, but the work can be done.
Status keep_beginning(const std::string& dir, const std::string& tree, const std::string& objects,
                      std::vector<std::string>& notes) {
  const auto kept = make_baseline(dir, tree, objects);
  if (!kept) {
    notes.push_back("changes will not be kept as a diff: " + kept.error().text());
    return remove_tree(baseline_dir(dir));
  }
  return {};
}

// Made beside its place and moved there when it is whole: what stands at `dir` is never half made.
Status make_plain(const WorkspaceRequest& request, Workspace& made) {
  const std::string fresh = request.dir + ".preparing";
  DARN_TRY(remove_tree(fresh));
  if (::mkdir(fresh.c_str(), 0777) != 0) {
    return fail_errno("make " + fresh);
  }
  DARN_ASSIGN(const Fd root, open_directory(fresh));
  DARN_TRY(fill(request, root.get(), "", made.notes));
  DARN_TRY(keep_beginning(request.dir, fresh, "", made.notes));
  if (::rename(fresh.c_str(), request.dir.c_str()) != 0) {
    return fail_errno("make " + request.dir);
  }
  return {};
}

Status make_worktree(const WorkspaceRequest& request, Workspace& made) {
  DARN_ASSIGN(const auto tree,
              add_worktree(request.cwd, request.dir, request.base, request.branch));
  DARN_ASSIGN(const Fd root, open_directory(request.dir));
  DARN_TRY(fill(request, root.get(), tree.prefix, made.notes));
  DARN_TRY(keep_beginning(request.dir, request.dir, tree.objects(), made.notes));
  return mark_whole(request.dir, tree);
}

bool is_empty(const std::string& dir) {
  const Fd fd(::open(dir.c_str(), kDirectory));
  return fd && directory_names(fd.get()).empty();
}

// Whole and to be gone on with. A plain one is whole when it is at its place.
bool can_go_on(const WorkspaceRequest& request) {
  if (request.mode == WorkspaceMode::fresh || !is_real_directory(request.dir)) {
    return false;
  }
  if (request.mode == WorkspaceMode::worktree) {
    const auto tree = read_worktree(request.dir);
    return tree && tree->whole;
  }
  return has_baseline(request.dir) || !is_empty(request.dir);
}

Result<std::vector<std::string>> context_paths(const WorkspaceRequest& request) {
  std::string prefix;
  if (request.mode == WorkspaceMode::worktree) {
    DARN_ASSIGN(const auto tree, read_worktree(request.dir));
    prefix = tree.prefix;
  }
  std::vector<std::string> paths;
  for (const std::string& path : request.context_path) {
    const bool absolute = path.starts_with('/');
    if (absolute && !lies_in(path, request.cwd)) {
      return bad_context(path, "leaves the working directory");
    }
    const auto at = plain_path(absolute ? path.substr(request.cwd.size()) : path);
    if (!at) {
      return bad_context(path, "leaves the working directory");
    }
    const std::string whole = prefix + *at;
    paths.push_back(whole.empty() ? "." : whole);
  }
  return paths;
}

}  // namespace

Result<Workspace> prepare_workspace(const WorkspaceRequest& request) {
  Workspace made;
  made.dir = request.mode == WorkspaceMode::none ? request.cwd : request.dir;
  if (request.mode == WorkspaceMode::none) {
    for (const std::string& path : request.context_path) {
      DARN_TRY(find_context(request.cwd, path));
    }
  } else {
    struct stat info {};
    const bool there = ::lstat(request.dir.c_str(), &info) == 0;
    if ((there && !S_ISDIR(info.st_mode)) || !is_real_directory(parent_path(request.dir))) {
      return fail(ErrorKind::io,
                  fmt::format("the workspace {} was replaced by something else", request.dir),
                  "look at what the agent did, then remove it");
    }
    made.reused = can_go_on(request);
    if (!made.reused) {
      DARN_TRY(remove_workspace(request.dir));
      DARN_TRY(request.mode == WorkspaceMode::worktree ? make_worktree(request, made)
                                                       : make_plain(request, made));
    }
  }
  DARN_ASSIGN(made.context_paths, context_paths(request));
  return made;
}

Status save_changes(const std::string& workspace, const std::string& diff_file) {
  if (!has_baseline(workspace)) {
    return {};
  }
  if (!is_real_directory(workspace)) {
    return fail(ErrorKind::io,
                fmt::format("the workspace {} was replaced by something else", workspace),
                "look at what the agent did, then remove it");
  }
  DARN_ASSIGN(const auto diff, changes_since(workspace));
  return write_file(diff_file, diff);
}

Status make_directories_in(const std::string& workspace, const std::string& path) {
  DARN_ASSIGN(const Fd root, open_directory(workspace));
  DARN_TRY(make_directories(root.get(), path));
  return {};
}

Status remove_workspace(const std::string& dir) {
  DARN_TRY(remove_tree(dir));
  DARN_TRY(remove_tree(dir + ".preparing"));
  DARN_TRY(remove_tree(baseline_dir(dir)));
  struct stat info {};
  if (::lstat(worktree_file(dir).c_str(), &info) != 0) {
    return {};
  }
  return forget_worktree(dir);
}

}  // namespace darn
