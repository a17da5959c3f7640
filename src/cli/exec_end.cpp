#include "cli/exec_end.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>

#include "base/text.hpp"
#include "cli/say.hpp"

namespace darn::cli {
namespace {

nlohmann::json attempt_json(const exec::Attempt& a) {
  nlohmann::json j = {{"end", to_string(a.end)},
                      {"category", to_string(a.category)},
                      {"duration_ms", a.wall.count()},
                      {"waited_ms", a.waited.count()},
                      {"fallback", a.fallback}};
  j["exit"] = a.signal == 0 && a.exit_code >= 0 ? nlohmann::json(a.exit_code) : nlohmann::json();
  j["signal"] = a.signal != 0 ? nlohmann::json(a.signal) : nlohmann::json();
  if (!a.why.empty()) {
    j["why"] = to_utf8(a.why);
  }
  return j;
}

}  // namespace

nlohmann::json report_json(const exec::Report& r, int status) {
  nlohmann::json history = nlohmann::json::array();
  for (const exec::Attempt& a : r.history) {
    history.push_back(attempt_json(a));
  }
  return {{"name", r.name},
          {"outcome", to_string(r.ending)},
          {"status", status},
          {"signal", r.signal != 0 ? nlohmann::json(r.signal) : nlohmann::json()},
          {"attempts", r.attempts},
          {"healed", r.healed},
          {"category", to_string(r.category)},
          {"duration_ms", r.duration.count()},
          {"waited_ms", r.waited.count()},
          {"fallback", r.used_fallback},
          {"rejected", r.rejected},
          {"history", history}};
}

bool write_all(const Fd& file, const std::string& text) {
  return ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

void add_to_step_summary(const std::string& text) {
  const char* path = std::getenv("GITHUB_STEP_SUMMARY");
  if (path == nullptr || *path == '\0') {
    return;
  }
  const Fd file(::open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!file || !write_all(file, text)) {
    say("darn: cannot write the step summary {}\n", printable(path));
  }
}

void end_by(int signal) {
  std::fflush(nullptr);
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);  // the core worth having is the command's
  ::signal(signal, SIG_DFL);
  sigset_t one;
  ::sigemptyset(&one);
  ::sigaddset(&one, signal);
  ::sigprocmask(SIG_UNBLOCK, &one, nullptr);
  ::kill(::getpid(), signal);
}

}  // namespace darn::cli
