#include "exec/judge.hpp"

#include <string.h>

#include <algorithm>

#include <fmt/format.h>
#include <re2/re2.h>

#include "base/text.hpp"
#include "darn/backoff.hpp"
#include "diagnose/diagnose.hpp"
#include "model/policy.hpp"

namespace darn::exec {
namespace {

// A reset further off is not waited for: a person has given up on it by then.
constexpr Duration kLongestFloor = std::chrono::hours{1};

RE2::Options quiet() {
  RE2::Options options;
  options.set_log_errors(false);
  return options;
}

std::string end_text(const Ended& ended, const std::string& program) {
  switch (ended.end) {
    case End::timed_out:
    case End::deadline: return "timed out after " + format_duration(ended.wall);
    case End::not_started:
      return "cannot start " + program + ": " + ::strerrordesc_np(ended.start_errno);
    case End::signalled:
      return fmt::format("ended by SIG{}", ::sigabbrev_np(ended.signal) != nullptr
                                               ? ::sigabbrev_np(ended.signal)
                                               : std::to_string(ended.signal));
    default: return fmt::format("exit {}", ended.exit_code);
  }
}

// Else the summary only says in other words how it ended.
bool is_of_text(const Diagnosis& d) {
  const auto begins = [&](std::string_view with) { return d.rule.starts_with(with); };
  return !d.summary.empty() && (d.rule.find('+') != std::string::npos ||
                                !(d.rule.empty() || begins("exit.") || begins("signal.") ||
                                  begins("end.") || begins("errno.")));
}

bool matches(const RetryOn& on, const Judgement& judgement, const Ended& ended,
             const Captured& captured) {
  if (on.category) {
    return *on.category == judgement.category;
  }
  if (on.exit) {
    return ended.end == End::exited && ended.exit_code == *on.exit;
  }
  const RE2 regex("(?m)" + on.regex, quiet());  // ^ and $ are of lines, as in grep
  const auto in = [&](std::string_view text) {
    return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), regex);
  };
  return in(captured.errors) || in(captured.output);
}

const Policy& defaults() {
  static const Policy policy = default_policy();
  return policy;
}

int most_retries(const Options& options, Category category) {
  if (options.retries) {
    return *options.retries;
  }
  // To wait for a limit is a retry here: there is no pool that could rest.
  const bool listed = !options.retry_on.empty() || category == Category::rate_limit;
  return listed ? defaults().max_retries : defaults().of(category).retries;
}

Duration planned(const Options& options, Category category, int retry, std::uint64_t random) {
  std::vector<Duration> delays = options.backoff;
  if (delays.empty()) {
    delays = defaults().of(category).backoff;
  }
  if (delays.empty()) {
    delays = defaults().of(Category::network).backoff;
  }
  const auto schedule = backoff::schedule({delays.begin(), delays.end()});
  return std::chrono::ceil<Duration>(schedule.delay(retry, random));
}

}  // namespace

Judgement judge(const Ended& ended, const Captured& captured, const std::string& program,
                Time now) {
  Judgement result;
  result.failed = ended.end != End::exited || ended.exit_code != 0;
  if (!result.failed) {
    return result;
  }
  Outcome outcome;
  outcome.end = ended.end;
  outcome.exit_code = ended.exit_code;
  outcome.signal = ended.signal;
  outcome.core_dumped = ended.core_dumped;
  outcome.start_errno = ended.start_errno;
  outcome.wall = ended.wall;
  outcome.ended = now;
  const Diagnosis found = diagnose(
      {.outcome = &outcome, .output = captured.output, .errors = captured.errors, .now = now});
  result.category = found.category;
  result.why = end_text(ended, program);
  if (is_of_text(found)) {
    result.why += ", " + one_line(shorten(found.summary, 120));
  }
  if (found.retry_after) {
    result.floor = found.retry_after;
  }
  if (found.resets_at && *found.resets_at > now) {
    result.floor = std::max(result.floor.value_or(Duration{}), *found.resets_at - now);
  }
  return result;
}

Next next(const Options& options, const Judgement& judgement, const Ended& ended,
          const Captured& captured, const Tally& tally, std::uint64_t random) {
  Next n;
  const Category category = judgement.category;
  const auto asked = [&](const RetryOn& on) { return matches(on, judgement, ended, captured); };
  if (!options.retry_on.empty() &&
      std::none_of(options.retry_on.begin(), options.retry_on.end(), asked)) {
    n.why_not = "not among what is retried";
    return n;
  }
  if (options.retry_on.empty() && category == Category::permanent) {
    n.why_not = "not retried";
    return n;
  }
  n.of = most_retries(options, category);
  n.number = tally.retries + 1;
  const int of_its_kind = options.retries || !options.retry_on.empty()
                              ? tally.retries
                              : tally.by_category[static_cast<std::size_t>(category)];
  if (of_its_kind >= n.of || tally.retries >= std::max(n.of, defaults().max_retries)) {
    return n;
  }
  n.of = std::max(n.of, n.number);
  n.delay = planned(options, category, n.number, random);
  if (judgement.floor) {
    if (*judgement.floor > kLongestFloor) {
      n.why_not = "it asks to wait for " + format_duration(*judgement.floor);
      return n;
    }
    n.delay = std::chrono::ceil<Duration>(respect_retry_after(n.delay, duration(*judgement.floor),
                                                              duration(kLongestFloor) * 2, random));
  }
  n.again = true;
  return n;
}

bool may_retry(const Options& options) { return options.retries.value_or(1) > 0; }

}  // namespace darn::exec
