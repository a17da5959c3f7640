// What decides when several things speak: the process, what is proven, the agent's report, the
// text, the exit status.
#include "diagnose/diagnose.hpp"

#include <cerrno>
#include <csignal>

#include "support/property.hpp"

namespace {

using namespace darn;
using namespace std::chrono_literals;

const Time kNow = time_from_ms(1'700'000'000'000);

Outcome ended(End end, int code = -1) {
  Outcome o;
  o.end = end;
  o.exit_code = code;
  o.wall = 90s;
  return o;
}

Outcome killed_by(int signal) {
  Outcome o = ended(End::signalled);
  o.signal = signal;
  return o;
}

struct Said {
  std::string_view output = {};
  std::string_view errors = {};
  std::string_view check_output = {};
  const Verdict* verdict = nullptr;
  const AgentReport* report = nullptr;
};

Diagnosis of(const Outcome& outcome, const Said& said = {}) {
  return diagnose({.outcome = &outcome,
                   .verdict = said.verdict,
                   .report = said.report,
                   .output = said.output,
                   .errors = said.errors,
                   .check_output = said.check_output,
                   .now = kNow});
}

#define CHECK_IS(d, category_, cause_)         \
  do {                                         \
    const Diagnosis& d_ = (d);                 \
    CHECK(d_.category == Category::category_); \
    CHECK(d_.cause == Cause::cause_);          \
    CHECK(!d_.advice.empty());                 \
    CHECK(d_.signature.size() == 34);          \
    CHECK(!d_.rule.empty());                   \
  } while (false)

}  // namespace

TEST_CASE("a success has nothing to diagnose, whatever it printed") {
  const Diagnosis d = of(ended(End::exited, 0), {.output = "error: HTTP 429 Connection refused"});
  CHECK(d.category == Category::none);
  CHECK(d.cause == Cause::none);
  CHECK(d.signature.empty());
  CHECK(d.advice.empty());
  const Verdict proven;
  AgentReport limited;  // it was limited on the way, and came through
  limited.limited = true;
  CHECK(of(ended(End::exited, 0), {.verdict = &proven, .report = &limited}).category ==
        Category::none);
}

TEST_CASE("facts of the process come before anything it printed") {
  const Said rate{.output = "HTTP 429 Too Many Requests"};
  CHECK_IS(of(ended(End::timed_out), rate), timeout, timeout);
  CHECK(of(ended(End::timed_out), rate).summary == "timed out after 1m30s");
  CHECK_IS(of(ended(End::idle_timed_out), rate), timeout, timeout);
  CHECK_IS(of(ended(End::deadline), rate), timeout, timeout);
  CHECK_IS(of(ended(End::cancelled), rate), unknown, cancelled);
  CHECK_IS(of(ended(End::lost), rate), transient, lost);
  CHECK_IS(of(killed_by(SIGTERM), rate), transient, environment);
  CHECK_IS(of(killed_by(SIGKILL), rate), resource, resource);
  Outcome oom = killed_by(SIGKILL);
  oom.out_of_memory = true;
  oom.max_rss_kib = 2048;
  CHECK_IS(of(oom), resource, resource);
  CHECK(of(oom).summary == "out of memory: killed by the kernel at 2.0 MiB");
  CHECK(of(oom).rule == "signal.oom");
}

TEST_CASE("crashes") {
  CHECK_IS(of(killed_by(SIGSEGV)), unknown, crash);
  Outcome core = killed_by(SIGSEGV);
  core.core_dumped = true;
  CHECK(of(core).summary == "ended by SIGSEGV (core dumped)");
  CHECK_IS(of(killed_by(SIGFPE)), permanent, code);
  CHECK_IS(of(killed_by(SIGXCPU)), resource, timeout);
  CHECK_IS(of(killed_by(62)), unknown, crash);
  // an abort says why it aborted
  CHECK_IS(of(killed_by(SIGABRT), {.errors = "a: a.c:3: main: Assertion `x == 1' failed."}),
           permanent, logic);
  CHECK_IS(of(killed_by(SIGABRT), {.errors = "terminate called after throwing an instance of "
                                             "'std::bad_alloc'"}),
           resource, resource);
}

TEST_CASE("a program that could not be started") {
  const auto not_started = [](int error) {
    Outcome o = ended(End::not_started);
    o.start_errno = error;
    return o;
  };
  CHECK_IS(of(not_started(ENOENT)), permanent, dependency);
  CHECK_IS(of(not_started(EACCES)), permanent, environment);
  CHECK_IS(of(not_started(E2BIG)), permanent, configuration);
  CHECK_IS(of(not_started(EAGAIN)), resource, resource);
  CHECK_IS(of(not_started(ETXTBSY)), transient, environment);
  CHECK_IS(of(not_started(9999)), permanent, environment);
  CHECK(of(not_started(ENOENT)).summary == "could not be started: No such file or directory");
}

