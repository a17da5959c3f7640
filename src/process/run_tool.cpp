#include "process/run_tool.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "process/fd.hpp"

namespace darn {
namespace {

constexpr std::size_t kMostKept = 16UL << 20U;
constexpr Duration kGrace = std::chrono::seconds{1};

using Steady = std::chrono::steady_clock;

// darn's own environment with `edits` on top, as execve wants it.
class Environment {
 public:
  explicit Environment(const std::vector<std::pair<std::string, std::string>>& edits) {
    for (const auto& [name, value] : edits) {
      strings_.push_back(name + '=' + value);
    }
    for (char** entry = environ; *entry != nullptr; ++entry) {
      if (!is_replaced(*entry)) {
        pointers_.push_back(*entry);
      }
    }
    for (std::string& text : strings_) {
      pointers_.push_back(text.data());
    }
    pointers_.push_back(nullptr);
  }
  char** data() { return pointers_.data(); }

 private:
  bool is_replaced(const char* entry) const {
    for (const std::string& text : strings_) {
      if (std::strncmp(entry, text.c_str(), text.find('=') + 1) == 0) {
        return true;
      }
    }
    return false;
  }

  std::vector<std::string> strings_;
  std::vector<char*> pointers_;
};

// A file and not a pipe: nothing to feed, and no SIGPIPE when the program does not read it.
Result<Fd> input_file(std::string_view input) {
  if (input.empty()) {
    Fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    return null ? Result<Fd>(std::move(null)) : fail_errno("open /dev/null");
  }
  Fd file(::memfd_create("darn-input", MFD_CLOEXEC));
  if (!file) {
    return fail_errno("memfd_create");
  }
  while (!input.empty()) {
    const ssize_t n = ::write(file.get(), input.data(), input.size());
    if (n < 0) {
      return fail_errno("write input");
    }
    input.remove_prefix(static_cast<std::size_t>(n));
  }
  ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

struct Attributes {
  posix_spawnattr_t attr{};
  posix_spawn_file_actions_t actions{};
  Attributes() {
    ::posix_spawnattr_init(&attr);
    ::posix_spawn_file_actions_init(&actions);
  }
  ~Attributes() {
    ::posix_spawnattr_destroy(&attr);
    ::posix_spawn_file_actions_destroy(&actions);
  }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
};

Result<pid_t> spawn(const std::vector<std::string>& argv, const ToolOptions& options, int in,
                    int out, int err) {
  Attributes a;
  sigset_t none;
  sigset_t all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(&a.attr, &none);
  ::posix_spawnattr_setsigdefault(&a.attr, &all);
  ::posix_spawnattr_setpgroup(&a.attr, 0);
  ::posix_spawnattr_setflags(
      &a.attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  ::posix_spawn_file_actions_adddup2(&a.actions, in, 0);
  ::posix_spawn_file_actions_adddup2(&a.actions, out, 1);
  ::posix_spawn_file_actions_adddup2(&a.actions, err, 2);
  if (!options.cwd.empty()) {
    ::posix_spawn_file_actions_addchdir_np(&a.actions, options.cwd.c_str());
  }
  std::vector<char*> args;
  args.reserve(argv.size() + 1);
  for (const std::string& word : argv) {
    args.push_back(const_cast<char*>(word.c_str()));  // posix_spawn does not change them
  }
  args.push_back(nullptr);
  Environment env(options.env);
  pid_t pid = -1;
  const int error = ::posix_spawnp(&pid, args[0], &a.actions, &a.attr, args.data(), env.data());
  if (error == 0) {
    return pid;
  }
  struct stat info {};
  if (!options.cwd.empty() && ::stat(options.cwd.c_str(), &info) != 0) {
    return fail(ErrorKind::unavailable,
                "cannot change to " + options.cwd + ": " + std::strerror(errno));
  }
  return fail(ErrorKind::unavailable, "cannot start " + argv[0] + ": " + std::strerror(error));
}

// Reads what is there; closes at the end. What is beyond kMostKept is read and dropped.
void read_some(Fd& pipe, std::string& into) {
  std::array<char, 65536> buffer;
  const ssize_t n = ::read(pipe.get(), buffer.data(), buffer.size());
  if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
    pipe.reset();
  } else if (n > 0) {
    const std::size_t room = kMostKept - std::min(kMostKept, into.size());
    into.append(buffer.data(), std::min(room, static_cast<std::size_t>(n)));
  }
}

// What was written before the end: bounded by the pipe, so that a grandchild which goes on writing
// cannot keep us.
void drain(Fd& pipe, std::string& into) {
  for (std::size_t left = 1UL << 20U; pipe && left >= 65536; left -= 65536) {
    const std::size_t before = into.size();
    read_some(pipe, into);
    if (into.size() == before) {
      return;
    }
  }
}

struct Running {
  pid_t pid;
  Fd exit;  // pidfd
  Fd out;
  Fd err;
};

// TERM at the timeout, KILL a moment later; returns when the program itself has ended.
void supervise(Running& tool, Duration timeout, ToolResult& result) {
  auto next = Steady::now() + timeout;
  int signal = SIGTERM;
  for (;;) {
    const auto left = std::chrono::ceil<Duration>(next - Steady::now());
    if (left <= Duration::zero()) {
      result.timed_out = true;
      ::kill(-tool.pid, signal);
      signal = SIGKILL;
      next = Steady::now() + kGrace;
      continue;
    }
    std::array<pollfd, 3> fds{
        {{tool.exit.get(), POLLIN, 0}, {tool.out.get(), POLLIN, 0}, {tool.err.get(), POLLIN, 0}}};
    ::poll(fds.data(), fds.size(), static_cast<int>(std::min<Duration::rep>(left.count(), 60'000)));
    if (fds[1].revents != 0) {
      read_some(tool.out, result.out);
    }
    if (fds[2].revents != 0) {
      read_some(tool.err, result.err);
    }
    if (fds[0].revents != 0) {
      return;
    }
  }
}

}  // namespace

Result<ToolResult> run_tool(const std::vector<std::string>& argv, const ToolOptions& options) {
  if (argv.empty()) {
    return fail(ErrorKind::internal, "run_tool without a program");
  }
  DARN_ASSIGN(Fd in, input_file(options.input));
  DARN_ASSIGN(Pipe out, make_pipe());
  DARN_ASSIGN(Pipe err, make_pipe());
  DARN_ASSIGN(const pid_t pid, spawn(argv, options, in.get(), out.write.get(), err.write.get()));
  out.write.reset();
  err.write.reset();
  Running tool{pid, pidfd_open(pid), std::move(out.read), std::move(err.read)};
  ToolResult result;
  supervise(tool, options.timeout, result);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  drain(tool.out, result.out);
  drain(tool.err, result.err);
  if (result.timed_out) {
    ::kill(-pid, SIGKILL);  // what it may have left behind
  }
  result.exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return result;
}

}  // namespace darn
