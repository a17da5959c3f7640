// A failure as a value: what to do about it, what it was, who gave up on it. Plain data, freely
// copied between threads.
#pragma once

#include <chrono>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "darn/category.hpp"

namespace darn {

using duration = std::chrono::nanoseconds;  // 292 years either way

struct error {
  darn::category category = darn::category::unknown;
  darn::severity severity = darn::severity::medium;
  std::string code{};     // "ECONNREFUSED", "503", "ThrottlingException"; may be empty
  std::string message{};  // one line, as the callee put it
  std::optional<duration> retry_after{};  // what the other side asked for
  std::exception_ptr exception{};         // the original one, when the callee threw
  int attempts = 1;                       // how often the callee was tried; 0: never called
  // The policy that ended the call, with the name it was given: "retry", "circuit_breaker
  // payments". Empty: nobody but the callee. Points to text that lives as long as the program.
  std::string_view decided_by{};

  // The callee may have done what it was asked for: a timeout, a connection lost in the middle.
  // Repeating such a call is safe only when it is idempotent.
  bool ambiguous = false;
  // Turned away by a policy; the callee was not called.
  bool rejected = false;
  // Retries were made below and used up: retrying above would multiply them.
  bool exhausted = false;

  // "network (ECONNREFUSED): connection refused; after 5 attempts, by retry"
  std::string text() const;
};

// Thrown by run_or_throw for an error that began without an exception.
class failure : public std::runtime_error {
 public:
  explicit failure(darn::error e);
  const darn::error& why() const noexcept { return error_; }

 private:
  darn::error error_;
};

// The original exception when there is one, else darn::failure.
[[noreturn]] void throw_error(const error& e);

// The one instance of a policy's name, kept as long as the program: what decided_by points to.
// Names are few; takes a lock, so not for every call.
std::string_view intern(std::string_view name);

}  // namespace darn
