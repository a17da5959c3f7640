#include "exec/spawn.hpp"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <initializer_list>

namespace darn::exec {
namespace {

bool is_ignored(int signal) {
  struct sigaction action {};
  return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

// Before main: after it, nobody knows any more.
const bool kFileSizeIgnored = is_ignored(SIGXFSZ);

// In a page that both see, however vfork is done (some systems and checkers copy, as fork does).
struct Shared {
  volatile int error;
  volatile bool directory;
};
class SharedPage {
 public:
  SharedPage()
      : page_(::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                     -1, 0)) {}
  ~SharedPage() {
    if (page_ != MAP_FAILED) {
      ::munmap(page_, sizeof(Shared));
    }
  }
  SharedPage(const SharedPage&) = delete;
  SharedPage& operator=(const SharedPage&) = delete;
  Shared* get() { return page_ != MAP_FAILED ? static_cast<Shared*>(page_) : nullptr; }

 private:
  void* page_;
};

// Between vfork and exec: system calls only.
[[noreturn]] void become(const Launch& launch, char* const* words, const SignalState& signals,
                         pid_t darn, Shared& shared) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != darn) {
    ::_exit(127);
  }
  // Ours are close-on-exec; a copy is not, and one onto itself stays as the user gave it.
  if ((launch.in != 0 && ::dup2(launch.in, 0) < 0) ||
      (launch.out != 1 && ::dup2(launch.out, 1) < 0) ||
      (launch.err != 2 && ::dup2(launch.err, 2) < 0)) {
    shared.error = errno;
    ::_exit(127);
  }
  if (!launch.cwd.empty() && ::chdir(launch.cwd.c_str()) != 0) {
    shared.error = errno;
    shared.directory = true;
    ::_exit(127);
  }
  if (!signals.pipe_ignored) {
    ::signal(SIGPIPE, SIG_DFL);
  }
  if (!signals.file_size_ignored) {
    ::signal(SIGXFSZ, SIG_DFL);
  }
  ::sigprocmask(SIG_SETMASK, &signals.mask, nullptr);
  ::execvp(words[0], words);  // allocates nothing; runs a script without "#!" by sh
  shared.error = errno;
  ::_exit(127);
}

}  // namespace

SignalState signal_state() {
  SignalState state{};
  ::sigprocmask(SIG_SETMASK, nullptr, &state.mask);
  state.pipe_ignored = is_ignored(SIGPIPE);
  state.file_size_ignored = kFileSizeIgnored;
  return state;
}

Started start(const Launch& launch, const SignalState& signals) {
  std::vector<char*> words;
  words.reserve(launch.argv.size() + 1);
  for (const std::string& word : launch.argv) {
    words.push_back(const_cast<char*>(word.c_str()));  // exec does not change them
  }
  words.push_back(nullptr);
  SharedPage page;
  if (page.get() == nullptr) {
    return {.error = errno};
  }
  Shared& shared = *page.get();
  const pid_t darn = ::getpid();
  const pid_t pid = ::vfork();  // NOLINT: the child does what the comment above says
  if (pid == 0) {
    become(launch, words.data(), signals, darn, shared);
  }
  if (pid < 0) {
    return {.error = errno};
  }
  if (shared.error != 0) {
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    return {.error = shared.error, .directory = shared.directory};
  }
  return {.pid = pid};
}

}  // namespace darn::exec
