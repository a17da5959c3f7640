#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>
#include <variant>

#include <fmt/format.h>

#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/say.hpp"

namespace darn::cli {
namespace {

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

std::string state_dir(const GlobalOptions& options) {
  if (!options.state_dir.empty()) {
    return options.state_dir;
  }
  const char* from_environment = std::getenv("DARN_STATE");
  return from_environment != nullptr && *from_environment != '\0' ? from_environment : ".darn";
}

Result<Context> make_context(const GlobalOptions& options, const Clock& clock) {
  std::error_code error;
  const std::filesystem::path cwd = std::filesystem::current_path(error);
  if (error) {
    return fail(ErrorKind::io, "cannot tell the working directory: " + error.message());
  }
  Context context;
  context.cwd = cwd.string();
  context.paths.root = (cwd / state_dir(options)).lexically_normal().string();
  if (context.paths.root.size() > 1 && context.paths.root.ends_with('/')) {
    context.paths.root.pop_back();
  }
  context.out = detect_terminal(STDOUT_FILENO, options.color);
  context.err = detect_terminal(STDERR_FILENO, options.color);
  context.clock = &clock;
  return context;
}

Result<int> dispatch(const Context& c, const Command& command) {
  return std::visit(Overloaded{
                        [&](const HelpOptions& o) { return help(c, o); },
                        [&](const VersionOptions& o) { return version(c, o); },
                        [&](const RunOptions& o) { return run(c, o); },
                        [&](const ResumeOptions& o) { return resume(c, o); },
                        [&](const RetryOptions& o) { return retry(c, o); },
                        [&](const AddOptions& o) { return add(c, o); },
                        [&](const CancelOptions& o) { return cancel(c, o); },
                        [&](const StatusOptions& o) { return status(c, o); },
                        [&](const FollowOptions& o) { return follow(c, o); },
                        [&](const WaitOptions& o) { return wait(c, o); },
                        [&](const LogOptions& o) { return log(c, o); },
                        [&](const LineageOptions& o) { return lineage(c, o); },
                        [&](const ExplainOptions& o) { return explain(c, o); },
                        [&](const RunsOptions& o) { return runs(c, o); },
                        [&](const ExportOptions& o) { return export_run(c, o); },
                        [&](const EventsOptions& o) { return events(c, o); },
                        [&](const AgentsOptions& o) { return agents(c, o); },
                        [&](const GcOptions& o) { return gc(c, o); },
                        [&](const DoctorOptions& o) { return doctor(c, o); },
                        [&](const ExecOptions& o) { return exec_command(c, o); },
                        [&](const DevOptions& o) { return dev_command(c, o); },
                    },
                    command);
}

int report(const Error& error) {
  say("darn: {}\n", printable(error.text()));
  return error.exit_status();
}

Result<int> parse_and_dispatch(int argc, char** argv) {
  DARN_ASSIGN(const Invoked invoked, parse_command_line(argc, argv));
  const SystemClock clock;
  DARN_ASSIGN(const Context context, make_context(invoked.global, clock));
  return dispatch(context, invoked.command);
}

}  // namespace

int main_entry(int argc, char** argv) {
  // A limit on the size of files (ulimit -f) is an error like a full disk, not a reason to die.
  ::signal(SIGXFSZ, SIG_IGN);
  const Result<int> status = parse_and_dispatch(argc, argv);
  const int exit_status = status ? *status : report(status.error());
  // Data that did not arrive is a failure, also when the command itself went well.
  errno = 0;
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    // An earlier write may have failed, its errno long gone.
    const std::string why = errno != 0 ? fmt::format(": {}", std::strerror(errno)) : "";
    return report(Error{ErrorKind::io, "cannot write to standard output" + why, "", {}});
  }
  return exit_status;
}

}  // namespace darn::cli
