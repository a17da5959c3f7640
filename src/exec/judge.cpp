#include "exec/judge.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <re2/re2.h>

#include "base/text.hpp"
#include "darn/backoff.hpp"

namespace darn::exec {
namespace {

using namespace std::chrono_literals;

constexpr int kRetries = 5;
const std::vector<Duration> kBackoff{5s, 15s, 45s, 135s, 300s};

int by_default(Category category) {
  switch (category) {
    case Category::network:
    case Category::timeout:
    case Category::transient:
    case Category::rate_limit: return kRetries;
    case Category::resource:
    case Category::unknown: return 1;
    default: return 0;
  }
}

backoff schedule(const std::vector<Duration>& delays) {
  const std::vector<Duration>& from = delays.empty() ? kBackoff : delays;
  return backoff::schedule({from.begin(), from.end()});
}

Duration to_ms(duration d) { return std::chrono::ceil<Duration>(d); }

std::string times(int n) { return n == 1 ? "1 retry" : fmt::format("{} retries", n); }

}  // namespace

Judge::Judge(const Request& request)
    : request_(request), most_(request.retries.value_or(kRetries)) {
  for (const std::string& pattern : request.retry_on.patterns) {
    // ^ and $ are of lines, which is what output is made of.
    patterns_.push_back(std::make_unique<re2::RE2>("(?m)" + pattern, re2::RE2::Quiet));
  }
}

Judge::~Judge() = default;

bool Judge::is_named(const Failure& failure) const {
  const RetryOn& on = request_.retry_on;
  const auto holds = [](const auto& list, const auto& value) {
    return std::find(list.begin(), list.end(), value) != list.end();
  };
  return holds(on.categories, failure.category) ||
         (failure.end == End::exited && holds(on.exits, failure.exit_code)) ||
         std::any_of(patterns_.begin(), patterns_.end(), [&](const auto& pattern) {
           return re2::RE2::PartialMatch(failure.text, *pattern);
         });
}

// How many retries failures of this kind are given; none: it is not tried again at all.
std::optional<int> Judge::retries_for(const Failure& failure, std::string& why) const {
  if (!request_.retry_on.empty()) {
    why = "it is none of what --retry-on names";
    return is_named(failure) ? std::optional(most_) : std::nullopt;
  }
  const int known = by_default(failure.category);
  if (known == 0) {
    why = "it would fail the same way again";
    return std::nullopt;
  }
  return request_.retries ? most_ : known;
}

Next Judge::next(const Failure& failure, std::uint64_t random, std::optional<Duration> left) {
  Next next;
  if (failure.end == End::deadline) {
    next.why = "the deadline has passed";
    return next;
  }
  std::string why;
  const std::optional<int> given = retries_for(failure, why);
  if (!given) {
    next.why = why;
    return next;
  }
  // A named failure may be of any category: all of them count together then.
  int& done = request_.retries || !request_.retry_on.empty()
                  ? done_
                  : done_by_category_[static_cast<std::size_t>(failure.category)];
  const int most = std::min(*given, most_ - (&done == &done_ ? 0 : done_ - done));
  if (done >= most) {
    next.why = most_ == 0 ? "no retries were asked for" : times(done_) + " did not help";
    return next;
  }
  next.retry = done + 1;
  next.of = most;
  duration delay = schedule(request_.backoff).delay(done_ + 1, random);
  if (failure.ask_again_after) {
    if (*failure.ask_again_after > kLongestWait) {
      next.why = fmt::format("it asks to wait {}, longer than anybody does here",
                             format_duration(*failure.ask_again_after));
      return next;
    }
    delay = respect_retry_after(delay, *failure.ask_again_after, kLongestWait, random);
  }
  next.delay = to_ms(delay);
  if (left && next.delay >= *left) {
    next.why = fmt::format("waiting {} would pass the deadline", format_duration(next.delay));
    return next;
  }
  ++done;
  if (&done != &done_) {
    ++done_;
  }
  next.again = true;
  return next;
}

}  // namespace darn::exec
