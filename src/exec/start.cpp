#include "exec/start.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace darn::exec {
namespace {

// Between vfork and exec: system calls only, and no number is closed before it has been copied.
[[noreturn]] void become(const Start& what, char* const* words, const Signals& signals,
                         pid_t parent, volatile Started* failure) {
  // As with kill -9 of the command itself, were darn not there.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) {
    ::_exit(127);
  }
  const std::array wanted{what.in, what.out, what.err};
  for (int fd = 0; fd < 3; ++fd) {
    if (wanted[static_cast<std::size_t>(fd)] != fd) {
      ::dup2(wanted[static_cast<std::size_t>(fd)], fd);
    }
  }
  if (!what.cwd.empty() && ::chdir(what.cwd.c_str()) != 0) {
    failure->error = errno;
    failure->of_directory = true;
    ::_exit(127);
  }
  signals.restore_for_child();
  ::execvp(words[0], words);
  failure->error = errno;
  ::_exit(127);
}

}  // namespace

Started start(const Start& what, const Signals& signals) {
  std::vector<char*> words;
  words.reserve(what.argv.size() + 1);
  for (const std::string& word : what.argv) {
    words.push_back(const_cast<char*>(word.c_str()));  // execvp does not change them
  }
  words.push_back(nullptr);
  volatile Started failure;
  const pid_t parent = ::getpid();
  const pid_t pid = ::vfork();  // NOLINT: the child does what become() says
  if (pid == 0) {
    become(what, words.data(), signals, parent, &failure);
  }
  if (pid < 0) {
    return {.error = errno};
  }
  if (failure.error != 0) {
    ::waitpid(pid, nullptr, 0);
    return {.error = failure.error, .of_directory = failure.of_directory};
  }
  return {.pid = pid};
}

}  // namespace darn::exec
