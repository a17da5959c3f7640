// What the real CLIs were seen to print (tests/recorded/agents, README.md there), read with the
// real presets as darn reads them: TOML through config/.
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "agent/presets_fixture.hpp"
#include "agent/report.hpp"
#include "base/text.hpp"
#include "diagnose/diagnose.hpp"

namespace darn {
namespace {

using test::presets;

const Time kNow = time_from_ms(1'795'366'800'000);  // 2026-11-22 17:00 UTC

struct TimeZone {  // printed times without a zone are local ones
  TimeZone() {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
  }
};

std::string slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE_MESSAGE(file, path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

struct Case {
  const char* cli;
  const char* name;
  // what the report says
  const char* failed_when = "";  // its beginning
  const char* terminal = "";
  bool limited = false;
  bool quota = false;
  const char* until = "";  // UTC
  int status = 0;
  const char* error = "";  // a part of it
  // what is understood of it; none: it succeeded
  Category category = Category::none;
  Cause cause = Cause::none;
};

constexpr Category kPermanent = Category::permanent;
constexpr Category kUnknown = Category::unknown;
constexpr Category kRateLimit = Category::rate_limit;

const Case kCases[] = {
    {.cli = "claude", .name = "success"},
    {.cli = "claude",
     .name = "http_429",
     .failed_when = "/is_error",
     .limited = true,
     .until = "2026-11-22T17:00:05.000Z",
     .status = 429,
     .error = "429",
     .category = kRateLimit,
     .cause = Cause::service},
    {.cli = "claude",
     .name = "http_529",
     .failed_when = "/is_error",
     .limited = true,
     .status = 529,
     .error = "Overloaded",
     .category = kRateLimit,
     .cause = Cause::service},
    {.cli = "claude",
     .name = "http_401",
     .failed_when = "/is_error",
     .status = 401,
     .error = "Invalid API key",
     .category = kPermanent,
     .cause = Cause::authentication},
    {.cli = "claude",
     .name = "http_400_context",
     .failed_when = "/is_error",
     .status = 400,
     .error = "Prompt is too long",
     .category = kPermanent,
     .cause = Cause::context_length},
    {.cli = "claude",
     .name = "usage_limit",
     .failed_when = "/is_error",
     .limited = true,
     .quota = true,
     .until = "2026-11-22T19:00:00.000Z",
     .status = 429,
     .error = "hit your limit",
     .category = kRateLimit,
     .cause = Cause::quota},
    {.cli = "claude",
     .name = "usage_limit_epoch",
     .failed_when = "/is_error",
     .limited = true,
     .quota = true,
     .until = "2026-11-22T19:00:00.000Z",
     .error = "usage limit reached",
     .category = kRateLimit,
     .cause = Cause::quota},
    {.cli = "claude",
     .name = "permission_denied",
     .failed_when = "/permission_denials",
     .error = "permission",
     .category = kPermanent,
     .cause = Cause::configuration},
    {.cli = "claude",
     .name = "max_turns",
     .terminal = "max_turns",
     .category = kPermanent,
     .cause = Cause::task_limit},
    {.cli = "claude",
     .name = "max_budget",
     .terminal = "budget",
     .category = kPermanent,
     .cause = Cause::task_limit},
    {.cli = "claude",
     .name = "root_without_sandbox",
     .category = kPermanent,
     .cause = Cause::configuration},
    {.cli = "claude",
     .name = "resume_elsewhere",
     .failed_when = "/is_error",
     .category = kUnknown,
     .cause = Cause::check_failed},

    {.cli = "codex", .name = "success"},
    {.cli = "codex",
     .name = "http_429",
     .limited = true,
     .status = 429,
     .error = "429",
     .category = kRateLimit,
     .cause = Cause::service},
    {.cli = "codex",
     .name = "http_503",
     .status = 503,
     .error = "503 Service Unavailable",
     .category = Category::transient,
     .cause = Cause::service},
    {.cli = "codex",
     .name = "usage_limit",
     .limited = true,
     .quota = true,
     .until = "2026-11-23T02:13:00.000Z",
     .error = "usage limit",
     .category = kRateLimit,
     .cause = Cause::quota},
    {.cli = "codex",
     .name = "insufficient_quota",
     .limited = true,
     .quota = true,
     .error = "Quota exceeded",
     .category = kPermanent,
     .cause = Cause::quota},
    {.cli = "codex",
     .name = "http_401",
     .status = 401,
     .error = "Incorrect API key provided: [key]",
     .category = kPermanent,
     .cause = Cause::authentication},
    {.cli = "codex",
     .name = "not_a_repository",
     .category = kPermanent,
     .cause = Cause::configuration},

    {.cli = "gemini", .name = "success"},
    {.cli = "gemini",
     .name = "http_429",
     .limited = true,
     .until = "2026-11-22T17:00:34.070Z",
     .status = 429,
     .error = "current quota",
     .category = kRateLimit,
     .cause = Cause::quota},
    {.cli = "gemini",
     .name = "daily_quota",
     .limited = true,
     .quota = true,
     .status = 429,
     .error = "daily quota",
     .category = kRateLimit,
     .cause = Cause::quota},
    {.cli = "gemini",
     .name = "bad_key",
     .status = 400,
     .error = "API key not valid",
     .category = kPermanent,
     .cause = Cause::authentication},
    {.cli = "gemini",
     .name = "untrusted",
     .error = "not trusted",
     .category = kPermanent,
     .cause = Cause::configuration},
    {.cli = "gemini",
     .name = "no_auth",
     .error = "Auth method",
     .category = kPermanent,
     .cause = Cause::authentication},
    {.cli = "gemini",
     .name = "empty_input",
     .error = "prompt is empty",
     .category = kPermanent,
     .cause = Cause::data},
    {.cli = "gemini",
     .name = "turn_limit",
     .terminal = "max_turns",
     .error = "max session turns",
     .category = kPermanent,
     .cause = Cause::task_limit},

    {.cli = "aider", .name = "success"},
    {.cli = "aider", .name = "rate_limit_survived"},
    {.cli = "aider",
     .name = "rate_limit",
     .failed_when = "(?m)^litellm",
     .limited = true,
     .until = "2026-11-22T17:00:02.600Z",
     .error = "litellm.RateLimitError",
     .category = kRateLimit,
     .cause = Cause::service},
    {.cli = "aider",
     .name = "bad_key",
     .failed_when = "(?m)^litellm",
     .error = "provided: [key]",
     .category = kPermanent,
     .cause = Cause::authentication},
    {.cli = "aider",
     .name = "insufficient_quota",
     .failed_when = "(?m)^litellm",
     .limited = true,
     .quota = true,
     .error = "exceeded your current quota",
     .category = kPermanent,
     .cause = Cause::quota},
};

struct Recorded {
  std::string out, err;
  int exit = 0;
};

Recorded recorded(const Case& c) {
  const std::string path = std::string(DARN_RECORDED_AGENTS) + "/" + c.cli + "/" + c.name;
  return {slurp(path + ".out"), slurp(path + ".err"), std::stoi(slurp(path + ".exit"))};
}

AgentReport report_of(const Case& c) {
  const Recorded said = recorded(c);
  return read_report(presets().at(c.cli), said.exit, said.out, said.err, kNow);
}

TEST_CASE("recorded output: the report says what happened") {
  const TimeZone zone;
  for (const Case& c : kCases) {
    CAPTURE(c.cli);
    CAPTURE(c.name);
    const AgentReport report = report_of(c);
    CHECK(report.failed_when.substr(0, std::string(c.failed_when).size()) == c.failed_when);
    CHECK(report.failed_when.empty() == std::string(c.failed_when).empty());
    CHECK(report.terminal == c.terminal);
    CHECK(report.limited == c.limited);
    CHECK(report.quota == c.quota);
    CHECK((report.limited_until ? format_utc(*report.limited_until) : "") == c.until);
    CHECK(report.status.value_or(0) == c.status);
    CHECK_MESSAGE(report.error.find(c.error) != std::string::npos, report.error);
    CHECK(report.error.find("sk-test") == std::string::npos);
  }
}

TEST_CASE("recorded output: what is understood of it") {
  const TimeZone zone;
  for (const Case& c : kCases) {
    if (c.category == Category::none) {
      continue;
    }
    CAPTURE(c.cli);
    CAPTURE(c.name);
    const Recorded said = recorded(c);
    const AgentReport report = report_of(c);
    Outcome outcome;
    outcome.exit_code = said.exit;
    Verdict verdict;
    if (said.exit == 0) {
      verdict = {.proven = false, .cause = Cause::unknown, .why = "failed_when holds", .score = {}};
    }
    Evidence evidence;
    evidence.outcome = &outcome;
    evidence.verdict = &verdict;
    evidence.report = &report;
    evidence.output = said.out;
    evidence.errors = said.err;
    evidence.now = kNow;
    Diagnosis diagnosis = diagnose(evidence);
    apply_exit_meaning(presets().at(c.cli), outcome, diagnosis);
    CAPTURE(diagnosis.rule);
    CAPTURE(diagnosis.summary);
    CHECK(to_string(diagnosis.category) == to_string(c.category));
    CHECK(to_string(diagnosis.cause) == to_string(c.cause));
    CHECK((c.category != kPermanent || !diagnosis.advice.empty()));
  }
}

TEST_CASE("recorded output: every recording has its row") {
  std::set<std::string> rows;
  for (const Case& c : kCases) {
    rows.insert(std::string(c.cli) + "/" + c.name);
  }
  std::set<std::string> files;
  const std::filesystem::path root(DARN_RECORDED_AGENTS);
  for (const auto& file : std::filesystem::recursive_directory_iterator(root)) {
    if (file.path().extension() != ".out") {
      continue;
    }
    files.insert(std::filesystem::relative(file.path(), root).replace_extension().string());
  }
  CHECK(rows == files);
}

TEST_CASE("recorded output: result, cost, tokens and session of a success") {
  const auto report = [](const char* cli) {
    return report_of(Case{.cli = cli, .name = "success"});
  };
  const AgentReport claude = report("claude");
  CHECK(claude.result.starts_with("I wrote summary.md"));
  CHECK(claude.error.empty());
  CHECK(claude.cost_usd == 0.0123);
  CHECK(claude.tokens_cached == 15000);
  CHECK(claude.tokens_out == 31);
  CHECK(claude.session == "5b0c8e0e-6c1f-4b6e-9d0a-3f9a6d1c2e47");

  const AgentReport codex = report("codex");
  CHECK(codex.result == "Done: the log says 429.");
  CHECK_FALSE(codex.cost_usd);
  CHECK(codex.tokens_in == 24763);
  CHECK(codex.tokens_cached == 24448);
  CHECK(codex.tokens_out == 122);
  CHECK(presets().at("codex").tokens.cumulative);
  CHECK(presets().at("codex-openai").tokens.cumulative);
  CHECK(codex.session == "019a3f6e-0b7c-7d02-9a61-2f4f0f6f7c11");

  const AgentReport gemini = report("gemini");
  CHECK(gemini.result == "I wrote notes.md.");
  CHECK(gemini.tokens_in == 24939 + 8965);
  CHECK(gemini.tokens_cached == 21000);
  CHECK(gemini.tokens_out == 30);
  CHECK(gemini.session == "7c9a1d52-3f0e-4c55-8d39-5a1b6c1e9f20");

  const AgentReport aider = report("aider");
  CHECK(aider.cost_usd == 0.0071);
  CHECK(aider.tokens_in == 2300);
  CHECK(aider.tokens_cached == 1100);
  CHECK(aider.tokens_out == 131);
}

TEST_CASE("a session is known after a limit, so that the next attempt can go on with it") {
  const auto session = [](const char* cli, const char* name) {
    return report_of(Case{.cli = cli, .name = name}).session;
  };
  CHECK_FALSE(session("claude", "http_429").empty());
  CHECK_FALSE(session("codex", "http_429").empty());
  CHECK_FALSE(session("gemini", "http_429").empty());
}

TEST_CASE("a session that could not be gone on with is not tried again") {
  CHECK(report_of(Case{.cli = "claude", .name = "resume_elsewhere"}).session.empty());
}

}  // namespace
}  // namespace darn
