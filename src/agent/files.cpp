#include "agent/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

namespace darn {

namespace fs = std::filesystem;

bool is_real_directory(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

Result<Fd> open_directory(const std::string& path) {
  Fd dir(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!dir) {
    return fail_errno("open " + path);
  }
  return dir;
}

Status write_file(const std::string& path, std::string_view text) {
  // A new file each time: what is there may be a link or a fifo.
  const std::string fresh = path + ".new";
  ::unlink(fresh.c_str());
  const Fd file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
  if (!file) {
    return fail_errno("write " + path);
  }
  while (!text.empty()) {
    const ssize_t put = ::write(file.get(), text.data(), text.size());
    if (put < 0 && errno != EINTR) {
      return fail_errno("write " + path);
    }
    if (put > 0) {
      text.remove_prefix(static_cast<std::size_t>(put));
    }
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) {
    return fail_errno("write " + path);
  }
  return {};
}

Result<std::string> read_small_file(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file) {
    return fail_errno("read " + path);
  }
  std::string text(64U << 10U, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(file.get(), text.data() + size, text.size() - size);
    if (got == 0) {
      break;
    }
    if (got < 0 && errno != EINTR) {
      return fail_errno("read " + path);
    }
    if (got > 0) {
      size += static_cast<std::size_t>(got);
    }
  }
  text.resize(size);
  return text;
}

Status remove_tree(const std::string& path) {
  std::error_code wrong;
  fs::remove_all(path, wrong);
  if (wrong) {
    return fail_errno("remove " + path, wrong.value());
  }
  return {};
}

std::string parent_path(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) {
    return ".";
  }
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string base_name(const std::string& path) { return path.substr(path.find_last_of('/') + 1); }

bool lies_in(const std::string& path, const std::string& root) {
  if (root == "/" || path == root) {
    return true;
  }
  return path.size() > root.size() && path.compare(0, root.size(), root) == 0 &&
         path[root.size()] == '/';
}

}  // namespace darn
