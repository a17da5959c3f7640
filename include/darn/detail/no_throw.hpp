// Where code of the user's is called: what it throws goes no further.
#pragma once

#include <exception>

#include "darn/classify.hpp"
#include "darn/outcome.hpp"

#if defined(__GLIBCXX__)
#include <cxxabi.h>
#endif

namespace darn::detail {

// f(), or otherwise(what it threw). Costs nothing as long as nothing is thrown.
template <class F, class Otherwise>
auto catching(F&& f, Otherwise&& otherwise) -> decltype(f()) {
  try {
    return f();
  }
#if defined(__GLIBCXX__)
  catch (abi::__forced_unwind&) {  // pthread_cancel: has to go on
    throw;
  }
#endif
  catch (...) {
    return otherwise(std::current_exception());
  }
}

// What f() returns, an Outcome; what it throws becomes the error.
template <class Outcome, class F>
Outcome no_throw(F&& f) {
  return catching([&]() -> Outcome { return f(); },
                  [](const std::exception_ptr& thrown) -> Outcome {
                    return unexpected<error>(classify_exception(thrown));
                  });
}

}  // namespace darn::detail
