// From what went wrong to darn::error: exceptions, error codes, statuses of HTTP and gRPC, exit
// statuses and signals, and, when nothing else is known, the words of a message. Pure functions
// over constant tables; thread-safe.
//
// A type of your own is classified by a function beside it, found by its arguments:
//
//   namespace shop {
//   darn::error classify_error(const OutOfStock&);                 // thrown, or the E of expected
//   std::optional<darn::error> classify_result(const Response&);   // a result that is a failure
//   }
//   inline const darn::exception_type<shop::OutOfStock> known;     // when it is thrown
#pragma once

#include <concepts>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "darn/outcome.hpp"

namespace darn {

// An exception that is not understood itself is by the innermost nested one that is.
error classify_error(const std::exception& e);
error classify_error(const std::error_code& code);
error classify_error(const std::error_condition& condition);
error classify_errno(int error_number);
// retry_after: the header as it came, in seconds or as an HTTP-date.
error classify_http(int status, std::string_view retry_after = {});
// ABORTED is transient, but what has to begin again is the whole transaction, above this call.
error classify_grpc(int status);             // 0 .. 16
error classify_grpc(std::string_view name);  // "UNAVAILABLE"
// The code that a service of AWS names in its error ("ThrottlingException"), with the HTTP status.
error classify_aws(std::string_view code, int http_status = 0);
error classify_exit(int status);  // of a process; 128 + n of the usual signals as shells do
error classify_signal(int signal);
error classify_message(std::string_view text);
// The exception in flight or kept; never fails. What is not derived from std::exception is unknown
// unless its type is registered.
error classify_exception(const std::exception_ptr& e);

inline error classify_error(const error& e) { return e; }

// What a type's own classify_result() says; see above.
template <class T>
concept classifiable_result = requires(const T& value) {
  { classify_result(value) } -> std::convertible_to<std::optional<error>>;
};

namespace detail {

using exception_classifier = std::optional<error> (*)(const std::exception_ptr&);
void register_exception(exception_classifier classifier);

// The E of an expected<T, E>: its own classify_error, a standard code, text.
template <class E>
error classify(const E& e) {
  if constexpr (requires {
                  { classify_error(e) } -> std::convertible_to<error>;
                }) {
    return classify_error(e);
  } else if constexpr (std::is_same_v<E, std::exception_ptr>) {
    return classify_exception(e);
  } else if constexpr (std::is_error_code_enum_v<E>) {
    return classify_error(std::error_code(e));
  } else if constexpr (std::is_error_condition_enum_v<E>) {
    return classify_error(std::error_condition(e));
  } else if constexpr (std::is_convertible_v<const E&, const char*>) {
    const char* text = e;
    return text == nullptr ? error{} : classify_message(text);
  } else if constexpr (std::is_convertible_v<const E&, std::string_view>) {
    return classify_message(e);
  } else {
    return error{};
  }
}

}  // namespace detail

// Makes classify_exception() know E and what derives from it: one object for each type, at
// namespace scope. The classifier registered last is asked first.
template <class E>
class exception_type {
 public:
  exception_type() {
    detail::register_exception([](const std::exception_ptr& p) -> std::optional<error> {
      try {
        std::rethrow_exception(p);
      } catch (const E& e) {
        return classify_error(e);
      } catch (...) {
        return std::nullopt;
      }
    });
  }
};

}  // namespace darn
