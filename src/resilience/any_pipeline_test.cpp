#include "darn/any_pipeline.hpp"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "darn/fallback.hpp"
#include "darn/testing.hpp"
#include "resilience/policy_text.hpp"
#include "support/property.hpp"

using namespace std::chrono_literals;
using darn::any_pipeline;
using darn::category;
using darn::error;
using darn::outcome;
using darn::test::property;

namespace {

any_pipeline read(std::string_view text) {
  const auto p = any_pipeline::parse(text);
  REQUIRE_MESSAGE(p, (p ? "" : p.error().message));
  return *p;
}

std::string problem(std::string_view text) {
  const auto p = any_pipeline::parse(text);
  CHECK(p.has_value() == false);
  return p ? "nothing" : p.error().message;
}

template <class Policy>
Policy only(std::string_view text) {
  const any_pipeline p = read(text);
  REQUIRE(p.size() == 1);
  return std::get<Policy>(p[0]);
}

outcome<int> busy() { return darn::unexpected<error>(error{.category = category::transient}); }

}  // namespace

TEST_CASE("a configured pipeline does what it says") {
  darn::fake_clock clock;
  const any_pipeline p = read("timeout(1m) > retry(4, backoff=constant(2s, jitter=none))");
  int calls = 0;
  const auto result = p.run(
      {.clock = &clock},
      [&](darn::call& c, int plus) -> outcome<int> {
        return ++calls < 3 ? busy() : outcome<int>(c.attempt() + plus);
      },
      10);
  CHECK(*result == 13);
  CHECK(clock.sleeps() == std::vector<darn::duration>{2s, 2s});
  CHECK(p.text() == "timeout(1m) > retry(4 attempts, constant 2s)");
  darn::metrics m;
  p.collect(m);
  CHECK(m.text().find("darn_retry_healed_total{policy=\"retry\"} 1\n") != std::string::npos);
}

TEST_CASE("nothing configured calls directly") {
  CHECK(*any_pipeline().run([] { return 7; }) == 7);
  CHECK(any_pipeline().text() == "direct");
  CHECK(read(" \n ").size() == 0);
  CHECK(read("direct").size() == 0);
  CHECK(any_pipeline().run_or_throw([] { return std::make_unique<int>(3); }) != nullptr);
}

TEST_CASE("every setting of retry reaches it") {
  const auto o = only<darn::retry>(
                     "retry(max_attempts=7, backoff=exponential(250ms, factor=3, cap=40s, "
                     "jitter=decorrelated), deadline=1h, attempt_timeout=2s, idempotent=false, "
                     "max_retry_after=10m, retry_exhausted=true, budget=(bank, capacity=20, "
                     "per_success=0.5, share=20%, window=5s, at_least=3), adaptive=(most=4), "
                     "adaptive_key=host, name=payments, network=(backoff=schedule(1s, 5s, "
                     "jitter=none), max_delay=4s, max_attempts=9, budget_cost=2), unknown=never, "
                     "permanent=retry)")
                     .options();
  CHECK(o.max_attempts == 7);
  CHECK(o.backoff == darn::backoff::exponential(250ms, 40s, 3, darn::jitter::decorrelated()));
  CHECK(o.deadline == 1h);
  CHECK(o.attempt_timeout == 2s);
  CHECK_FALSE(o.idempotent);
  CHECK(o.max_retry_after == 10min);
  CHECK(o.retry_exhausted);
  CHECK(o.budget->options().name == "bank");
  CHECK(o.budget->options().capacity == 20);
  CHECK(o.budget->options().per_success == 0.5);
  CHECK(o.budget->options().share == 0.2);
  CHECK(o.budget->options().window == 5s);
  CHECK(o.budget->options().at_least == 3);
  CHECK(o.adaptive);
  CHECK(o.adaptive_key == "host");
  CHECK(o.name == "payments");
  const auto& network = o.of(category::network);
  CHECK(network.backoff == darn::backoff::schedule({1s, 5s}, darn::jitter::none()));
  CHECK(network.max_delay == 4s);
  CHECK(network.max_attempts == 9);
  CHECK(network.budget_cost == 2);
  CHECK_FALSE(o.of(category::unknown).retry);
  CHECK(o.of(category::permanent).retry);
  CHECK(o.of(category::timeout).retry);
}

