#include "exec/exec.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>

#include <fmt/format.h>
#include <re2/re2.h>

#include "base/text.hpp"
#include "darn/clock.hpp"
#include "diagnose/diagnose.hpp"
#include "exec/foreground.hpp"
#include "exec/judge.hpp"
#include "exec/ledger.hpp"
#include "exec/talk.hpp"

namespace darn::exec {
namespace {

constexpr int kTimedOut = 124;  // as timeout(1)
constexpr int kCannotStart = 126;
constexpr int kNotFound = 127;  // as a shell
constexpr int kTryLater = 75;   // EX_TEMPFAIL
constexpr std::size_t kLongestName = 100;

Time now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

bool succeeded(const Outcome& o) { return o.end == End::exited && o.exit_code == 0; }

std::string base_name(const std::string& path) {
  const std::size_t slash = path.find_last_not_of('/');
  const std::string trimmed = slash == std::string::npos ? path : path.substr(0, slash + 1);
  return trimmed.substr(trimmed.rfind('/') + 1);
}

std::vector<std::string> shell(const std::string& text) { return {"/bin/sh", "-c", text}; }

Status check_name(const char* flag, const std::string& name) {
  if (name.size() > kLongestName || name != one_line(name)) {
    return fail(ErrorKind::usage, fmt::format("{}: {} is not a name", flag, quote(name)),
                fmt::format("at most {} bytes on one line", kLongestName));
  }
  return {};
}

// One use, from its first attempt to its record.
class Use {
 public:
  explicit Use(const Request& request)
      : request_(request),
        judge_(request),
        argv_(request.shell.empty() ? request.argv : shell(request.shell)),
        program_(base_name(argv_.front())) {
    report_.name = request.name.empty() ? shorten(one_line(program_), kLongestName) : request.name;
    report_.began = now();
    if (request.deadline) {
      deadline_ = began_ + *request.deadline;
    }
    lease_ = std::max<Duration>(std::chrono::seconds{60},
                                request.timeout.value_or(Duration{0}) + request.grace);
  }

  Report run() {
    Foreground foreground(request_.capture, !request_.retry_on.patterns.empty(),
                          judge_.may_retry() || !request_.fallback.empty());
    attempt_until_done(foreground);
    if (report_.ending == Ending::failed || report_.ending == Ending::rejected) {
      fall_back(foreground);
    }
    report_.took = since_began();
    close();
    return std::move(report_);
  }

 private:
  Duration since_began() const {
    return std::chrono::duration_cast<Duration>(Steady::now() - began_);
  }
  std::optional<Duration> left() const {
    if (!deadline_) {
      return std::nullopt;
    }
    return std::max(std::chrono::duration_cast<Duration>(*deadline_ - Steady::now()), Duration{0});
  }

  void say(const std::string& line) const {
    if (!request_.quiet && !line.empty()) {
      // In one write, so that lines of processes beside each other stay whole.
      const std::string text = "darn: " + printable(line) + "\n";
      std::fwrite(text.data(), 1, text.size(), stderr);
      std::fflush(stderr);
    }
  }

  // The shared file, opened when it is first needed. Without it the command runs all the same.
  Ledger* ledger() {
    if (!asked_for_ledger_) {
      asked_for_ledger_ = true;
      auto opened = Ledger::open(request_.ledger.empty() ? default_ledger() : request_.ledger);
      if (opened) {
        ledger_.emplace(std::move(*opened));
      } else {
        warn(opened.error());
      }
    }
    return ledger_ ? &*ledger_ : nullptr;
  }
  void warn(const Error& error) {
    if (!std::exchange(warned_, true)) {
      say("warning: going on without the record of uses: " + error.message);
    }
  }
  // What failed for the second time is not asked again.
  template <class T>
  bool works(const Result<T>& result) {
    if (!result) {
      warn(result.error());
      ledger_.reset();
    }
    return result.has_value();
  }

  // False: it is open.
  bool enter_breaker() {
    permit_.reset();
    if (request_.breaker.empty() || ledger() == nullptr) {
      return true;
    }
    const auto permit = ledger_->enter(request_.breaker, request_.breaker_open, lease_, now());
    if (!works(permit)) {
      return true;
    }
    permit_ = *permit;
    if (!permit->admitted) {
      report_.breaker_until = now() + std::chrono::ceil<Duration>(permit->wait);
    }
    return permit->admitted;
  }

