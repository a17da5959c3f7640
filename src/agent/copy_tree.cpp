#include "agent/copy_tree.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <memory>

#include <fmt/format.h>

#include "base/text.hpp"

namespace darn {
namespace {

constexpr int kDeepest = 200;  // directories; each holds two descriptors open while it is copied
constexpr int kDirectory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

// A link inside what is copied may lead up from its own directory, but not out of the top, and then
// only down. As this holds for all copied links, no chain of them leads out either.
bool stays_inside(std::string_view target, int depth) {
  if (target.empty() || target.front() == '/') {
    return false;
  }
  bool down = false;
  for (const std::string_view part : split(target, '/')) {
    if (part.empty() || part == ".") {
      continue;
    }
    if (part != "..") {
      down = true;
    } else if (down || --depth < 0) {
      return false;
    }
  }
  return true;
}

Status copy_bytes(int from, int to, const std::string& path) {
  std::vector<char> buffer(256U << 10U);
  for (;;) {
    const ssize_t got = ::read(from, buffer.data(), buffer.size());
    if (got == 0) {
      return {};
    }
    if (got < 0) {
      if (errno == EINTR) {
        continue;
      }
      return fail_errno("read " + path);
    }
    for (ssize_t done = 0; done < got;) {
      const ssize_t put = ::write(to, buffer.data() + done, static_cast<std::size_t>(got - done));
      if (put < 0 && errno != EINTR) {
        return fail_errno("write the copy of " + path);
      }
      done += std::max<ssize_t>(put, 0);
    }
  }
}

class Copier {
 public:
  explicit Copier(CopyJob& job) : job_(job) {}

