// Property tests inside doctest: `darn::test::property("what holds", [](int x) { RC_ASSERT(…); });`
// in a TEST_CASE or SUBCASE. A failure prints the smallest counterexample and the line
// RC_PARAMS="reproduce=…" that runs it again. RC_PARAMS="max_success=10000" tries harder.
#pragma once

#include <string>
#include <utility>

#include <doctest/doctest.h>
#include <rapidcheck.h>

namespace darn::test {

template <typename Testable>
void property(const std::string& what, Testable&& testable) {
  CHECK_MESSAGE(rc::check(what, std::forward<Testable>(testable)), "property fails: ", what);
}

}  // namespace darn::test
