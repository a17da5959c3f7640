// What all uses of `darn exec` by one user share: the record of uses, breakers and budgets by name.
// One SQLite file, each call one transaction; other processes are waited for up to two seconds. Of
// a command only the name and the program are kept, never its arguments or its output. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "darn/breaker_core.hpp"
#include "exec/exec.hpp"
#include "store/sqlite.hpp"

namespace darn::exec {

// $XDG_STATE_HOME/darn/exec.db; empty when there is no home.
std::string default_ledger();

struct BreakerState {
  std::string name;
  breaker_state state = breaker_state::closed;
  std::uint64_t calls = 0;  // that count now, and how many of them failed
  double failure_rate = 0;
  std::optional<Time> open_until;
};

struct BudgetState {
  std::string name;
  double tokens = 0;
};

// Of all uses by one name.
struct NameStats {
  std::string name;
  std::string program;
  std::int64_t uses = 0;
  std::int64_t failed_first = 0;  // the first try failed
  std::int64_t healed = 0;
  std::int64_t gave_up = 0;
  std::int64_t fell_back = 0;
  std::int64_t rejected = 0;
  std::int64_t interrupted = 0;
  double mean_retries = 0;  // of the healed ones
  std::int64_t max_retries = 0;
  Duration median{};  // of a whole use that was not rejected
  Duration saved{};
  Time last{};
};

class Ledger {
 public:
  static constexpr std::int64_t kKeptPerName = 10'000;
  static constexpr Duration kKeptFor = std::chrono::hours{24 * 90};
  static constexpr double kBudget = 10;        // tokens; a retry takes one
  static constexpr double kPerSuccess = 0.1;   // as in gRPC: one retry for ten successes
  static constexpr double kPerHour = kBudget;  // and what time gives back

  // Makes folder (0700) and file (0600) when they are not there. Read-only: fails when the file is
  // not there.
  static Result<Ledger> open(const std::string& path, bool read_only = false);
  Ledger(Ledger&&) noexcept = default;

  Status record(const Report& report, const std::string& program, Time now);
  Result<std::vector<NameStats>> stats(const std::string& name);  // empty: all

  // May an attempt begin? A permit for a probe is a lease: it is void after `lease`.
  Result<breaker_core::permit> enter(const std::string& breaker, Duration open_for, Duration lease,
                                     Time now);
  // Until when it refuses everybody now; none: it does not.
  Result<std::optional<Time>> leave(const std::string& breaker, const breaker_core::permit& permit,
                                    breaker_core::result how, Duration open_for, Duration lease,
                                    Time now);
  Result<std::vector<BreakerState>> breakers(Time now);
  Result<std::vector<BudgetState>> budgets(Time now);
  Result<bool> reset(const std::string& name);  // breaker and budget; false: there is none

  Result<bool> take_retry(const std::string& budget, Time now);
  Status give_success(const std::string& budget, Time now);

 private:
  explicit Ledger(std::unique_ptr<Database> db) : db_(std::move(db)) {}
  Status prune(std::int64_t row, const std::string& name, Time now);
  Result<breaker_core> load(const std::string& breaker, Duration open_for, Duration lease,
                            Time now);
  Status save(const std::string& breaker, const breaker_core& core, Time now);
  Result<double> tokens(const std::string& budget, Time now);
  Status save_tokens(const std::string& budget, double tokens, Time now);

  std::unique_ptr<Database> db_;
};

}  // namespace darn::exec
