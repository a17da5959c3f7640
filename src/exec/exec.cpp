#include "exec/exec.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include <fmt/format.h>

#include "base/text.hpp"
#include "darn/clock.hpp"
#include "exec/judge.hpp"
#include "exec/session.hpp"
#include "exec/talk.hpp"
#include "exec/use_ledger.hpp"
#include "process/command.hpp"
#include "process/stage.hpp"

namespace darn::exec {
namespace {

constexpr int kTimedOut = 124;  // as timeout(1)
constexpr int kRejected = 75;   // EX_TEMPFAIL
constexpr const char* kTooMuchInput = "its standard input was too much to be kept";

bool asks_for_text(const Options& o) {
  return std::any_of(o.retry_on.begin(), o.retry_on.end(),
                     [](const RetryOn& on) { return !on.regex.empty(); });
}

Status check(const Options& o) {
  if (o.argv.empty() == o.shell.empty()) {
    return fail(ErrorKind::usage, "no command given", "darn exec [OPTIONS] -- COMMAND …");
  }
  for (const auto& [what, name] :
       {std::pair{"--name", &o.name}, {"--breaker", &o.breaker}, {"--budget", &o.budget}}) {
    if (name->size() > 100 || printable(*name) != *name || !is_utf8(*name) ||
        name->find_first_of("\t\n") != std::string::npos) {
      return fail(ErrorKind::usage, fmt::format("{} {} is no name", what, quote(*name)),
                  "up to 100 printable characters");
    }
  }
  if (o.capture == Capture::never && asks_for_text(o)) {
    return fail(ErrorKind::usage,
                "--retry-on /regex/ needs the output, and --capture never reads none",
                "leave one of them out");
  }
  return {};
}

int status_of(const Ended& ended) {
  switch (ended.end) {
    case End::timed_out:
    case End::deadline: return kTimedOut;
    case End::not_started: return ended.start_errno == ENOENT ? 127 : 126;
    default: return ended.exit_code;
  }
}

// One use, from its first attempt to its row in the ledger.
class Use {
 public:
  explicit Use(const Options& options)
      : o_(options),
        talk_(options.quiet),
        argv_(options.argv),
        ledger_(options, talk_),
        began_(monotonic_ms()) {
    if (!options.shell.empty()) {
      argv_ = shell_argv(options.shell);
      argv_.emplace_back("/bin/sh");  // $0
      argv_.insert(argv_.end(), options.shell_args.begin(), options.shell_args.end());
    }
    const std::string& program = argv_.front();
    program_ = program.substr(program.rfind('/') + 1);
    report_.name = o_.name.empty() ? one_line(to_utf8(shorten(program_, 100))) : o_.name;
    limits_.timeout_ms = o_.timeout.value_or(Duration{}).count();
    limits_.deadline_at = o_.deadline ? began_ + o_.deadline->count() : 0;
    limits_.grace_ms = o_.grace.count();
  }

  Report run() {
    const Time at = SystemClock().now();
    {
      Session session(capture(), may_retry(o_) || !o_.fallback.empty());
      session_ = &session;
      attempts();
      const bool given_up = report_.ending == Ending::failed || report_.ending == Ending::rejected;
      if (given_up && session.asked() == 0 && !o_.fallback.empty()) {
        fall_back();
      }
      report_.asked = session.asked();
      session_ = nullptr;
    }
    report_.duration = Duration{monotonic_ms() - began_};
    ledger_.record(report_, program_, at);
    return std::move(report_);
  }

 private:
  Capture capture() const { return asks_for_text(o_) ? Capture::always : o_.capture; }

  void attempts();
  bool enter_breaker();
  bool pause(const Next& plan, const Judgement& judgement);
  void fall_back();
  Attempt& note(const Ended& ended, const Judgement& judgement);

