// Breakers and budgets by name: each question is one transaction over what the library's own
// state machines keep as text and numbers. Times in the file are of the wall clock, since steady
// clocks begin anew with each boot; what a jump of it can do is bounded here and in breaker_core.
#include <algorithm>

#include <fmt/format.h>

#include "exec/ledger.hpp"

namespace darn::exec {
namespace {

using namespace std::chrono_literals;

time_point as_steady(Time t) { return time_point{t.time_since_epoch()}; }
Time as_wall(time_point t) { return Time{std::chrono::ceil<Duration>(t.time_since_epoch())}; }

// Of commands there are few, each of them long: opens when of the last ten attempts at least five
// have been, and half of them failed. One probe, then at full load at once.
breaker_settings settings_for(Duration open_for, Duration lease) {
  breaker_settings s;
  s.window_calls = 10;
  s.minimum_calls = 5;
  s.failure_rate = 0.5;
  s.open_for = open_for;
  s.probes = 1;
  s.probe_wait = lease;
  s.ramp = 0s;
  return s;
}

}  // namespace

Result<breaker_core> Ledger::load(const std::string& breaker, Duration open_for, Duration lease,
                                  Time now) {
  const breaker_settings settings = settings_for(open_for, lease);
  DARN_ASSIGN(Query row, db_->query("SELECT core, at FROM breakers WHERE name = ?1", breaker));
  DARN_ASSIGN(const bool found, row.step());
  if (!found) {
    return breaker_core(settings);
  }
  // Its times are relative to when it was saved; one from the future is of a clock set back.
  const Time at = std::min(row.time(1), now);
  return breaker_core::load(settings, row.view(0), as_steady(at)).value_or(breaker_core(settings));
}

Status Ledger::save(const std::string& breaker, const breaker_core& core, Time now) {
  DARN_TRY(
      db_->run("INSERT INTO breakers (name, core, settings, at) VALUES (?1, ?2, ?3, ?4)"
               " ON CONFLICT (name) DO UPDATE SET core = ?2, settings = ?3, at = ?4",
               breaker, core.save(as_steady(now)),
               fmt::format("{} {}", std::chrono::ceil<Duration>(core.settings().open_for).count(),
                           std::chrono::ceil<Duration>(core.settings().probe_wait).count()),
               now));
  return {};
}

Result<breaker_core::permit> Ledger::enter(const std::string& breaker, Duration open_for,
                                           Duration lease, Time now) {
  DARN_ASSIGN(Scope scope, Scope::open(*db_));
  DARN_ASSIGN(breaker_core core, load(breaker, open_for, lease, now));
  const breaker_core::permit permit = core.enter(as_steady(now));
  DARN_TRY(save(breaker, core, now));
  DARN_TRY(scope.commit());
  return permit;
}

Result<std::optional<Time>> Ledger::leave(const std::string& breaker,
                                          const breaker_core::permit& permit,
                                          breaker_core::result how, Duration open_for,
                                          Duration lease, Time now) {
  DARN_ASSIGN(Scope scope, Scope::open(*db_));
  DARN_ASSIGN(breaker_core core, load(breaker, open_for, lease, now));
  core.leave(permit, how, false, as_steady(now));
  DARN_TRY(save(breaker, core, now));
  DARN_TRY(scope.commit());
  return core.state(as_steady(now)) == breaker_state::open
             ? std::optional(as_wall(core.refuses_until()))
             : std::nullopt;
}

Result<std::vector<BreakerState>> Ledger::breakers(Time now) {
  std::vector<BreakerState> all;
  DARN_TRY(db_->each(
      "SELECT name, core, settings, at FROM breakers ORDER BY name", [&](Query& row) -> Status {
        const std::string settings = row.text(2);
        std::int64_t open_for = 60'000;
        std::int64_t lease = 60'000;
        std::sscanf(settings.c_str(), "%ld %ld", &open_for, &lease);  // NOLINT: we wrote it
        const auto core = breaker_core::load(settings_for(Duration{open_for}, Duration{lease}),
                                             row.view(1), as_steady(std::min(row.time(3), now)));
        BreakerState s{.name = row.text(0)};
        if (core) {
          s.state = core->state(as_steady(now));
          s.calls = core->calls(as_steady(now));
          s.failure_rate = core->failure_rate(as_steady(now));
          if (s.state == breaker_state::open) {
            s.open_until = std::min(as_wall(core->refuses_until()), now + Duration{open_for});
          }
        }
        all.push_back(std::move(s));
        return {};
      }));
  return all;
}

Result<bool> Ledger::reset(const std::string& name) {
  DARN_ASSIGN(Scope scope, Scope::open(*db_));
  DARN_ASSIGN(const std::int64_t breakers, db_->run("DELETE FROM breakers WHERE name = ?1", name));
  DARN_ASSIGN(const std::int64_t budgets, db_->run("DELETE FROM budgets WHERE name = ?1", name));
  DARN_TRY(scope.commit());
  return breakers + budgets > 0;
}

// With what time has given back. A clock that was set back gives nothing; one that was set forward
// no more than a full budget.
Result<double> Ledger::tokens(const std::string& budget, Time now) {
  DARN_ASSIGN(Query row, db_->query("SELECT tokens, at FROM budgets WHERE name = ?1", budget));
  DARN_ASSIGN(const bool found, row.step());
  if (!found) {
    return kBudget;
  }
  const std::chrono::duration<double, std::ratio<3600>> hours =
      std::max(now - row.time(1), Duration{0});
  return std::clamp(row.real(0) + hours.count() * kPerHour, 0.0, kBudget);
}

Status Ledger::save_tokens(const std::string& budget, double tokens, Time now) {
  DARN_TRY(
      db_->run("INSERT INTO budgets (name, tokens, at) VALUES (?1, ?2, ?3)"
               " ON CONFLICT (name) DO UPDATE SET tokens = ?2, at = ?3",
               budget, std::min(tokens, kBudget), now));
  return {};
}

Result<bool> Ledger::take_retry(const std::string& budget, Time now) {
  DARN_ASSIGN(Scope scope, Scope::open(*db_));
  DARN_ASSIGN(const double have, tokens(budget, now));
  const bool taken = have >= 1;
  DARN_TRY(save_tokens(budget, taken ? have - 1 : have, now));
  DARN_TRY(scope.commit());
  return taken;
}

Status Ledger::give_success(const std::string& budget, Time now) {
  DARN_ASSIGN(Scope scope, Scope::open(*db_));
  DARN_ASSIGN(const double have, tokens(budget, now));
  DARN_TRY(save_tokens(budget, have + kPerSuccess, now));
  return scope.commit();
}

Result<std::vector<BudgetState>> Ledger::budgets(Time now) {
  std::vector<BudgetState> all;
  DARN_TRY(db_->each("SELECT name FROM budgets ORDER BY name", [&](Query& row) -> Status {
    all.push_back({.name = row.text(0)});
    return {};
  }));
  for (BudgetState& one : all) {
    DARN_ASSIGN(one.tokens, tokens(one.name, now));
  }
  return all;
}

}  // namespace darn::exec