TEST_CASE("exit statuses speak when the text does not") {
  const struct {
    int code;
    Category category;
    Cause cause;
  } table[] = {
      {64, Category::permanent, Cause::configuration},
      {65, Category::permanent, Cause::data},
      {69, Category::transient, Cause::service},
      {75, Category::transient, Cause::service},
      {77, Category::permanent, Cause::environment},
      {78, Category::permanent, Cause::configuration},
      {124, Category::timeout, Cause::timeout},
      {126, Category::permanent, Cause::environment},
      {127, Category::permanent, Cause::dependency},
      {130, Category::transient, Cause::environment},
      {134, Category::unknown, Cause::crash},
      {137, Category::resource, Cause::resource},
      {139, Category::unknown, Cause::crash},
      {143, Category::transient, Cause::environment},
      {1, Category::unknown, Cause::unknown},
      {2, Category::unknown, Cause::unknown},
      {144, Category::unknown, Cause::unknown},
      {173, Category::unknown, Cause::unknown},
      {255, Category::unknown, Cause::unknown},
  };
  for (const auto& row : table) {
    CAPTURE(row.code);
    const auto d = of(ended(End::exited, row.code), {.output = "working\n"});
    CHECK(d.category == row.category);
    CHECK(d.cause == row.cause);
  }
  // a clear text is better than a status, a vague one is not
  CHECK_IS(of(ended(End::exited, 75), {.output = "ModuleNotFoundError: No module named 'x'"}),
           permanent, dependency);
  CHECK_IS(of(ended(End::exited, 75), {.output = "error: no luck"}), transient, service);
  CHECK(of(ended(End::exited, 75), {.output = "error: no luck"}).summary ==
        "temporary failure, try again later (exit 75): error: no luck");
}

TEST_CASE("standard error is heard first, standard output too") {
  CHECK_IS(of(ended(End::exited, 1), {.output = "KeyError: 'x'", .errors = "Connection refused"}),
           network, network);
  CHECK_IS(of(ended(End::exited, 1), {.output = "KeyError: 'x'", .errors = "bye"}), permanent,
           code);
  CHECK(of(ended(End::exited, 1), {.output = "", .errors = "bye"}).summary == "bye");
}

TEST_CASE("what is not proven") {
  Verdict missing{.proven = false, .cause = Cause::missing_output, .why = "out.md was not written"};
  CHECK_IS(of(ended(End::exited, 0), {.output = "All done! HTTP 429", .verdict = &missing}),
           unknown, missing_output);
  Verdict check{.proven = false, .cause = Cause::check_failed, .why = "check failed (exit 1)"};
  auto d = of(ended(End::exited, 0),
              {.check_output = "x\nFAILED test_a.py::test_b - assert 1 == 2", .verdict = &check});
  CHECK_IS(d, unknown, check_failed);
  CHECK(d.summary == "check failed (exit 1): FAILED test_a.py::test_b - assert 1 == 2");
  // a check that could not do its work
  d = of(ended(End::exited, 0),
         {.check_output = "curl: (6) Could not resolve host: x", .verdict = &check});
  CHECK_IS(d, network, check_failed);
  // an agent that was limited and left nothing was limited
  AgentReport report;
  report.limited = true;
  report.limited_until = kNow + 30s;
  d = of(ended(End::exited, 0), {.verdict = &missing, .report = &report});
  CHECK_IS(d, rate_limit, service);
  CHECK(d.resets_at == kNow + 30s);
}

TEST_CASE("an agent's own report") {
  const auto failed = ended(End::exited, 1);
  AgentReport r;
  r.status = 529;
  CHECK_IS(of(failed, {.report = &r}), rate_limit, service);
  r.status = 429;
  r.error = "Too many requests. Retry after 12 seconds";
  auto d = of(failed, {.report = &r});
  CHECK_IS(d, rate_limit, service);
  CHECK(d.retry_after == 12s);
  r.error = "You exceeded your current quota (insufficient_quota), check your plan and billing";
  CHECK_IS(of(failed, {.report = &r}), permanent, quota);
  r.limited = r.quota = true;  // also when the agent calls it a quota
  CHECK_IS(of(failed, {.report = &r}), permanent, quota);

  r = {};
  r.status = 400;
  r.error = "prompt is too long: 210034 tokens > 200000 maximum";
  CHECK_IS(of(failed, {.report = &r}), permanent, context_length);
  r.error = "messages: at least one message is required";
  CHECK_IS(of(failed, {.report = &r}), permanent, data);
  CHECK(of(failed, {.report = &r}).summary ==
        "HTTP 400 Bad Request: messages: at least one message is required");
  r.status = 401;
  CHECK_IS(of(failed, {.report = &r}), permanent, authentication);

  r = {};
  r.limited = r.quota = true;
  r.limited_until = kNow + 3h;
  d = of(failed, {.report = &r});
  CHECK_IS(d, rate_limit, quota);
  CHECK(d.resets_at == kNow + 3h);

  r = {};
  r.terminal = "max_turns";
  CHECK_IS(of(failed, {.output = "Connection refused", .report = &r}), permanent, task_limit);
  r = {};
  r.failed_when = "/is_error == true";
  CHECK_IS(of(ended(End::exited, 0), {.report = &r}), unknown, check_failed);
  CHECK_IS(of(ended(End::exited, 0), {.errors = "litellm.RateLimitError: slow", .report = &r}),
           rate_limit, service);
  // a clean report leaves it to the text
  r = {};
  CHECK_IS(of(failed, {.errors = "Connection refused", .report = &r}), network, network);
}

