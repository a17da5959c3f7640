#include "exec/ledger.hpp"

#include <sys/stat.h>

#include <filesystem>

#include <doctest/doctest.h>

#include "support/temp_dir.hpp"

namespace darn::exec {
namespace {

using namespace std::chrono_literals;

struct LedgerFixture {
  test::TempDir dir;
  std::string path = (dir.path() / "darn" / "exec.db").string();
  Time now = time_from_ms(1'700'000'000'000);

  std::unique_ptr<Ledger> open() const {
    auto ledger = Ledger::open(path);
    REQUIRE_MESSAGE(ledger, ledger.error().text());
    return std::move(*ledger);
  }
};

Report report(Ending ending, int attempts, Category category) {
  Report r;
  r.name = "fetch";
  r.ending = ending;
  r.attempts = attempts;
  r.category = category;
  r.waited = 3s;
  r.history.resize(static_cast<std::size_t>(attempts));
  if (!r.history.empty()) {
    r.history.front().category = category;
  }
  return r;
}

void fail_probe(Ledger& ledger, const BreakerRule& rule, Time now) {
  const auto permit = ledger.enter("b", rule, now);
  REQUIRE(permit);
  REQUIRE(permit->admitted);
  REQUIRE(ledger.leave("b", rule, *permit, breaker_core::result::failure, Category::network, now));
}

TEST_CASE_FIXTURE(LedgerFixture, "it is private, and there only when something is kept") {
  const auto none = Ledger::open(path, false);
  REQUIRE(none);
  CHECK(*none == nullptr);
  open();
  struct stat info {};
  ::stat(path.c_str(), &info);
  CHECK((info.st_mode & 0777) == 0600);
  ::stat((dir.path() / "darn").c_str(), &info);
  CHECK((info.st_mode & 0777) == 0700);
}

TEST_CASE_FIXTURE(LedgerFixture, "statistics by name") {
  const auto ledger = open();
  for (const Report& r :
       {report(Ending::ok, 1, Category::none), report(Ending::healed, 3, Category::network),
        report(Ending::healed, 2, Category::timeout), report(Ending::failed, 6, Category::network),
        report(Ending::rejected, 0, Category::none)}) {
    REQUIRE(ledger->record({&r, "curl", now}));
  }
  Report other = report(Ending::ok, 1, Category::none);
  other.name = "other";
  REQUIRE(ledger->record({&other, "curl", now + 1s}));
  const auto all = ledger->stats("");
  REQUIRE(all);
  REQUIRE(all->size() == 2);
  const NameStats& s = all->front();
  CHECK(s.name == "fetch");
  CHECK(s.uses == 5);
  CHECK(s.failed_first == 3);
  CHECK(s.endings.at("healed") == 2);
  CHECK(s.healed_by == std::map<std::int64_t, std::int64_t>{{1, 1}, {2, 1}});
  CHECK(s.categories.at("network") == 2);
  CHECK(s.waited == 6s);
  CHECK(ledger->stats("other")->size() == 1);
  CHECK(ledger->stats("nobody")->empty());
}

TEST_CASE_FIXTURE(LedgerFixture, "a breaker is one for all who open the ledger") {
  const auto one = open();
  const auto two = open();
  const BreakerRule rule{.after = 2, .open_for = 10s, .probe_lease = 5s};
  fail_probe(*one, rule, now);
  fail_probe(*two, rule, now);
  CHECK_FALSE(one->enter("b", rule, now)->admitted);
  CHECK(one->enter("b", rule, now)->wait == 10s);
  CHECK(one->enter("other", rule, now)->admitted);
  auto rows = two->breakers(now + 4s);
  REQUIRE(rows);
  CHECK(rows->front().state == breaker_state::open);
  CHECK(rows->front().until == now + 10s);
  CHECK(rows->front().category == "network");

  SUBCASE("its time goes on while nobody has it open") {
    CHECK_FALSE(two->enter("b", rule, now + 9s)->admitted);
    const auto probe = two->enter("b", rule, now + 10s);
    CHECK(probe->admitted);
    CHECK_FALSE(one->enter("b", rule, now + 11s)->admitted);
    REQUIRE(
        two->leave("b", rule, *probe, breaker_core::result::success, Category::none, now + 12s));
    CHECK(one->breakers(now + 12s)->front().state == breaker_state::closed);
  }
  SUBCASE("a probe that does not come back is given up") {
    CHECK(two->enter("b", rule, now + 10s)->admitted);
    CHECK_FALSE(one->enter("b", rule, now + 14s)->admitted);
    CHECK(one->enter("b", rule, now + 15s)->admitted);
  }
  SUBCASE("a clock that was set back keeps it open for no longer than its time") {
    const Time before = now - 24h;
    CHECK_FALSE(one->enter("b", rule, before)->admitted);
    CHECK(one->enter("b", rule, before + 10s)->admitted);
  }
  SUBCASE("by hand") {
    CHECK(*one->reset("b"));
    CHECK_FALSE(*one->reset("b"));
    CHECK(two->enter("b", rule, now)->admitted);
  }
}

TEST_CASE_FIXTURE(LedgerFixture,
                  "a budget: ten retries, one more for ten successes, never above ten") {
  const auto ledger = open();
  REQUIRE(ledger->give_back("b", 5, now));
  for (int i = 0; i < 10; ++i) {
    CHECK(*ledger->reserve("b", now));
  }
  CHECK_FALSE(*open()->reserve("b", now));
  for (int i = 0; i < 10; ++i) {
    CHECK_FALSE(*ledger->reserve("b", now));
    REQUIRE(ledger->give_back("b", Ledger::kPerSuccess, now));
  }
  CHECK(*ledger->reserve("b", now));
  CHECK_FALSE(*ledger->reserve("b", now));
}

TEST_CASE_FIXTURE(LedgerFixture, "what is old goes") {
  const auto ledger = open();
  const Report r = report(Ending::ok, 1, Category::none);
  for (int i = 0; i < 63; ++i) {
    REQUIRE(ledger->record({&r, "curl", now}));
  }
  REQUIRE(ledger->record({&r, "curl", now + 24h * 91}));
  CHECK(ledger->stats("")->front().uses == 1);
}

TEST_CASE_FIXTURE(LedgerFixture, "the log stays short, one use for each time it is opened") {
  const Report r = report(Ending::ok, 1, Category::none);
  std::uintmax_t longest = 0;
  for (int i = 0; i < 200; ++i) {
    REQUIRE(open()->record({&r, "curl", now}));
    longest = std::max(longest, std::filesystem::file_size(path + "-wal"));
  }
  CHECK(longest < 512 * 1024);
  CHECK(open()->stats("")->front().uses == 200);
}

TEST_CASE_FIXTURE(LedgerFixture,
                  "what cannot be opened is an error, without advice that is about runs") {
  std::filesystem::create_directories(path);
  const auto ledger = Ledger::open(path);
  REQUIRE_FALSE(ledger);
  CHECK(in_own_words(ledger.error()).text().find("--state") == std::string::npos);
}

}  // namespace
}  // namespace darn::exec
