#include "policy/budget.hpp"

#include "support/property.hpp"

using namespace darn;

TEST_CASE("what is reserved: the task's budget, the agent's setting, what was seen, nothing") {
  CHECK(reservation({.usd = 2.0}, 1.0, 0.5) == 2.0);
  CHECK(reservation({}, 1.0, 0.5) == 1.0);
  CHECK(reservation({}, 0, 0.5) == 0.5);
  CHECK(reservation({}, 0, 0) == 0);
  CHECK(token_reservation({.tokens = 100}, 50) == 100);
  CHECK(token_reservation({}, 50) == 50);
}

TEST_CASE("nothing starts when spent + reserved would pass the budget") {
  const Budget five{.usd = 5.0};
  CHECK(over_budget({}, {.usd = 1e9, .tokens = 1LL << 60}, 1, 1).empty());
  CHECK(over_budget(five, {.usd = 4.5}, 0.5, 0).empty());
  CHECK(over_budget(five, {.usd = 4.5, .reserved_usd = 0.1}, 0.5, 0).find("budget $5") == 0);
  CHECK_FALSE(over_budget(five, {.usd = 5.0}, 0, 0).empty());  // exhausted, nothing reserved
  CHECK_FALSE(over_budget({.usd = 0.0}, {}, 0, 0).empty());
  CHECK(over_budget({.usd = 0.3}, {.usd = 0.1 + 0.1}, 0.1, 0).empty());  // equal on paper
  const Budget tokens{.tokens = 1000};
  CHECK(over_budget(tokens, {.tokens = 900}, 0, 100).empty());
  CHECK(over_budget(tokens, {.tokens = 900}, 0, 101) ==
        "budget 1,000 tokens: 900 spent, 0 reserved, the next attempt may take 101");
}

TEST_CASE("a run that asks first never passes its budget by reservations") {
  darn::test::property("spent + reserved <= budget", [] {
    const Budget budget{.usd = 10.0, .tokens = 10'000};
    Spending s;
    for (int i = 0; i < 100; ++i) {
      const double usd = static_cast<double>(*rc::gen::inRange(0, 300)) / 100;
      const auto tokens = *rc::gen::inRange<std::int64_t>(0, 3000);
      if (over_budget(budget, s, usd, tokens).empty()) {
        s.reserved_usd += usd;
        s.reserved_tokens += tokens;
      }
    }
    RC_ASSERT(s.reserved_usd <= 10.0 + 1e-6);
    RC_ASSERT(s.reserved_tokens <= 10'000);
  });
}