  void leave_breaker(const Attempt& attempt, bool interrupted) {
    open_until_.reset();
    if (!permit_ || !ledger_) {
      return;
    }
    using How = breaker_core::result;
    const Category category = attempt.diagnosis.category;
    // What fails the same way anywhere says nothing of the other side.
    const bool silent =
        interrupted || attempt.outcome.end == End::not_started || category == Category::permanent;
    const How how = category == Category::none ? How::success
                    : silent                   ? How::cancelled
                                               : How::failure;
    const auto open =
        ledger_->leave(request_.breaker, *permit_, how, request_.breaker_open, lease_, now());
    if (works(open)) {
      open_until_ = *open;
    }
  }

  bool budget_allows() {
    if (request_.budget.empty() || ledger() == nullptr) {
      return true;
    }
    const auto taken = ledger_->take_retry(request_.budget, now());
    return !works(taken) || *taken;
  }

  void attempt_once(Foreground& foreground, Duration waited) {
    Attempt attempt{.waited = waited};
    attempt.outcome =
        foreground.run(argv_, request_.cwd, {request_.timeout, deadline_, request_.grace});
    report_.output = foreground.outputs().output();
    report_.errors = foreground.outputs().errors();
    if (!succeeded(attempt.outcome)) {
      attempt.diagnosis = diagnose({.outcome = &attempt.outcome,
                                    .output = report_.output,
                                    .errors = report_.errors,
                                    .now = attempt.outcome.ended});
      if (attempt.diagnosis.category == Category::none) {
        attempt.diagnosis.category = Category::unknown;
      }
    }
    leave_breaker(attempt, foreground.interrupted() != 0);
    report_.attempts.push_back(std::move(attempt));
    if (report_.attempts.size() == 1) {
      first_ended_ = Steady::now();
    }
  }

  void attempt_until_done(Foreground& foreground) {
    if (!enter_breaker()) {
      report_.ending = Ending::rejected;
      report_.status = kTryLater;
      report_.why = rejection(request_.breaker, *report_.breaker_until, now());
      return;
    }
    for (Duration waited{};;) {
      attempt_once(foreground, waited);
      if (succeeded(report_.attempts.back().outcome)) {
        report_.ending = report_.retries() > 0 ? Ending::healed : Ending::succeeded;
        return;
      }
      set_status(report_.attempts.back().outcome);
      const std::optional<Duration> delay = next_delay(foreground);
      if (!delay) {
        return;
      }
      waited = *delay;
      if (!foreground.sleep(waited)) {
        report_.ending = Ending::interrupted;
        report_.why = "interrupted while waiting";
        report_.signal = foreground.interrupted();
        report_.status = 128 + report_.signal;
        return;
      }
      if (!enter_breaker()) {
        report_.why = fmt::format("breaker '{}' has opened", request_.breaker);
        return;
      }
    }
  }

  // None: not again, and why is said in the report.
  std::optional<Duration> next_delay(const Foreground& foreground) {
    report_.ending = Ending::failed;
    if (foreground.interrupted() != 0) {
      report_.ending = Ending::interrupted;
      report_.why = "interrupted";
      return std::nullopt;
    }
    const Attempt& last = report_.attempts.back();
    Failure failure{.end = last.outcome.end,
                    .exit_code = last.outcome.exit_code,
                    .category = last.diagnosis.category,
                    .ask_again_after = last.diagnosis.retry_after,
                    .text = report_.output + report_.errors};
    if (last.diagnosis.resets_at) {
      const Duration until = std::max(*last.diagnosis.resets_at - now(), Duration{0});
      failure.ask_again_after = std::max(failure.ask_again_after.value_or(Duration{0}), until);
    }
    const Next next = judge_.next(failure, real_random().next(), left());
    report_.why = next.why;
    if (next.again && !foreground.input().is_repeatable()) {
      report_.why = "its standard input cannot be read a second time";
    } else if (next.again && open_until_ && now() + next.delay < *open_until_) {
      report_.why = fmt::format("breaker '{}' has opened", request_.breaker);
    } else if (next.again && !budget_allows()) {
      report_.why = fmt::format("the budget '{}' is used up", request_.budget);
    } else if (next.again) {
      say(retry_line(report_, argv_.front(), next));
      return next.delay;
    }
    return std::nullopt;
  }