TEST_CASE("what is not said has the default of the header") {
  const auto o = only<darn::retry>("retry").options();
  CHECK(o.max_attempts == darn::retry_options{}.max_attempts);
  CHECK(o.backoff == darn::retry_options{}.backoff);
  CHECK_FALSE(o.of(category::permanent).retry);
  CHECK(only<darn::circuit_breaker>("circuit_breaker").options().settings() ==
        darn::circuit_breaker_options{}.settings());
  CHECK(only<darn::bulkhead>("bulkhead()").options().max_concurrent == 10);
}

TEST_CASE("the settings of the other policies reach them") {
  CHECK(only<darn::timeout>("timeout(1m30s, name=all)").after() == 90s);
  const auto b = only<darn::circuit_breaker>(
                     "circuit_breaker(window_calls=50, window_time=20s, minimum_calls=5, "
                     "failure_rate=0.25, slow_call=2s, slow_rate=80%, open_for=10s, probes=2, "
                     "probe_wait=3s, ramp=0, ramp_from=1)")
                     .options()
                     .settings();
  CHECK(b == darn::breaker_settings{.window_calls = 50,
                                    .window_time = 20s,
                                    .minimum_calls = 5,
                                    .failure_rate = 0.25,
                                    .slow_call = 2s,
                                    .slow_rate = 0.8,
                                    .open_for = 10s,
                                    .probes = 2,
                                    .probe_wait = 3s,
                                    .ramp = 0s,
                                    .ramp_from = 1});
  const auto r =
      only<darn::rate_limiter>("rate_limiter(2.5, per=1m, burst=3, max_wait=4s)").options();
  CHECK((r.rate == 2.5 && r.per == 1min && r.burst == 3 && r.max_wait == 4s));
  const auto k = only<darn::bulkhead>("bulkhead(3, max_queue=4, max_wait=5s)").options();
  CHECK((k.max_concurrent == 3 && k.max_queue == 4 && k.max_wait == 5s));
  const auto h =
      only<darn::hedge>("hedge(20ms, quantile=0.95, at_least=2ms, max_hedges=2, share=5%)")
          .options();
  CHECK((h.delay == 20ms && h.quantile == 0.95 && h.at_least == 2ms && h.max_hedges == 2 &&
         h.share == 0.05));
  CHECK(read("adaptive_throttle(3, window=30s)").text() == "adaptive_throttle(k 3, over 30s)");
  CHECK(read("concurrency_limit(aimd, initial=5, least=2, most=50)").text() ==
        "concurrency_limit(aimd, 2 .. 50)");
  const auto failed = read("chaos(error_rate=1, fault=network)").run([] { return 1; });
  CHECK(failed.error().category == category::network);
  CHECK(read("chaos(error_rate=1, enabled=false)").run([] { return 1; }));
}