TEST_CASE("an agent's talk is no evidence, but for its end") {
  AgentReport r;
  std::string talk = "I fixed the Connection refused error.\n";
  for (int i = 0; i < 40; ++i) {
    talk += "and then some\n";
  }
  CHECK_IS(of(ended(End::exited, 1), {.output = talk, .report = &r}), unknown, unknown);
}

TEST_CASE("times to come back, near the decisive line") {
  auto d = of(ended(End::exited, 1),
              {.output = "HTTP/1.1 429 Too Many Requests\nDate: x\nRetry-After: 5\n"});
  CHECK(d.retry_after == 5s);
  CHECK(d.summary == "HTTP/1.1 429 Too Many Requests (retry after 5.0s)");
  d = of(ended(End::exited, 1), {.output = "usage limit reached|1700003600"});
  CHECK(d.resets_at == time_from_ms(1'700'003'600'000));
  d = of(ended(End::exited, 1), {.output = "KeyError: 'x'\nretry in 5 s"});
  CHECK_FALSE(d.retry_after.has_value());
}

TEST_CASE("located messages") {
  const auto located = [](std::string_view text) {
    return of(ended(End::exited, 1), {.output = text}).located;
  };
  auto l = located("/w/src/a.c:12:5: error: 'x' undeclared\nb.cpp:3: error: boom\n");
  REQUIRE(l.size() == 2);
  CHECK(l[0].file == "/w/src/a.c");
  CHECK(l[0].line == 12);
  CHECK(l[0].column == 5);
  CHECK(l[0].message == "error: 'x' undeclared");
  CHECK(l[1].column == 0);

  l = located(
      "Traceback (most recent call last):\n  File \"/w/a.py\", line 3, in <module>\n"
      "    f()\n  File \"/w/b.py\", line 7, in f\n    raise X\nValueError: no\n");
  REQUIRE(l.size() == 2);
  CHECK(l[0].message == "in <module>");
  CHECK(l[1].file == "/w/b.py");
  CHECK(l[1].line == 7);
  CHECK(l[1].message == "ValueError: no");

  l = located("error[E0425]: cannot find value `x`\n --> src/main.rs:2:5\n");
  REQUIRE(l.size() == 1);
  CHECK(l[0].file == "src/main.rs");
  CHECK(l[0].message == "error[E0425]: cannot find value `x`");
  CHECK(located("a.ts(3,5): error TS2304: Cannot find name\n")[0].column == 5);
  CHECK(located("[ERROR] /w/A.java:[23,29] cannot find symbol\n")[0].line == 23);

  std::string many;
  for (int i = 1; i <= 100; ++i) {
    many += "a.c:" + std::to_string(i) + ":1: error: boom\n";
  }
  CHECK(located(many).size() == 20);
  CHECK(located("a.c:99999999999999999999:1: error: boom\n").size() == 1);
}

TEST_CASE("hostile output") {
  using darn::test::property;
  property("random bytes never crash, and give one short printable line", [](const std::string& a,
                                                                             const std::string& b) {
    const AgentReport report;
    const auto code = *rc::gen::inRange(0, 256);
    const auto d =
        of(ended(End::exited, code), {.output = a,
                                      .errors = b,
                                      .check_output = a,
                                      .report = *rc::gen::arbitrary<bool>() ? &report : nullptr});
    RC_ASSERT(d.summary.size() <= 200);
    RC_ASSERT(d.summary.find_first_of(std::string_view("\n\r\x1b\0", 4)) == std::string::npos);
    RC_ASSERT((d.category == Category::none) == (code == 0));
  });
  property("fragments of what the tables look for, in any order", [] {
    const auto words = *rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
        "error", ": ", "HTTP ", "429", "\n", "\x1b[31m", "\x1b]", "\r",
        "Retry-After: ", "99999999999", "a.c:1:2: ", "File \"", "{\"message\":\"", "\\", "\"",
        "<Code>", "resets ", "3am", "Nov 31", "24:00", "\xff\xfe", " --> ", "[9,9]", "in ",
        "rpc error: code = ", std::string(1, '\0')));
    std::string text;
    for (const auto& w : words) {
      text += w;
    }
    const auto d = of(ended(End::exited, 1), {.output = text});
    RC_ASSERT(d.summary.size() <= 200);
    RC_ASSERT(!d.signature.empty());
  });
  // One endless line, and one that would make a backtracking matcher take forever.
  CHECK(of(ended(End::exited, 1), {.output = std::string(65536, 'a')}).summary.size() <= 200);
  std::string nested;
  for (int i = 0; i < 8000; ++i) {
    nested += "rate limit ";
  }
  CHECK(of(ended(End::exited, 1), {.output = nested}).summary.size() <= 200);
}
