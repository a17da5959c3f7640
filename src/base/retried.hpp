// darn's own retries (a lock held for a moment, a file that is just being made), by its library.
#pragma once

#include <exception>
#include <optional>
#include <utility>

#include "base/result.hpp"
#include "darn/pipeline.hpp"
#include "darn/retry.hpp"

namespace darn {

// f() again, as the options say, while it fails with ErrorKind::try_again (or whatever their
// should_retry takes); gives what it gave at last, its own error included.
template <class F>
auto retried(retry_options options, F&& f) -> decltype(f()) {
  std::optional<decltype(f())> last;
  const auto done = pipeline(retry(std::move(options))).run([&]() -> outcome<void> {
    last.emplace(f());
    if (*last) {
      return {};
    }
    const Error& why = last->error();
    const bool passes = why.kind == ErrorKind::try_again;
    return unexpected<error>(error{.category = passes ? category::transient : category::permanent,
                                   .message = why.message});
  });
  if (!done && done.error().exception) {
    std::rethrow_exception(done.error().exception);
  }
  return std::move(*last);
}

}  // namespace darn