TEST_CASE("what is wrong is said with its place, and what would be right") {
  CHECK(problem("retry(5") == "column 8: here has to be , or )");
  CHECK(problem("retry >") == "column 8: something is missing at the end");
  CHECK(problem("retry retry") == "column 7: here has to be > and another policy, or the end");
  CHECK(problem("timeout(2s) >\n  retry(max_atempts=3)")
            .starts_with("line 2, column 9: retry takes max_attempts, backoff, deadline"));
  CHECK(problem("retry(max_atempts=3)").ends_with("; not max_atempts"));
  CHECK(problem("retry(0)") ==
        "column 7: max_attempts has to be a whole number from 1 to 1000000, not 0");
  CHECK(problem("retry(2.5)").ends_with("not 2.5"));
  CHECK(problem("retry(3, 4)") == "column 10: only the first setting may stand without its name");
  CHECK(problem("retry(3, max_attempts=4)") == "column 10: max_attempts is said twice");
  CHECK(problem("retry(deadline=1s, deadline=2s)") == "column 20: deadline is said twice");
  CHECK(problem("retry(deadline=5)") ==
        "column 7: deadline has to be a time like 250ms or 1m30s, above 0, not 5");
  CHECK(problem("retry(idempotent=no)") == "column 7: idempotent has to be true or false, not no");
  CHECK(
      problem("retry(backoff=slow)").starts_with("column 7: backoff has to be none, constant(1s)"));
  CHECK(problem("retry(backoff=schedule())") ==
        "column 7: a schedule has at least one time: schedule(5s, 15s, 45s)");
  CHECK(
      problem("retry(backoff=constant(1s, jitter=some))") ==
      "column 28: jitter has to be one of none, full, equal, proportional, decorrelated, not some");
  CHECK(problem("circuit_breaker(failure_rate=150%)") ==
        "column 17: failure_rate has to be a number from 0 to 1, not 150%");
  CHECK(problem("timeout").ends_with("a timeout has to say after what time: timeout(2s)"));
  CHECK(problem("timeout(0)").starts_with("column 9: after has to be a time"));
  CHECK(problem("fallback")
            .starts_with("column 1: there is no policy fallback that can be configured; there are "
                         "timeout, retry"));
  CHECK(problem("chaos(fault=none)").starts_with("column 7: fault has to be a category"));
  CHECK(problem("retry(name=\"x)") == "column 12: the closing \" is missing");
  CHECK(problem("(2s)") == "column 1: here has to be the name of a policy");
  CHECK(problem(std::string(100'000, 'x')) == "column 1: the text is longer than 64 KiB");
  CHECK(problem("a(b(c(d(e(f(g(h(i(j))))))))))").ends_with("too many ( within each other"));
}

TEST_CASE("a wrong order is refused with the sentence that pipeline has") {
  const auto p = any_pipeline::parse("circuit_breaker > retry");
  REQUIRE_FALSE(p);
  CHECK(p.error().code == "order");
  CHECK(p.error().category == category::permanent);
  CHECK(p.error().message ==
        darn::detail::order_problem(darn::layer::circuit_breaker, darn::layer::retry));
  CHECK_FALSE(any_pipeline::make({darn::retry(), darn::timeout(1s), darn::retry()}));
  CHECK(any_pipeline::make({darn::retry(), darn::timeout(1s), darn::circuit_breaker()}));
}

TEST_CASE("policies that are put together by code keep their hooks and their type of result") {
  int healed = 0;
  const auto p =
      any_pipeline::make({darn::retry({.backoff = {}, .on_healed = [&](auto&) { ++healed; }})});
  REQUIRE(p);
  int calls = 0;
  CHECK(p->run([&]() -> outcome<std::string> {
    return ++calls < 2 ? darn::unexpected<error>(error{}) : outcome<std::string>("x");
  }) == "x");
  CHECK(healed == 1);
  CHECK_THROWS_AS(p->run_or_throw([]() -> int { throw std::invalid_argument("no"); }),
                  std::invalid_argument);
}

TEST_CASE("it is a policy of another pipeline: what depends on the result stands outside") {
  const any_pipeline inner = read("retry(2, backoff=none)");
  int calls = 0;
  const auto p = darn::pipeline(darn::fallback(42), inner);
  CHECK(*p.run([&]() -> outcome<int> { return ++calls, busy(); }) == 42);
  CHECK(calls == 2);
  CHECK(p.text() == "fallback(1 alternative) > retry(2 attempts, no delay)");
}

TEST_CASE("copies of a hedge have results of their own, from threads of their own") {
  const any_pipeline p = read("timeout(30s) > hedge(1ms, share=1, max_hedges=2)");
  std::atomic<int> started{0};
  const auto result = p.run([&](std::stop_token stop) -> std::string {
    const int me = started++;
    while (me == 0 && !stop.stop_requested()) {
      std::this_thread::sleep_for(100us);
    }
    return std::string(100, static_cast<char>('a' + me));
  });
  REQUIRE(result);
  CHECK(result->front() != 'a');
}

TEST_CASE("a name is one breaker, limit or budget in all texts of a configuration") {
  darn::named_policies shared;
  const auto parse = [&](std::string_view text) { return any_pipeline::parse(text, shared); };
  const auto pay = parse("retry > circuit_breaker(name=bank, minimum_calls=3)");
  const auto refund = parse("circuit_breaker(name=bank)");
  const auto other = parse("circuit_breaker(name=shop) > bulkhead(name=bank)");
  REQUIRE((pay && refund && other));
  std::get<darn::circuit_breaker>((*pay)[1]).isolate();
  CHECK(refund->run([] { return 1; }).error().rejected);
  CHECK(other->run([] { return 1; }));
  CHECK(parse("circuit_breaker( minimum_calls=3 ,name=bank)").error().message ==
        "column 1: circuit_breaker bank is shared, and its settings are said already: "
        "circuit_breaker(name=bank, minimum_calls=3); give its name alone here");
  CHECK(parse("circuit_breaker(name=bank,minimum_calls=3)"));

  const auto a = parse("retry(budget=(name=b, capacity=2))");
  const auto b = parse("retry(budget=b)");
  const auto tokens = [](const auto& p) {
    return std::get<darn::retry>((*p)[0]).options().budget->tokens();
  };
  CHECK(tokens(a) == 2);
  CHECK(std::get<darn::retry>((*a)[0]).options().budget->reserve(2, {}));
  CHECK(tokens(b) == 0);
}

TEST_CASE("a text that is refused names nothing") {
  darn::named_policies shared;
  CHECK_FALSE(any_pipeline::parse("circuit_breaker(name=x, probes=2) > retry", shared));
  CHECK_FALSE(any_pipeline::parse("circuit_breaker(name=x, probes=2) > nothing", shared));
  CHECK(any_pipeline::parse("circuit_breaker(name=x, probes=3)", shared));
}

TEST_CASE("at run time and at compile time the same policies do the same") {
  property("same", [] {
    const auto script =
        *rc::gen::container<std::vector<std::uint8_t>>(60, rc::gen::inRange<std::uint8_t>(0, 5));
    const auto run_all = [&](const auto& p) {
      darn::fake_clock clock;
      std::size_t at = 0;
      std::string told;
      const auto callee = [&]() -> outcome<int> {
        const auto what = script[at++ % script.size()];
        clock.advance(std::chrono::milliseconds{what * 120});
        return what < 2 ? outcome<int>(what)
                        : darn::unexpected<error>(error{.category = static_cast<category>(what)});
      };
      for (int i = 0; i < 30; ++i) {
        const auto r = p.run({.clock = &clock}, callee);
        told += r ? std::to_string(*r) : r.error().text();
        told += "@" + std::to_string(clock.now().time_since_epoch().count()) + "\n";
      }
      return told;
    };
    const auto fixed = darn::pipeline(
        darn::timeout(5s),
        darn::retry({.max_attempts = 3,
                     .backoff = darn::backoff::exponential(100ms, 1s, 2, darn::jitter::none()),
                     .attempt_timeout = 400ms}),
        darn::circuit_breaker({.minimum_calls = 4, .open_for = 700ms, .ramp = 0s}));
    const auto read = any_pipeline::parse(
        "timeout(5s) > retry(3, backoff=exponential(100ms, cap=1s, jitter=none), "
        "attempt_timeout=400ms) > circuit_breaker(minimum_calls=4, open_for=700ms, ramp=0)");
    RC_ASSERT(run_all(fixed) == run_all(*read));
  });
}

TEST_CASE("any text is read or refused with a place that is in it") {
  const std::vector<std::string> words{"retry",    "timeout",  "circuit_breaker",
                                       "(",        ")",        ",",
                                       "=",        ">",        "2s",
                                       "5",        "\"",       "name",
                                       "backoff",  "constant", "jitter",
                                       "-1",       "1e300",    "nan",
                                       "%",        "\n",       " ",
                                       "schedule", "budget",   "network",
                                       "\\",       "\xff",     "never"};
  property("read or refused", [&] {
    const auto parts = *rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(words));
    std::string text;
    for (const std::string& part : parts) {
      text += part;
    }
    const auto p = any_pipeline::parse(text);
    if (!p && p.error().code == "syntax") {
      const std::string& m = p.error().message;
      const bool lines = text.find('\n') != std::string::npos;
      unsigned long line = 1;
      unsigned long column = 0;
      const bool placed =
          lines ? std::sscanf(m.c_str(), "line %lu, column %lu: ", &line, &column) == 2
                : std::sscanf(m.c_str(), "column %lu: ", &column) == 1;
      RC_ASSERT(placed);
      RC_ASSERT(line >= 1U);
      RC_ASSERT(line <= 1U + static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')));
      RC_ASSERT(column <= text.size() + 1);
    }
  });
}

TEST_CASE("a tree of words, written and read again, is the same tree") {
  using darn::policy_argument;
  using darn::policy_value;
  property("round trip", [] {
    const auto word = rc::gen::nonEmpty(
        rc::gen::container<std::string>(rc::gen::elementOf(std::string("ab1.%\"\\ (,)=>\n\xc3"))));
    policy_value leaf;
    leaf.word = *word;
    policy_value inner;
    inner.word = *word;
    inner.has_group = true;
    inner.group = {{.key = {}, .value = leaf}, {.key = *word, .value = leaf}};
    policy_value outer;
    outer.word = *word;
    outer.has_group = true;
    outer.group = {{.key = *word, .value = inner}, {.key = *word, .value = leaf}};
    const std::string text = to_text(outer);
    const auto again = darn::parse_policies(text);
    RC_ASSERT(again.size() == 1U);
    RC_ASSERT(to_text(again[0]) == text);
    RC_ASSERT(again[0].word == outer.word);
    RC_ASSERT(again[0].group[0].key == outer.group[0].key);
    RC_ASSERT(again[0].group[0].value.group[1].value.word == leaf.word);
  });
}
