#include "exec/use_ledger.hpp"

#include <utility>

#include <fmt/format.h>

namespace darn::exec {
namespace {

Time now() { return SystemClock().now(); }

// What a failure says of what is behind the breaker: nothing, when it lies with the command itself.
bool counts(Category c) {
  return c != Category::permanent && c != Category::resource && c != Category::none;
}

}  // namespace

UseLedger::UseLedger(const Options& options, const Talk& talk) : o_(options), talk_(talk) {
  rule_.after = options.breaker_after;
  rule_.open_for = options.breaker_open_for;
  if (options.timeout) {
    rule_.probe_lease = *options.timeout + options.grace + std::chrono::seconds{1};
  }
}

void UseLedger::trouble(const Error& error) {
  unusable_ = true;
  ledger_.reset();
  talk_.warn("goes on without statistics, breakers and budgets: " + in_own_words(error).text());
}

Ledger* UseLedger::get() {
  if (!ledger_ && !unusable_) {
    auto opened = Ledger::open(o_.ledger.empty() ? default_ledger() : o_.ledger);
    if (opened) {
      ledger_ = std::move(*opened);
    } else {
      trouble(opened.error());
    }
  }
  return ledger_.get();
}

template <class T>
bool UseLedger::good(const Result<T>& result) {
  if (!result) {
    trouble(result.error());
  }
  return result.has_value();
}

std::optional<std::string> UseLedger::enter_breaker() {
  permit_.reset();
  Ledger* ledger = o_.breaker.empty() ? nullptr : get();
  if (ledger == nullptr) {
    return std::nullopt;
  }
  const Time at = now();
  const auto permit = ledger->enter(o_.breaker, rule_, at);
  if (!good(permit)) {
    return std::nullopt;
  }
  if (!permit->admitted) {
    return "until " +
           format_local_clock(at + std::chrono::ceil<std::chrono::seconds>(permit->wait));
  }
  permit_ = *permit;
  return std::nullopt;
}

void UseLedger::leave_breaker(const Judgement& judgement, bool broken_off) {
  Ledger* ledger = permit_ ? get() : nullptr;
  if (ledger == nullptr) {
    return;
  }
  const auto how = broken_off || (judgement.failed && !counts(judgement.category))
                       ? breaker_core::result::cancelled
                   : judgement.failed ? breaker_core::result::failure
                                      : breaker_core::result::success;
  good(ledger->leave(o_.breaker, rule_, *std::exchange(permit_, std::nullopt), how,
                     judgement.category, now()));
}

bool UseLedger::reserve() {
  Ledger* ledger = o_.budget.empty() ? nullptr : get();
  if (ledger == nullptr) {
    return true;
  }
  const auto reserved = ledger->reserve(o_.budget, now());
  return !good(reserved) || *reserved;
}

void UseLedger::refund() {
  if (Ledger* ledger = o_.budget.empty() ? nullptr : get()) {
    good(ledger->give_back(o_.budget, 1, now()));
  }
}

void UseLedger::succeeded() {
  if (Ledger* ledger = o_.budget.empty() ? nullptr : get()) {
    good(ledger->give_back(o_.budget, Ledger::kPerSuccess, now()));
  }
}

void UseLedger::record(const Report& report, const std::string& program, Time at) {
  if (Ledger* ledger = get()) {
    good(ledger->record({&report, program, at}));
  }
}

}  // namespace darn::exec
