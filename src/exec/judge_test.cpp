#include "exec/judge.hpp"

#include <cerrno>
#include <csignal>

#include <doctest/doctest.h>

#include "support/property.hpp"

namespace darn::exec {
namespace {

using namespace std::chrono_literals;

const Time kNow = time_from_ms(1'700'000'000'000);

Ended exited(int code) { return {.end = End::exited, .exit_code = code, .wall = 1s}; }

Judgement judged(const Ended& ended, std::string_view errors) {
  return judge(ended, {.output = {}, .errors = errors}, "cmd", kNow);
}

Next after(const Options& options, Category category, const Tally& tally = {},
           std::uint64_t random = 0) {
  Judgement j;
  j.failed = true;
  j.category = category;
  return next(options, j, exited(1), {}, tally, random);
}

Tally tally_of(Category category, int retries) {
  Tally t;
  t.retries = retries;
  t.by_category[static_cast<std::size_t>(category)] = retries;
  return t;
}

TEST_CASE("what a failure is, and how it is said") {
  CHECK_FALSE(judged(exited(0), "connection refused").failed);
  const Judgement refused = judged(exited(7), "curl: (7) Connection refused\n");
  CHECK(refused.category == Category::network);
  CHECK(refused.why == "exit 7, curl: (7) Connection refused");
  CHECK(judged(exited(3), "").why == "exit 3");
  CHECK(judged({.end = End::signalled, .signal = SIGSEGV}, "").why == "ended by SIGSEGV");
  const Judgement slow = judged({.end = End::timed_out, .signal = SIGTERM, .wall = 2s}, "");
  CHECK(slow.category == Category::timeout);
  CHECK(slow.why == "timed out after 2.0s");
  const Judgement missing = judged({.end = End::not_started, .start_errno = ENOENT}, "");
  CHECK(missing.category == Category::permanent);
  CHECK(missing.why == "cannot start cmd: No such file or directory");
}

TEST_CASE("what the other side asked for is a floor, up to an hour") {
  const Judgement limited = judged(exited(22), "HTTP/1.1 429 Too Many Requests\nRetry-After: 30\n");
  REQUIRE(limited.category == Category::rate_limit);
  CHECK(limited.floor == 30s);
  Options quick;
  quick.backoff = {1ms};
  const Next n = next(quick, limited, exited(22), {}, {}, ~0ULL);
  CHECK(n.again);
  CHECK(n.delay >= 30s);
  CHECK(n.delay <= 34s);
  Judgement far = limited;
  far.floor = 2h;
  const Next none = next(quick, far, exited(22), {}, {}, 0);
  CHECK_FALSE(none.again);
  CHECK(none.why_not.find("2h") != std::string::npos);
}

TEST_CASE("how often, by category") {
  const Options o;
  for (const Category c :
       {Category::network, Category::timeout, Category::transient, Category::rate_limit}) {
    CHECK(after(o, c, tally_of(c, 4)).again);
    CHECK_FALSE(after(o, c, tally_of(c, 5)).again);
    CHECK(after(o, c).of == 5);
  }
  for (const Category c : {Category::resource, Category::unknown}) {
    CHECK(after(o, c).again);
    CHECK_FALSE(after(o, c, tally_of(c, 1)).again);
    CHECK(after(o, c, tally_of(Category::network, 2)).again);
  }
  CHECK_FALSE(after(o, Category::unknown, tally_of(Category::network, 5)).again);
  CHECK_FALSE(after(o, Category::permanent).again);
}

TEST_CASE("--retries is the number for all that is retried") {
  Options o;
  o.retries = 2;
  CHECK(after(o, Category::unknown, tally_of(Category::unknown, 1)).again);
  CHECK_FALSE(after(o, Category::network, tally_of(Category::network, 2)).again);
  CHECK_FALSE(after(o, Category::permanent).again);
  o.retries = 0;
  CHECK_FALSE(after(o, Category::network).again);
  CHECK_FALSE(may_retry(o));
  CHECK(may_retry(Options{}));
}

TEST_CASE("--retry-on is all that is retried") {
  Options o;
  o.retry_on = {*parse_retry_on("permanent"), *parse_retry_on("1"), *parse_retry_on("/b[ao]r/")};
  CHECK(after(o, Category::permanent, tally_of(Category::permanent, 4)).again);
  CHECK(after(o, Category::unknown).again);  // exit 1
  o.retry_on = {*parse_retry_on("/b[ao]r/")};
  CHECK_FALSE(after(o, Category::network).again);
  Judgement j;
  j.failed = true;
  j.category = Category::unknown;
  CHECK(next(o, j, exited(9), {.output = "foo bar", .errors = {}}, {}, 0).again);
  CHECK(next(o, j, exited(9), {.output = {}, .errors = "bor"}, {}, 0).again);
  for (const char* wrong : {"", "0", "256", "netwerk", "none", "/(/", "//", "/a"}) {
    CHECK_FALSE(parse_retry_on(wrong));
  }
}

TEST_CASE("waits") {
  Options o;
  o.backoff = {1s, 10s};
  darn::test::property("stay within half of the plan and the plan", [&](std::uint64_t random) {
    for (int retries = 0; retries < 5; ++retries) {
      const Duration planned = retries == 0 ? 1s : 10s;
      const Next n = after(o, Category::network, tally_of(Category::network, retries), random);
      RC_ASSERT(n.again && n.delay >= planned / 2 && n.delay <= planned);
      RC_ASSERT(n.number == retries + 1);
    }
  });
  const Next first = after({}, Category::unknown);
  CHECK(first.delay <= 5s);
  CHECK(first.delay >= 2500ms);
}

}  // namespace
}  // namespace darn::exec
