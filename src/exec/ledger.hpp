// What all uses of darn exec share: who ran and how it ended, breakers and budgets by name. One
// SQLite database, 0600 in a folder of 0700, shared by processes: what is decided by a breaker or a
// budget is loaded, decided and saved in one transaction. Waits a bounded time for others; fails
// with an Error and never ends anything. A Ledger belongs to one thread.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "darn/breaker_core.hpp"
#include "exec/exec.hpp"
#include "store/sqlite.hpp"

namespace darn::exec {

std::string default_ledger();  // $XDG_STATE_HOME/darn/exec.db

// What store/ said of the file, without advice that is about runs.
Error in_own_words(Error error);

// How a named breaker is to behave; the rest is fixed (ledger.cpp).
struct BreakerRule {
  int after = 5;
  Duration open_for = std::chrono::minutes{1};
  Duration probe_lease = std::chrono::minutes{5};  // a probe that is not back by then is lost
};

struct BreakerRow {
  std::string name;
  breaker_state state = breaker_state::closed;
  double failure_rate = 0;
  std::uint64_t calls = 0;
  std::string category;
  Time until{};  // open: may be tried again then
};

struct NameStats {
  std::string name;
  std::int64_t uses = 0;
  std::int64_t failed_first = 0;  // of these, the first attempt failed
  std::map<std::string, std::int64_t> endings;
  std::map<std::string, std::int64_t> categories;  // of the last failure
  std::map<std::int64_t, std::int64_t> healed_by;  // retries -> how often
  Duration waited{};                               // of the healed ones, between attempts
  Time first{};
  Time last{};
};

class Ledger {
 public:
  static constexpr double kCapacity = 10;  // tokens of a budget, as darn::retry_budget
  static constexpr double kPerSuccess = 0.1;

  static Result<std::unique_ptr<Ledger>> open(const std::string& path, bool create = true);

  struct Row {
    const Report* report;
    std::string program;
    Time at;
  };
  Status record(const Row& row);

  // A refused permit says for how long.
  Result<breaker_core::permit> enter(const std::string& breaker, const BreakerRule& rule, Time now);
  Status leave(const std::string& breaker, const BreakerRule& rule,
               const breaker_core::permit& permit, breaker_core::result how, Category category,
               Time now);
  Result<std::vector<BreakerRow>> breakers(Time now);
  Result<bool> reset(const std::string& breaker);  // false: there is none of that name

  Result<bool> reserve(const std::string& budget, Time now);  // a retry's token; false: none left
  Status give_back(const std::string& budget, double tokens, Time now);

  Result<std::vector<NameStats>> stats(const std::string& name);  // empty: all

 private:
  explicit Ledger(std::unique_ptr<Database> db) : db_(std::move(db)) {}
  Status prune(const std::string& name, std::int64_t id, Time now);
  void tidy();
  Result<breaker_core> load(const std::string& breaker, const BreakerRule& rule, Time now);
  Status save(const std::string& breaker, const BreakerRule& rule, const breaker_core& core,
              Time now);
  Result<double> tokens(const std::string& budget);
  Status save_tokens(const std::string& budget, double tokens, Time now);

  std::unique_ptr<Database> db_;
};

}  // namespace darn::exec
