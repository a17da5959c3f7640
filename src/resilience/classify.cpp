#include "darn/classify.hpp"

#include <algorithm>
#include <mutex>
#include <new>
#include <vector>

namespace darn {

error classify_error(const std::exception& e) {
  if (const auto* known = dynamic_cast<const failure*>(&e)) {
    return known->why();
  }
  return {.message = e.what()};
}

error classify_exception(const std::exception_ptr& e) {
  try {
    std::rethrow_exception(e);
  } catch (const std::exception& known) {
    error result = classify_error(known);
    result.exception = e;
    return result;
  } catch (...) {
    return {.exception = e};
  }
}

namespace detail {
void register_exception(exception_classifier) {}
}  // namespace detail

}  // namespace darn
namespace darn {
error classify_message(std::string_view text) { return {.message = std::string(text)}; }
error classify_error(const std::error_code& c) { return {.message = c.message()}; }
error classify_error(const std::error_condition& c) { return {.message = c.message()}; }
}  // namespace darn
