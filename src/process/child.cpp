#include "process/child.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace darn {
namespace {

constexpr const char* kDefaultPath = "/usr/local/bin:/usr/bin:/bin";

const char* path_of(char* const* env) {
  for (; *env != nullptr; ++env) {
    if (std::strncmp(*env, "PATH=", 5) == 0) {
      return *env + 5;
    }
  }
  return kDefaultPath;
}

// --- from here to the next line of dashes: between vfork and exec. System calls only.

[[noreturn]] void give_up(const Launch& launch, StartFailure::Step step) {
  launch.failure->error = errno;
  launch.failure->step = step;
  ::_exit(127);
}

// A script without "#!" is run by sh, as execvp does it.
void execute(const char* path, const Launch& launch) {
  ::execve(path, launch.words + 1, launch.env);
  if (errno == ENOEXEC) {
    launch.words[0] = const_cast<char*>("/bin/sh");
    launch.words[1] = const_cast<char*>(path);
    ::execve("/bin/sh", launch.words, launch.env);
  }
}

// Along the job's own PATH, relative entries from the job's own directory.
void search_and_execute(const char* name, const Launch& launch) {
  std::array<char, 4096> path;
  const std::size_t length = std::strlen(name);
  bool denied = false;
  for (const char* at = path_of(launch.env);; ++at) {
    const char* end = std::strchr(at, ':');
    const std::size_t size = end != nullptr ? static_cast<std::size_t>(end - at) : std::strlen(at);
    if (size + length + 2 <= path.size()) {
      std::memcpy(path.data(), at, size);
      path[size] = '/';
      std::memcpy(path.data() + size + (size > 0 ? 1 : 0), name, length + 1);
      execute(path.data(), launch);
      denied = denied || errno == EACCES;
      if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) {
        return;
      }
    }
    if (end == nullptr) {
      break;
    }
    at = end;
  }
  errno = denied ? EACCES : ENOENT;
}

[[noreturn]] void become(const Launch& launch, pid_t shim) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != shim) {
    ::_exit(127);
  }
  if (*launch.stdin_file != '\0') {
    const int fd = ::open(launch.stdin_file, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || ::dup2(fd, 0) < 0) {
      give_up(launch, StartFailure::standard_input);
    }
  }
  ::dup2(launch.out, 1);
  ::dup2(launch.err, 2);
  if (*launch.cwd != '\0' && ::chdir(launch.cwd) != 0) {
    give_up(launch, StartFailure::directory);
  }
  // The shim ignores nothing and has no handler that exec would not reset: a mask is all there is.
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const char* name = launch.words[1];
  if (*name == '\0') {
    errno = ENOENT;
  } else if (std::strchr(name, '/') != nullptr) {
    execute(name, launch);
  } else {
    search_and_execute(name, launch);
  }
  give_up(launch, StartFailure::exec);
}

// ---------------------------------------------------------------------------------------------

}  // namespace

pid_t start_child(const Launch& launch) {
  const pid_t shim = ::getpid();
  const pid_t pid = ::vfork();  // NOLINT: the child does what the comment above says
  if (pid == 0) {
    become(launch, shim);
  }
  if (pid < 0) {
    *launch.failure = {StartFailure::fork, errno};
  }
  return pid;
}

std::string describe(const StartFailure& failure, const Launch& launch) {
  std::string what;
  switch (failure.step) {
    case StartFailure::standard_input:
      what = std::string("read standard input from ") + launch.stdin_file;
      break;
    case StartFailure::directory: what = std::string("change to directory ") + launch.cwd; break;
    default: what = std::string("start ") + launch.words[1]; break;
  }
  return "darn: cannot " + what + ": " + std::strerror(failure.error) + '\n';
}

bool JobEnvironment::is_changed(const char* entry) const {
  return std::any_of(names_.begin(), names_.end(), [&](const std::string& name) {
    return std::strncmp(entry, name.c_str(), name.size()) == 0;
  });
}

// "NAME=SOURCE": taken here, so that a secret is in no message and no file.
void JobEnvironment::add_copy(const char* change) {
  const char* equals = std::strchr(change, '=');
  const char* value = equals != nullptr ? std::getenv(equals + 1) : nullptr;
  if (value != nullptr) {
    made_.push_back(std::string(change, equals + 1) + value);
  }
}

// The last change of a name counts; none touches the marks.
bool JobEnvironment::is_superseded(std::size_t change) const {
  const std::size_t self = change + kMarks;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if ((i < kMarks || i > self) && names_[i] == names_[self]) {
      return true;
    }
  }
  return false;
}

void JobEnvironment::build(const Message& job, const std::string& shim_mark) {
  names_.assign({"DARN_ATTEMPT=", "DARN_SHIM="});
  made_.assign({"DARN_ATTEMPT=" + std::string(job.name), shim_mark});
  pointers_.clear();
  for (const char* change : job.env) {
    const char* name = change + 1;
    names_.push_back(std::string(name, std::strcspn(name, "=")) + '=');
  }
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!is_changed(*entry)) {
      pointers_.push_back(*entry);
    }
  }
  for (std::size_t i = 0; i < job.env.size(); ++i) {
    char* change = job.env[i];
    if (is_superseded(i)) {
      continue;
    }
    if (*change == '=') {
      pointers_.push_back(change + 1);
    } else if (*change == '<') {
      add_copy(change + 1);
    }
  }
  for (std::string& text : made_) {
    pointers_.push_back(text.data());
  }
  pointers_.push_back(nullptr);
}

}  // namespace darn
