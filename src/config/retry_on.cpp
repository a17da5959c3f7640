#include "config/retry_on.hpp"

#include <re2/re2.h>

#include "base/text.hpp"

namespace darn {

Result<RetryOn> parse_retry_on(std::string_view text) {
  RetryOn on;
  if (text.size() >= 3 && text.front() == '/' && text.back() == '/') {
    on.regex = text.substr(1, text.size() - 2);
    const RE2 regex(on.regex, RE2::Quiet);
    if (!regex.ok()) {
      return fail(ErrorKind::usage,
                  "bad regular expression " + quote(text) + ": " + one_line(regex.error()),
                  "the syntax is RE2's: no look-around, no back-references");
    }
    return on;
  }
  on.category = parse_category(text);
  if (on.category && *on.category != Category::none) {
    return on;
  }
  on.category.reset();
  if (const auto number = parse_int(text); number && *number >= 1 && *number <= 255) {
    on.exit = static_cast<int>(*number);
    return on;
  }
  return fail(ErrorKind::usage, quote(text) + " is nothing to retry on",
              "a category (network, rate_limit, resource, timeout, transient, permanent, unknown), "
              "an exit status from 1 to 255, or a /regular expression/");
}

}  // namespace darn
