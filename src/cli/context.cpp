#include "cli/context.hpp"

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "base/retried.hpp"
#include "engine/lock.hpp"

namespace darn::cli {

namespace {

bool is_young(const std::string& path) {
  std::error_code error;
  const auto written = std::filesystem::last_write_time(path, error);
  return !error &&
         std::filesystem::file_time_type::clock::now() - written < std::chrono::seconds{2};
}

}  // namespace

Result<std::unique_ptr<Store>> open_existing_store(const Context& context, bool read_only) {
  std::error_code error;
  if (!std::filesystem::exists(context.paths.database(), error)) {
    return fail(ErrorKind::usage, "no runs in " + context.paths.root,
                "start one with 'darn run FILE', or name its state directory with --state");
  }
  // Another darn may be just making it: then it is empty or half set up for a moment.
  using namespace std::chrono_literals;
  const std::string path = context.paths.database();
  return retried({.max_attempts = 21,
                  .backoff = backoff::exponential(10ms, 200ms),
                  .should_retry = [&](const auto&) { return is_young(path); }},
                 [&] { return open_sqlite_store(path, {.read_only = read_only}); });
}

RunState shown_state(const StatePaths& paths, const RunRecord& run) {
  const bool live = run.state == RunState::planning || run.state == RunState::running;
  if (!live) {
    return run.state;
  }
  return run_is_locked(paths.lock(run.id)) ? RunState::running : RunState::interrupted;
}

Result<Opened> open_run(const Context& context, const std::string& ref, bool read_only) {
  Opened opened;
  DARN_ASSIGN(opened.store, open_existing_store(context, read_only));
  DARN_ASSIGN(opened.run, opened.store->find_run(ref));
  const RunState stored = opened.run.state;
  opened.run.state = shown_state(context.paths, opened.run);
  if (opened.run.state == RunState::interrupted && stored != RunState::interrupted) {
    // The engine may have ended between the two looks: what it then wrote is the truth.
    DARN_ASSIGN(opened.run, opened.store->run(opened.run.key));
    opened.run.state = shown_state(context.paths, opened.run);
  }
  return opened;
}

int exit_status(const RunRecord& run) {
  const bool healed_counts = run.settings.fail_on_healed && run.counts.healed > 0;
  return run.state == RunState::succeeded && !healed_counts ? 0 : 1;
}

void print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

Status write_file(const std::string& path, std::string_view content) {
  if (path.empty() || path == "-") {
    print(content);
    return {};
  }
  const std::string beside = path + ".part-" + std::to_string(::getpid());
  std::ofstream file(beside, std::ios::binary | std::ios::trunc);
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
  file.close();
  if (!file) {
    const auto failed = fail_errno("cannot write " + path);
    ::unlink(beside.c_str());
    return failed;
  }
  if (::rename(beside.c_str(), path.c_str()) != 0) {
    const auto failed = fail_errno("cannot write " + path);
    ::unlink(beside.c_str());
    return failed;
  }
  return {};
}

}  // namespace darn::cli
