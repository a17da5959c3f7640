#include "agent/report.hpp"

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "agent/extract.hpp"
#include "support/property.hpp"

namespace darn {
namespace {

using nlohmann::json;

const Time kNow = time_from_ms(1'795'366'800'000);  // 2026-11-22 17:00 UTC

Extract at(std::string pointer) { return Extract{.at = std::move(pointer)}; }
Extract lines(std::string predicate, std::string pointer, std::string take = "last") {
  return Extract{.lines = std::move(predicate), .at = std::move(pointer), .take = std::move(take)};
}
Extract text(std::string regex, std::string take = "last") {
  return Extract{.regex = std::move(regex), .take = std::move(take)};
}

TEST_CASE("take: first, last and sum, over lines and over text") {
  const std::string out =
      "{\"t\":\"u\",\"n\":1}\nnoise 5k\n{\"t\":\"u\",\"n\":2}\n{\"t\":\"v\",\"n\":9}\n"
      "{\"t\":\"u\",\"n\":4}\nagain 1,500\n";
  const auto number = [&](const Extract& extract) {
    AgentDef with;
    with.cost_usd = extract;
    return OutputReader(with, out, "").number(extract);
  };
  CHECK(number(lines("/t == u", "/n", "first")) == 1);
  CHECK(number(lines("/t == u", "/n")) == 4);
  CHECK(number(lines("/t == u", "/n", "sum")) == 7);
  CHECK(number(text(R"((?:noise|again) (\S+))", "first")) == 5000);
  CHECK(number(text(R"((?:noise|again) (\S+))")) == 1500);
  CHECK(number(text(R"((?:noise|again) (\S+))", "sum")) == 6500);
  CHECK_FALSE(number(lines("/t == w", "/n")));
  CHECK_FALSE(number(text("nothing (.)")));
}

TEST_CASE("amounts: no sign, no infinity") {
  CHECK(parse_amount("1.2k") == 1200);
  CHECK(parse_amount(" 3M ") == 3e6);
  CHECK(parse_amount("1,234") == 1234);
  for (const char* wrong : {"", "k", "-1", "nan", "inf", "1e400", "1.2.3", "12 apples"}) {
    CHECK_FALSE_MESSAGE(parse_amount(wrong), wrong);
  }
}

TEST_CASE("cost: printed, else tokens times prices, else unknown") {
  AgentDef agent;
  agent.cost_usd = at("/cost");
  agent.tokens.input = at("/in");
  agent.tokens.cached = at("/cached");
  agent.tokens.output = at("/out");
  const std::string printed = R"({"cost": 0.5, "in": 1000000, "cached": 400000, "out": 100000})";
  const std::string unprinted = R"({"in": 1000000, "cached": 400000, "out": 100000})";
  CHECK(read_report(agent, 0, printed, "", kNow).cost_usd == 0.5);
  CHECK_FALSE(read_report(agent, 0, unprinted, "", kNow).cost_usd);
  agent.tokens.price_input = 1;
  agent.tokens.price_cached = 0.1;
  agent.tokens.price_output = 10;
  const auto report = read_report(agent, 0, unprinted, "", kNow);
  REQUIRE(report.cost_usd);
  CHECK(*report.cost_usd == doctest::Approx(0.6 + 0.04 + 1.0));
  CHECK(report.tokens_in == 1'000'000);
  CHECK(report.tokens_cached == 400'000);
  CHECK(report.tokens_out == 100'000);
  // An agent cannot earn money, nor spend more than there is.
  CHECK_FALSE(read_report(agent, 0, R"({"cost": -5})", "", kNow).cost_usd);
  CHECK(read_report(agent, 0, R"({"cost": 1e300})", "", kNow).cost_usd == 1e6);
  CHECK(read_report(agent, 0, R"({"in": 1e300})", "", kNow).tokens_in == 1'000'000'000'000);
}

TEST_CASE("what earlier attempts of a session used is taken off, where an agent counts it again") {
  AgentDef agent;
  agent.tokens.price_input = 1e6;
  AgentReport earlier;
  earlier.session = "s-1";
  earlier.tokens_in = 10;
  earlier.tokens_out = 3;
  AgentReport other = earlier;
  other.session = "s-2";
  const auto reduced = [&](const std::string& session, std::optional<double> cost) {
    AgentReport report;
    report.session = session;
    report.tokens_in = 25;
    report.tokens_out = 3;
    report.cost_usd = cost;
    subtract_earlier(agent, {earlier, other}, report);
    return report;
  };
  CHECK(reduced("s-1", 25).tokens_in == 25);
  agent.tokens.cumulative = true;
  CHECK(reduced("s-1", 25).tokens_in == 15);
  CHECK(reduced("s-1", 25).tokens_out == 0);
  CHECK(reduced("s-1", 25).cost_usd == 15);
  CHECK(reduced("s-1", 7).cost_usd == 7);  // printed: of the attempt
  CHECK(reduced("s-3", 25).tokens_in == 25);
  CHECK(reduced("", 25).tokens_in == 25);
  earlier.tokens_in = 1000;
  CHECK(reduced("s-1", 25).tokens_in == 0);
}

TEST_CASE("limits are only believed of an agent that failed") {
  AgentDef agent;
  agent.quota.text = "usage limit reached";
  agent.quota.rate = "429";
  const std::string out = "the handler answers 429 when the usage limit reached its end\n";
  CHECK_FALSE(read_report(agent, 0, out, "", kNow).limited);
  const auto failed = read_report(agent, 1, out, "", kNow);
  CHECK(failed.limited);
  CHECK(failed.quota);
  agent.error = lines("/type == error", "/message");
  const auto told =
      read_report(agent, 1, "429\n{\"type\":\"error\",\"message\":\"no such model\"}\n", "", kNow);
  CHECK_FALSE(told.limited);  // it says itself what is wrong
  CHECK(told.error == "no such model");
}

TEST_CASE("limit times: an epoch, a text, never in the past") {
  AgentDef agent;
  agent.quota.lines = "/type == limit";
  agent.quota.at = "/at";
  const auto until = [&](const std::string& line) {
    return read_report(agent, 1, line, "", kNow).limited_until;
  };
  const Time in_an_hour = kNow + std::chrono::hours{1};
  CHECK(until(R"({"type":"limit","at":1795370400})") == in_an_hour);
  CHECK(until(R"({"type":"limit","at":1795370400000})") == in_an_hour);
  CHECK_FALSE(until(R"({"type":"limit","at":5})"));
  CHECK_FALSE(until(R"({"type":"limit","at":-5})"));
  CHECK_FALSE(until(R"({"type":"limit","at":1e300})"));
  CHECK_FALSE(until(R"({"type":"limit","at":1895370400})"));  // years ahead
  CHECK(read_report(agent, 1, R"({"type":"limit","at":5})", "", kNow).quota);
}

TEST_CASE("a session goes back into an argv: plain words alone") {
  AgentDef agent;
  agent.session = at("/s");
  CHECK(read_report(agent, 0, R"({"s": "0199-ab_c.D:1"})", "", kNow).session == "0199-ab_c.D:1");
  for (const char* wrong : {R"({"s": "--help"})", R"({"s": "a b"})", R"({"s": ""})",
                            R"({"s": "a\nb"})", R"({"s": [1]})", R"({"s": "a;b"})"}) {
    CHECK_MESSAGE(read_report(agent, 0, wrong, "", kNow).session.empty(), wrong);
  }
}

TEST_CASE("keys that an error repeats are cut out; texts are printable and bounded") {
  AgentDef agent;
  agent.result = at("/r");
  agent.error = at("/e");
  const json out = {{"r", "a\x1b[31mred" + std::string(100'000, 'x')},
                    {"e", "key sk-abcdefghijklmnopqrstuvwx and Bearer abc.def-ghijk refused"}};
  const auto report = read_report(agent, 1, out.dump(), "", kNow);
  CHECK(report.error == "key [key] and Bearer [key] refused");
  CHECK(report.result.size() <= 4096 + 4);
  CHECK(report.result.starts_with("ared"));
}

TEST_CASE("what an exit status means, where nothing else was understood") {
  AgentDef agent;
  agent.name = "x";
  agent.exits[53] = {Category::permanent, Cause::task_limit, "too many turns"};
  agent.exits[173] = {Category::rate_limit, Cause::quota, "the day is used up"};
  const auto turns = read_report(agent, 53, "", "", kNow);
  CHECK(turns.terminal == "max_turns");
  CHECK(turns.error == "too many turns");
  const auto quota = read_report(agent, 173, "", "", kNow);
  CHECK(quota.limited);
  CHECK(quota.quota);

  Outcome outcome;
  outcome.exit_code = 53;
  Diagnosis unknown;
  unknown.category = Category::unknown;
  apply_exit_meaning(agent, outcome, unknown);
  CHECK(unknown.cause == Cause::task_limit);
  CHECK(unknown.summary == "too many turns");
  CHECK(unknown.rule == "agent.x.exit.53");
  Diagnosis understood;
  understood.category = Category::network;
  understood.rule = "text.econnreset";
  apply_exit_meaning(agent, outcome, understood);
  CHECK(understood.category == Category::network);
  outcome.end = End::timed_out;
  Diagnosis timeout = unknown;
  timeout.category = Category::unknown;
  timeout.cause = Cause::timeout;
  apply_exit_meaning(agent, outcome, timeout);
  CHECK(timeout.cause == Cause::timeout);
}

TEST_CASE("scores: a number, passed of total, a pointer") {
  const auto score = [](const std::string& regex, const std::string& output) {
    return read_score(ScoreRule{.regex = regex}, output);
  };
  CHECK(score(R"(score: ([0-9.]+))", "score: 0.1\nscore: 0.75\n") == 0.75);
  CHECK(score(R"((\d+) of (\d+) passed)", "3 of 4 passed") == 0.75);
  CHECK_FALSE(score(R"((\d+) of (\d+) passed)", "0 of 0 passed"));
  CHECK_FALSE(score(R"(score: (\S+))", "score: nan"));
  CHECK_FALSE(score("(", "x"));
  CHECK_FALSE(score("x*", "yyy"));
  const ScoreRule pointer{.pointer = "/summary/rate"};
  CHECK(read_score(pointer, "talk\n{\"summary\": {\"rate\": 0.5}}\n") == 0.5);
  CHECK(read_score(pointer, "{\"summary\": {\"rate\": \"0.5\"}}") == 0.5);
  CHECK_FALSE(read_score(pointer, "{\"summary\": {\"rate\": []}}"));
  CHECK_FALSE(read_score(ScoreRule{}, "1"));
}

TEST_CASE("long output: its head and its tail are read") {
  AgentDef agent;
  agent.session = lines("/type == start", "/s");
  agent.result = lines("/type == result", "/r");
  std::string out = "{\"type\":\"start\",\"s\":\"abc\"}\n";
  const std::string filler = "{\"type\":\"talk\",\"t\":\"" + std::string(4000, 'x') + "\"}\n";
  while (out.size() < kHeadWindow + kTailWindow + (4U << 20U)) {
    out += filler;
  }
  out += "{\"type\":\"result\",\"r\":\"done\"}\n";
  const auto report = read_report(agent, 0, out, "", kNow);
  CHECK(report.session == "abc");
  CHECK(report.result == "done");
  CHECK(result_object(agent, out, "") == json{{"type", "result"}, {"r", "done"}});
}

TEST_CASE("one gigantic line, and nothing but brackets") {
  AgentDef agent;
  agent.result = lines("/type exists", "/r");
  agent.error = text("E: (.*)");
  std::string out = "{\"type\":\"" + std::string(20U << 20U, 'x') + "\"}\n";
  CHECK(read_report(agent, 1, out, "", kNow).result.empty());
  out = std::string(20U << 20U, '{');
  CHECK(read_report(agent, 1, out, out, kNow).error.empty());
}

TEST_CASE("reports: arbitrary bytes never crash and never lie about amounts") {
  AgentDef agent;
  agent.result = lines("/type exists", "/r");
  agent.cost_usd = at("/cost");
  agent.session = at("/s");
  agent.error = text("(?s)(.*)");
  agent.status = text("(\\d+)");
  agent.tokens.input = text("(\\d*)", "sum");
  agent.failed_when = {"/a != 1"};
  agent.failed_when_text = {"x*"};
  agent.quota.text = "(?P<until>.*)";
  test::property("arbitrary bytes", [&](const std::vector<char>& a, const std::vector<char>& b) {
    const auto report = read_report(agent, 1, std::string(a.begin(), a.end()),
                                    std::string(b.begin(), b.end()), kNow);
    RC_ASSERT(report.cost_usd.value_or(0) >= 0);
    RC_ASSERT(report.tokens_in >= 0);
    RC_ASSERT(!report.limited_until || *report.limited_until > kNow);
    static_cast<void>(json(report.error).dump());  // throws on bytes that are not UTF-8
  });
  test::property("'*' adds up", [](const std::map<std::string, std::uint16_t>& counts) {
    json models = json::object();
    double sum = 0;
    for (const auto& [name, count] : counts) {
      models[json(name).dump(-1, ' ', true, json::error_handler_t::replace)] = {
          {"tokens", {{"input", count}}}};
    }
    for (const auto& model : models) {
      sum += model["tokens"]["input"].get<double>();
    }
    AgentDef with;
    with.tokens.input = at("/models/*/tokens/input");
    const auto report = read_report(with, 0, json{{"models", models}}.dump(2), "", kNow);
    RC_ASSERT(static_cast<double>(report.tokens_in) == sum);
  });
}

}  // namespace
}  // namespace darn
