#include "base/retried.hpp"

#include <new>

#include <doctest/doctest.h>

using darn::ErrorKind;
using darn::fail;
using darn::Result;
using darn::retried;

namespace {

darn::retry_options at_once(int attempts) { return {.max_attempts = attempts, .backoff = {}}; }

}  // namespace

TEST_CASE("retried: what passes is tried again, and the last error is its own") {
  int calls = 0;
  const auto held = [&](int until, ErrorKind kind) {
    return [&calls, until, kind]() -> Result<int> {
      if (++calls < until) {
        return fail(kind, "held", "wait for it");
      }
      return calls;
    };
  };
  CHECK(retried(at_once(5), held(3, ErrorKind::try_again)) == 3);

  calls = 0;
  const auto never = retried(at_once(5), held(100, ErrorKind::try_again));
  CHECK(calls == 5);
  CHECK(never.error().mend == "wait for it");
  CHECK(never.error().kind == ErrorKind::try_again);

  calls = 0;
  CHECK(retried(at_once(5), held(3, ErrorKind::io)).error().kind == ErrorKind::io);
  CHECK(calls == 1);

  calls = 0;
  auto anything = at_once(5);
  anything.should_retry = [](const darn::error&) { return true; };
  CHECK(retried(anything, held(3, ErrorKind::io)) == 3);
}

TEST_CASE("retried: an exception goes on its way at once") {
  int calls = 0;
  const auto thrower = [&]() -> Result<int> {
    ++calls;
    throw std::bad_alloc();
  };
  auto options = at_once(3);
  options.of(darn::category::resource).retry = false;
  CHECK_THROWS_AS((void)retried(options, thrower), std::bad_alloc);
  CHECK(calls == 1);
}