  Status entry(int from, const std::string& name, int to, const std::string& as,
               const std::string& path, int depth) {
    struct stat info {};
    if (::fstatat(from, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
      return fail_errno(path);
    }
    if (S_ISREG(info.st_mode)) {
      return file(from, name, to, as, path);
    }
    if (S_ISDIR(info.st_mode)) {
      return directory(from, name, to, as, path, depth, info);
    }
    if (S_ISLNK(info.st_mode)) {
      return link(from, name, to, as, path, depth);
    }
    return leave(path, "not a file or directory");
  }

  Status entries(int from, int to, const std::string& path, int depth) {
    for (const std::string& name : directory_names(from)) {
      if (name == ".darn") {
        continue;
      }
      const std::string below = path.empty() ? name : path + "/" + name;
      if (name == ".git") {
        DARN_TRY(leave(below, "a repository's own data; a worktree has it"));
      } else {
        DARN_TRY(entry(from, name, to, name, below, depth));
      }
    }
    return {};
  }

 private:
  Status leave(const std::string& path, const char* why) {
    constexpr std::size_t kMostNotes = 100;
    if (job_.left_out.size() < kMostNotes) {
      job_.left_out.push_back(fmt::format("{}: {}", printable(path), why));
    }
    return {};
  }

  Status file(int from, const std::string& name, int to, const std::string& as,
              const std::string& path) {
    // O_NONBLOCK: were it swapped for a fifo, opening it would wait for ever.
    const Fd source(::openat(from, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    struct stat info {};
    if (!source || ::fstat(source.get(), &info) != 0) {
      return fail_errno("open " + path);
    }
    if (!S_ISREG(info.st_mode)) {
      return leave(path, "not a file or directory");
    }
    const mode_t mode = (info.st_mode & 0777U) | 0600U;
    const Fd copy(
        ::openat(to, as.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
    if (!copy) {
      if (errno == EEXIST) {
        return {};  // two contexts overlap
      }
      return fail_errno("make the copy of " + path);
    }
    DARN_TRY(copy_bytes(source.get(), copy.get(), path));
    const std::array<timespec, 2> times = {info.st_atim, info.st_mtim};
    ::futimens(copy.get(), times.data());  // for make and the like; without it all still works
    return {};
  }

  Status directory(int from, const std::string& name, int to, const std::string& as,
                   const std::string& path, int depth, const struct stat& info) {
    const std::pair<dev_t, ino_t> self{info.st_dev, info.st_ino};
    if (std::find(job_.skip.begin(), job_.skip.end(), self) != job_.skip.end()) {
      return {};
    }
    if (depth >= kDeepest) {
      return leave(path, "too deep");
    }
    const Fd source(::openat(from, name.c_str(), kDirectory));
    if (!source) {
      return fail_errno("open " + path);
    }
    if (::mkdirat(to, as.c_str(), (info.st_mode & 0777U) | 0700U) != 0 && errno != EEXIST) {
      return fail_errno("make the copy of " + path);
    }
    const Fd copy(::openat(to, as.c_str(), kDirectory));
    if (!copy) {
      return fail_errno("open the copy of " + path);
    }
    return entries(source.get(), copy.get(), path, depth + 1);
  }

  Status link(int from, const std::string& name, int to, const std::string& as,
              const std::string& path, int depth) {
    std::array<char, PATH_MAX> target{};
    const ssize_t size = ::readlinkat(from, name.c_str(), target.data(), target.size() - 1);
    if (size < 0) {
      return fail_errno("read the link " + path);
    }
    if (!stays_inside({target.data(), static_cast<std::size_t>(size)}, depth - 1)) {
      return leave(path, "a link that leads out of the context");
    }
    if (::symlinkat(target.data(), to, as.c_str()) != 0 && errno != EEXIST) {
      return fail_errno("copy the link " + path);
    }
    return {};
  }

  CopyJob& job_;
};

}  // namespace

std::vector<std::string> directory_names(int fd) {
  std::vector<std::string> names;
  const int copy = ::openat(fd, ".", kDirectory);  // its own position
  DIR* opened = copy < 0 ? nullptr : ::fdopendir(copy);
  if (opened == nullptr) {
    if (copy >= 0) {
      ::close(copy);
    }
    return names;
  }
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(opened, ::closedir);
  while (const dirent* entry = ::readdir(dir.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") {
      names.push_back(name);
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<Fd> open_real(const std::string& path, int flags) {
  Fd at(::open("/", kDirectory | O_PATH));
  const auto parts = split(path, '/');
  std::vector<std::string> names;
  for (const std::string_view part : parts) {
    if (part == "..") {
      return fail_errno("open " + path, EINVAL);
    }
    if (!part.empty() && part != ".") {
      names.emplace_back(part);
    }
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    const bool last = i + 1 == names.size();
    const int how = last ? flags | O_NOFOLLOW | O_CLOEXEC : kDirectory | O_PATH;
    Fd next(::openat(at.get(), names[i].c_str(), how));
    if (!next) {
      return fail_errno("open " + path);
    }
    at = std::move(next);
  }
  if (names.empty()) {
    at = Fd(::open("/", flags | O_CLOEXEC));
    if (!at) {
      return fail_errno("open /");
    }
  }
  return at;
}

Result<Fd> make_directories(int root, std::string_view path) {
  Fd at(::openat(root, ".", kDirectory));
  for (const std::string_view part : split(path, '/')) {
    if (part.empty() || part == ".") {
      continue;
    }
    const std::string name(part);
    if (name == "..") {
      return fail_errno("make " + std::string(path), EINVAL);
    }
    if (::mkdirat(at.get(), name.c_str(), 0777) != 0 && errno != EEXIST) {
      return fail_errno("make " + std::string(path));
    }
    Fd next(::openat(at.get(), name.c_str(), kDirectory));
    if (!next) {
      return fail_errno("open " + std::string(path));
    }
    at = std::move(next);
  }
  return at;
}

Status copy_entry(int from, const std::string& name, int to, const std::string& as, CopyJob& job) {
  return Copier(job).entry(from, name, to, as, name, 0);
}

Status copy_entries(int from, int to, CopyJob& job) { return Copier(job).entries(from, to, {}, 1); }

}  // namespace darn