  void set_status(const Outcome& o) {
    report_.signal = 0;
    switch (o.end) {
      case End::exited: report_.status = o.exit_code; break;
      case End::signalled:
        report_.signal = o.signal;
        report_.status = 128 + o.signal;
        break;
      case End::not_started:
        report_.status = o.start_errno == ENOENT ? kNotFound : kCannotStart;
        break;
      default: report_.status = kTimedOut; break;
    }
  }

  void fall_back(Foreground& foreground) {
    if (request_.fallback.empty()) {
      return;
    }
    report_.fallback = foreground.run(shell(request_.fallback), request_.cwd, {});
    if (succeeded(*report_.fallback)) {
      report_.ending = Ending::fell_back;
      report_.signal = 0;
      report_.status = 0;
    } else {
      set_status(*report_.fallback);
      report_.ending = foreground.interrupted() != 0 ? Ending::interrupted : Ending::failed;
    }
  }

  void close() {
    if (report_.healed() || report_.ending == Ending::succeeded) {
      report_.status = 0;
      report_.signal = 0;
      report_.why.clear();
      if (!request_.budget.empty() && ledger() != nullptr) {
        works(ledger_->give_success(request_.budget, now()));
      }
    }
    if (report_.healed()) {
      report_.saved = std::chrono::duration_cast<Duration>(Steady::now() - first_ended_);
    }
    // Where nothing could have been done, there is nothing to tell.
    const bool cannot_start =
        !report_.attempts.empty() && report_.attempts.back().outcome.end == End::not_started;
    if (report_.ending != Ending::failed || judge_.may_retry() || report_.fallback ||
        cannot_start) {
      say(end_line(report_, argv_.front()));
    }
    if (request_.record && ledger() != nullptr) {
      works(ledger_->record(report_, program_, now()));
    }
  }

  const Request& request_;
  Judge judge_;
  std::vector<std::string> argv_;
  std::string program_;
  Steady::time_point began_ = Steady::now();
  Steady::time_point first_ended_{};
  std::optional<Steady::time_point> deadline_;
  Duration lease_{};
  Report report_;
  std::optional<Ledger> ledger_;
  bool asked_for_ledger_ = false;
  bool warned_ = false;
  std::optional<breaker_core::permit> permit_;
  std::optional<Time> open_until_;
};

}  // namespace

std::string_view to_string(Ending ending) {
  constexpr std::array<std::string_view, 6> kNames{"succeeded", "healed",   "fell_back",
                                                   "failed",    "rejected", "interrupted"};
  return kNames[static_cast<std::size_t>(ending)];
}

Category Report::category() const {
  for (auto it = attempts.rbegin(); it != attempts.rend(); ++it) {
    if (it->diagnosis.category != Category::none) {
      return it->diagnosis.category;
    }
  }
  return Category::none;
}

Status check(const Request& request) {
  if (request.argv.empty() == request.shell.empty()) {
    return fail(ErrorKind::usage, "no command is given", "darn exec -- CMD …");
  }
  if (!request.argv.empty() && request.argv.front().empty()) {
    return fail(ErrorKind::usage, "the command's name is empty");
  }
  for (const std::string& pattern : request.retry_on.patterns) {
    const re2::RE2 compiled(pattern, re2::RE2::Quiet);
    if (!compiled.ok()) {
      return fail(ErrorKind::usage,
                  "--retry-on: /" + pattern + "/ is not a regular expression: " + compiled.error());
    }
  }
  if (!request.retry_on.patterns.empty() && request.capture == Capture::never) {
    return fail(ErrorKind::usage,
                "--retry-on /regex/ needs the output, which --capture never keeps "
                "from being read");
  }
  struct stat info {};
  if (!request.cwd.empty() && (::stat(request.cwd.c_str(), &info) != 0 || !S_ISDIR(info.st_mode))) {
    return fail(ErrorKind::usage, "there is no directory " + quote(request.cwd));
  }
  DARN_TRY(check_name("--name", request.name));
  DARN_TRY(check_name("--breaker", request.breaker));
  return check_name("--budget", request.budget);
}

Report execute(const Request& request) { return Use(request).run(); }

int end_like(const Report& report) {
  if (report.signal != 0) {
    die_of(report.signal);
  }
  return report.status;
}

}  // namespace darn::exec
