#include "exec/ledger.hpp"

#include <sys/stat.h>

#include <doctest/doctest.h>

#include "support/temp_dir.hpp"

namespace darn::exec {
namespace {

using namespace std::chrono_literals;
using How = breaker_core::result;

constexpr Time kBegin = Time{1'700'000'000'000ms};

struct Fixture {
  test::TempDir dir;
  std::string path = (dir.path() / "state/darn/exec.db").string();
  Ledger open() {
    auto opened = Ledger::open(path);
    REQUIRE_MESSAGE(opened, opened.error().text());
    return std::move(*opened);
  }
  // One attempt by a process of its own.
  bool attempt(How how, Time now) {
    Ledger ledger = open();
    const auto permit = ledger.enter("m", 60s, 30s, now);
    REQUIRE(permit);
    if (permit->admitted) {
      REQUIRE(ledger.leave("m", *permit, how, 60s, 30s, now));
    }
    return permit->admitted;
  }
  void open_breaker() {
    for (int i = 0; i < 5; ++i) {
      CHECK(attempt(How::failure, kBegin));
    }
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a breaker goes on where another process has left it") {
  open_breaker();
  CHECK_FALSE(attempt(How::success, kBegin + 59s));
  CHECK(attempt(How::success, kBegin + 61s));  // the probe
  CHECK(attempt(How::failure, kBegin + 61s));  // closed, the window empty
}

TEST_CASE_FIXTURE(Fixture, "a prober that dies blocks nobody for longer than its lease") {
  open_breaker();
  Ledger ledger = open();
  const Time half_open = kBegin + 61s;
  CHECK(ledger.enter("m", 60s, 30s, half_open)->admitted);
  CHECK_FALSE(attempt(How::success, half_open + 29s));
  CHECK(attempt(How::success, half_open + 31s));
}

TEST_CASE_FIXTURE(Fixture, "the wall clock jumps") {
  open_breaker();
  SUBCASE("back by a year: open for no longer than it is meant to be") {
    const Time back = kBegin - 24h * 365;
    CHECK_FALSE(attempt(How::success, back));
    CHECK(attempt(How::success, back + 61s));
  }
  SUBCASE("ahead: tried a little early") { CHECK(attempt(How::success, kBegin + 24h * 365)); }
}

TEST_CASE_FIXTURE(Fixture, "a budget gives ten retries, and time and successes give back") {
  Ledger ledger = open();
  for (int i = 0; i < 10; ++i) {
    CHECK(ledger.take_retry("b", kBegin).value());
  }
  CHECK_FALSE(ledger.take_retry("b", kBegin).value());
  CHECK_FALSE(ledger.take_retry("b", kBegin - 24h).value());  // a clock set back gives nothing
  for (int i = 0; i < 11; ++i) {
    CHECK(ledger.give_success("b", kBegin - 24h));
  }
  CHECK(ledger.take_retry("b", kBegin - 24h).value());
  CHECK_FALSE(ledger.take_retry("b", kBegin - 24h).value());
  CHECK(ledger.take_retry("b", kBegin - 24h + 7min).value());
  CHECK(ledger.budgets(kBegin + 24h)->front().tokens == Ledger::kBudget);
}

TEST_CASE_FIXTURE(Fixture, "reset forgets both") {
  open_breaker();
  Ledger ledger = open();
  CHECK(ledger.take_retry("m", kBegin).value());
  CHECK(ledger.breakers(kBegin)->front().open_until == kBegin + 60s);
  CHECK(ledger.reset("m").value());
  CHECK(ledger.breakers(kBegin)->empty());
  CHECK(ledger.budgets(kBegin)->empty());
  CHECK_FALSE(ledger.reset("m").value());
}

TEST_CASE_FIXTURE(Fixture, "uses are counted by name") {
  Ledger ledger = open();
  Report report;
  report.name = "fetch";
  report.began = kBegin;
  Attempt failed;
  failed.diagnosis.category = Category::network;
  report.attempts = {failed, failed, Attempt{}};
  report.ending = Ending::healed;
  report.took = 9s;
  report.saved = 8s;
  CHECK(ledger.record(report, "curl", kBegin));
  report.attempts = {Attempt{}};
  report.ending = Ending::succeeded;
  report.took = 1s;
  report.saved = 0s;
  CHECK(ledger.record(report, "curl", kBegin));
  const auto stats = ledger.stats("").value();
  REQUIRE(stats.size() == 1);
  const NameStats& s = stats.front();
  CHECK(s.uses == 2);
  CHECK(s.failed_first == 1);
  CHECK(s.healed == 1);
  CHECK(s.mean_retries == 2);
  CHECK(s.median == 1s);
  CHECK(s.saved == 8s);
  CHECK(ledger.stats("other")->empty());
}

TEST_CASE_FIXTURE(Fixture, "what is too much for a name goes, the oldest first") {
  Ledger ledger = open();
  auto db = Database::open(path, 2 /* SQLITE_OPEN_READWRITE */);
  REQUIRE(db);
  REQUIRE((*db)->script(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10111)"
      "INSERT INTO uses (name, program, began, ending, attempts, failed_first, category, rule,"
      " status, signal, took, ran, saved)"
      " SELECT 'a', 'a', 1700000000000, 'succeeded', 1, 0, 'none', '', 0, 0, 1, 1, 0 FROM n"));
  Report report;
  report.name = "a";
  report.began = kBegin;
  CHECK(ledger.record(report, "a", kBegin));  // the 10,112th: a multiple of 64
  CHECK(ledger.stats("a")->front().uses == Ledger::kKeptPerName);
}

TEST_CASE_FIXTURE(Fixture, "only its user can read it") {
  open();
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777U) == 0600U);
  REQUIRE(::stat((dir.path() / "state/darn").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777U) == 0700U);
  CHECK_FALSE(Ledger::open(""));
}

}  // namespace darn::exec
