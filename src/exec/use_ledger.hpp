// The ledger as one use of darn exec sees it: opened when it is first needed; when it cannot be
// used, that is said once and everything is allowed. Belongs to one thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "exec/judge.hpp"
#include "exec/ledger.hpp"
#include "exec/talk.hpp"

namespace darn::exec {

class UseLedger {
 public:
  UseLedger(const Options& options, const Talk& talk);

  std::optional<std::string> enter_breaker();  // refused: "until 17:30:05"
  void leave_breaker(const Judgement& judgement, bool broken_off);
  bool reserve();
  void refund();
  void succeeded();
  void record(const Report& report, const std::string& program, Time at);

 private:
  Ledger* get();
  template <class T>
  bool good(const Result<T>& result);
  void trouble(const Error& error);

  const Options& o_;
  const Talk& talk_;
  BreakerRule rule_;
  std::unique_ptr<Ledger> ledger_;
  bool unusable_ = false;
  std::optional<breaker_core::permit> permit_;
};

}  // namespace darn::exec