  const Options& o_;
  Talk talk_;
  std::vector<std::string> argv_;
  std::string program_;
  UseLedger ledger_;
  std::int64_t began_;
  Limits limits_;
  Session* session_ = nullptr;
  Report report_;
  Tally tally_;
  Duration waited_{};  // before the next attempt
};

void Use::attempts() {
  for (;;) {
    if (!enter_breaker()) {
      return;
    }
    const Ended ended = session_->attempt(argv_, o_.cwd, limits_);
    const Captured captured{session_->output(), session_->errors()};
    const Judgement judgement = judge(ended, captured, program_, SystemClock().now());
    ++report_.attempts;
    note(ended, judgement);
    const bool broken_off = judgement.failed && session_->asked() != 0;
    ledger_.leave_breaker(judgement, broken_off);
    report_.status = status_of(ended);
    report_.signal = ended.end == End::signalled ? ended.signal : 0;
    if (!judgement.failed) {
      ledger_.succeeded();
      report_.healed = report_.attempts > 1;
      report_.ending = report_.healed ? Ending::healed : Ending::ok;
      if (report_.healed) {
        talk_.healed(report_);
      }
      return;
    }
    report_.category = judgement.category;
    report_.ending = broken_off ? Ending::interrupted : Ending::failed;
    Next plan = next(o_, judgement, ended, captured, tally_, real_random().next());
    if (ended.end == End::deadline) {
      plan = {.why_not = "the deadline has passed"};
    }
    if (broken_off || !pause(plan, judgement)) {
      return;
    }
    ++tally_.retries;
    ++tally_.by_category[static_cast<std::size_t>(judgement.category)];
  }
}

// The wait before another attempt; false when there is to be none.
bool Use::pause(const Next& plan, const Judgement& judgement) {
  const auto give_up = [&](const std::string& why) {
    talk_.gave_up(report_, judgement.why, why, session_->line_is_open());
    return false;
  };
  if (!plan.again) {
    return give_up(plan.why_not);
  }
  if (limits_.deadline_at > 0 && monotonic_ms() + plan.delay.count() >= limits_.deadline_at) {
    return give_up(
        fmt::format("a retry in {} would be past the deadline", format_duration(plan.delay)));
  }
  if (!session_->can_repeat_input()) {
    return give_up(kTooMuchInput);
  }
  if (!ledger_.reserve()) {
    return give_up(fmt::format("budget '{}' of retries is used up", o_.budget));
  }
  talk_.retrying(report_, judgement.why, plan, session_->line_is_open());
  const std::int64_t began = monotonic_ms();
  const bool again = session_->prepare_another(limits_);
  if (again) {
    session_->wait(plan.delay - Duration{monotonic_ms() - began});
  }
  waited_ = Duration{monotonic_ms() - began};
  report_.waited += waited_;
  if (session_->asked() != 0) {  // nothing runs: the signal is darn's own
    ledger_.refund();
    report_.signal = session_->asked();
    report_.ending = Ending::interrupted;
    return false;
  }
  if (!again) {
    ledger_.refund();
    return give_up(kTooMuchInput);
  }
  return true;
}

bool Use::enter_breaker() {
  const auto refused = ledger_.enter_breaker();
  if (!refused) {
    return true;
  }
  talk_.breaker_open(o_.breaker, *refused, report_.attempts);
  if (report_.attempts == 0) {
    report_.rejected = true;
    report_.ending = Ending::rejected;
    report_.status = kRejected;
  }
  return false;
}

void Use::fall_back() {
  if (!session_->prepare_another(limits_)) {
    talk_.note(std::string("no fallback: ") + kTooMuchInput);
    return;
  }
  talk_.falling_back();
  Limits limits = limits_;
  limits.deadline_at = 0;  // it is what is left to do when time is up
  const Ended ended = session_->attempt(shell_argv(o_.fallback), o_.cwd, limits);
  const Captured captured{session_->output(), session_->errors()};
  const Judgement judgement = judge(ended, captured, "sh", SystemClock().now());
  report_.used_fallback = true;
  waited_ = {};
  note(ended, judgement).fallback = true;
  if (!judgement.failed) {
    report_.status = 0;
    report_.signal = 0;
    report_.ending = Ending::fallback;
    talk_.note("the fallback succeeded");
  } else {
    if (session_->asked() != 0) {
      report_.ending = Ending::interrupted;
    }
    talk_.note("the fallback failed, too: " + judgement.why);
  }
}

Attempt& Use::note(const Ended& ended, const Judgement& judgement) {
  return report_.history.emplace_back(Attempt{.end = ended.end,
                                              .exit_code = ended.exit_code,
                                              .signal = ended.signal,
                                              .category = judgement.category,
                                              .why = judgement.why,
                                              .wall = ended.wall,
                                              .waited = waited_,
                                              .fallback = false});
}

}  // namespace

std::string_view to_string(Ending e) {
  constexpr std::array<std::string_view, 6> kNames{"ok",     "healed",   "fallback",
                                                   "failed", "rejected", "interrupted"};
  return kNames[static_cast<std::size_t>(e)];
}

Result<Report> run(const Options& options) {
  DARN_TRY(check(options));
  return Use(options).run();
}

}  // namespace darn::exec
