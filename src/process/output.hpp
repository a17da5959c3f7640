// Reading captured output back: un-rotates the circular tail and marks what was dropped.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "model/outcome.hpp"

namespace darn {

// The whole of it in pieces, with "\n[darn: N bytes dropped]\n" between head and tail.
Status read_output(const std::string& dir, const OutputRef& ref,
                   const std::function<void(std::string_view)>& sink);
// At most `bytes` of its end / its beginning.
Result<std::string> read_output_tail(const std::string& dir, const OutputRef& ref,
                                     std::size_t bytes);
Result<std::string> read_output_head(const std::string& dir, const OutputRef& ref,
                                     std::size_t bytes);

}  // namespace darn
