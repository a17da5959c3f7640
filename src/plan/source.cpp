// A task file's bytes: read whole, judged before anything is parsed.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/text.hpp"
#include "plan/reader.hpp"

namespace darn {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  ~File() {
    if (fd_ > STDIN_FILENO) {
      ::close(fd_);
    }
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

Result<std::string> read_all(int fd, const std::string& path) {
  std::string text;
  struct stat info {};
  if (::fstat(fd, &info) == 0 && S_ISREG(info.st_mode)) {
    text.reserve(static_cast<std::size_t>(info.st_size) + 1);
  }
  std::array<char, 1U << 16U> buffer;
  for (;;) {
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n == 0) {
      return text;
    }
    if (n > 0) {
      text.append(buffer.data(), static_cast<std::size_t>(n));
    } else if (errno != EINTR) {
      return fail_errno("cannot read " + path);
    }
  }
}

Location place_of(std::string_view text, std::size_t at, const std::string& file) {
  const std::string_view before = text.substr(0, at);
  const std::size_t newline = before.rfind('\n');
  std::string_view line = before.substr(newline == std::string_view::npos ? 0 : newline + 1);
  if (newline == std::string_view::npos && line.starts_with(kByteOrderMark)) {
    line.remove_prefix(kByteOrderMark.size());
  }
  return {file, static_cast<std::uint32_t>(std::count(before.begin(), before.end(), '\n')) + 1,
          static_cast<std::uint32_t>(characters(line)) + 1};
}

Status check_bytes(std::string_view text, const std::string& file) {
  if (text.empty() || text == kByteOrderMark) {
    return fail(ErrorKind::bad_input, "the file is empty",
                "give it a header such as id,command and a row for each task", {file, 1, 1});
  }
  const std::size_t broken = utf8_prefix(text);
  const std::size_t nul = std::min(text.find('\0'), text.size());
  if (nul < broken) {
    return fail(ErrorKind::bad_input, "a NUL byte", "remove it: a task file is text",
                place_of(text, nul, file));
  }
  if (broken < text.size()) {
    const bool utf16 = text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF");
    return fail(ErrorKind::bad_input,
                utf16 ? "the file is UTF-16, not UTF-8" : "a byte that is not UTF-8",
                "save the file as UTF-8", place_of(text, broken, file));
  }
  return {};
}

// The first line that is neither blank nor a comment decides: `word:` and the marks of YAML and
// JSON begin no CSV header.
TaskSource::Format guess_format(std::string_view text) {
  if (text.starts_with(kByteOrderMark)) {
    text.remove_prefix(kByteOrderMark.size());
  }
  for (const std::string_view row : split(text, '\n')) {
    const std::string_view line = trim(row);
    if (line.empty()) {
      continue;
    }
    const bool mark =
        line.find_first_of("#{[%") == 0 || line.starts_with("---") || line.starts_with("- ");
    const std::size_t colon = line.find(':');
    const bool key = colon != std::string_view::npos && colon < line.find(',') &&
                     (colon + 1 == line.size() || line[colon + 1] == ' ');
    return mark || key ? TaskSource::Format::yaml : TaskSource::Format::csv;
  }
  return TaskSource::Format::csv;
}

TaskSource::Format format_of(const std::string& path, std::string_view text) {
  const std::string name = lower(path);
  if (name.ends_with(".csv")) {
    return TaskSource::Format::csv;
  }
  if (name.ends_with(".yaml") || name.ends_with(".yml")) {
    return TaskSource::Format::yaml;
  }
  return guess_format(text);
}

}  // namespace

Result<TaskSource> load_source(const std::string& path) {
  const File file(path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd() < 0) {
    return fail_errno("cannot open " + path);
  }
  struct stat info {};
  if (::fstat(file.fd(), &info) == 0 && S_ISDIR(info.st_mode)) {
    return fail(ErrorKind::bad_input, "is a directory", "name a CSV or YAML file", {path, 0, 0});
  }
  TaskSource source;
  source.path = path;
  DARN_ASSIGN(source.text, read_all(file.fd(), path));
  DARN_TRY(check_bytes(source.text, path));
  source.format = format_of(path, source.text);
  return source;
}

}  // namespace darn
