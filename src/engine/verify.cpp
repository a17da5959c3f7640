#include "engine/verify.hpp"

#include <sys/stat.h>

#include <filesystem>
#include <system_error>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "agent/files.hpp"
#include "agent/report.hpp"
#include "base/random.hpp"

namespace darn {
namespace {

namespace fs = std::filesystem;

// Of a directory that is larger than this, so many entries are looked at.
constexpr int kMaxEntries = 10'000;

std::string stat_text(const struct ::stat& st) {
  return fmt::format("{}:{}:{}.{}:{}.{}", st.st_ino, st.st_size, st.st_mtim.tv_sec,
                     st.st_mtim.tv_nsec, st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
}

Verdict unproven(Cause cause, std::string why) {
  return Verdict{.proven = false, .cause = cause, .why = std::move(why), .score = {}};
}

std::string check_text(const Outcome& outcome) {
  switch (outcome.check_end) {
    case End::exited: return fmt::format("check failed with exit status {}", outcome.check_exit);
    case End::timed_out: return "check timed out";
    case End::not_started: return "check could not be started";
    default: return fmt::format("check ended: {}", to_string(outcome.check_end));
  }
}

// The predicate or text of failed_when that holds; empty: none. An agent's own are in its report.
std::string failure_sign(const VerifyInput& in) {
  if (in.report != nullptr && !in.report->failed_when.empty()) {
    return in.report->failed_when;
  }
  if (in.task->failed_when.empty()) {
    return {};
  }
  const nlohmann::json document = in.agent != nullptr
                                      ? result_object(*in.agent, in.output, in.errors)
                                      : result_object(AgentDef{}, in.output, in.errors);
  for (const std::string& predicate : in.task->failed_when) {
    const auto held = holds(predicate, document);
    if (held && *held) {
      return predicate;
    }
  }
  return {};
}

// With every link followed.
bool leads_out(const std::string& path, const std::string& directory) {
  std::error_code error;
  const fs::path inner = fs::canonical(path, error);
  const fs::path outer = error ? fs::path{} : fs::canonical(directory, error);
  return error || !lies_in(inner, outer);
}

}  // namespace

std::string fingerprint(const std::string& path) {
  struct ::stat st {};
  if (::stat(path.c_str(), &st) != 0) {
    return {};
  }
  std::string text = stat_text(st);
  if (!S_ISDIR(st.st_mode)) {
    return text;
  }
  // All entries count, in whatever order the file system names them.
  std::uint64_t sum = 0;
  int left = kMaxEntries;
  std::error_code error;
  for (fs::recursive_directory_iterator it(path, error), end; it != end && left-- > 0;
       it.increment(error)) {
    if (error) {
      break;
    }
    if (::lstat(it->path().c_str(), &st) == 0) {
      sum += hash64(it->path().native() + stat_text(st));
    }
  }
  return text + fmt::format("+{:x}", sum);
}

Verdict verify(const VerifyInput& in) {
  if (in.report != nullptr && in.report->limited) {
    return unproven(in.report->quota ? Cause::quota : Cause::service, "the agent hit a limit");
  }
  if (in.report != nullptr && !in.report->terminal.empty()) {
    return unproven(Cause::task_limit, "the agent stopped at its limit: " + in.report->terminal);
  }
  if (const std::string sign = failure_sign(in); !sign.empty()) {
    return unproven(Cause::unknown, "exit status 0, but failed_when holds: " + sign);
  }
  if (!in.output_path.empty()) {
    const std::string after = fingerprint(in.output_path);
    if (after.empty()) {
      return unproven(Cause::missing_output, "exit status 0, but the promised output '" +
                                                 in.task->output_file + "' is not there");
    }
    if (after == in.output_before) {
      return unproven(Cause::missing_output, "exit status 0, but the promised output '" +
                                                 in.task->output_file +
                                                 "' was not changed by this attempt");
    }
    // Else a link to anything that changes by itself would be proof of an agent's work.
    if (!in.workspace.empty() && leads_out(in.output_path, in.workspace)) {
      return unproven(Cause::missing_output, "exit status 0, but the promised output '" +
                                                 in.task->output_file +
                                                 "' leads out of the workspace");
    }
  }
  if (in.outcome->check_ran &&
      (in.outcome->check_end != End::exited || in.outcome->check_exit != 0)) {
    return unproven(Cause::check_failed, check_text(*in.outcome));
  }
  Verdict verdict;
  if (in.task->score != ScoreRule{}) {
    verdict.score = read_score(in.task->score, in.outcome->check_ran ? in.check_output : in.output);
    const auto wanted = in.task->score.pass_score;
    if (wanted && (!verdict.score || *verdict.score < *wanted)) {
      verdict.proven = false;
      verdict.cause = Cause::check_failed;
      verdict.why = verdict.score ? fmt::format("score {} is below {}", *verdict.score, *wanted)
                                  : fmt::format("no score was found; {} is needed", *wanted);
    }
  }
  return verdict;
}

}  // namespace darn
