#include "darn/classify.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <functional>
#include <future>
#include <ios>
#include <memory>
#include <new>
#include <optional>
#include <regex>
#include <typeinfo>
#include <variant>
#include <version>

#ifdef __cpp_lib_format
#include <format>
#endif

#include "darn/retry_after.hpp"
#include "resilience/codes.hpp"

namespace darn {
namespace {

error of_kind(const tables::Kind& kind) {
  return {.category = kind.category, .severity = kind.severity, .ambiguous = kind.ambiguous};
}

std::string words(const std::exception& e) {
  const char* what = e.what();
  return what == nullptr ? "" : what;
}

error permanent(const std::exception& e) {
  return {.category = category::permanent, .message = words(e)};
}

// By the type alone. Those that carry a code come first: ios_base::failure and filesystem_error are
// system_errors.
std::optional<error> by_type(const std::exception& e) {
  if (const auto* known = dynamic_cast<const failure*>(&e)) {
    return known->why();
  }
  if (const auto* coded = dynamic_cast<const std::system_error*>(&e)) {
    error result = classify_error(coded->code());
    result.message = words(e);
    return result;
  }
  if (dynamic_cast<const std::bad_array_new_length*>(&e) != nullptr) {
    return permanent(e);  // a bad_alloc, but of a size that no machine has
  }
  if (dynamic_cast<const std::bad_alloc*>(&e) != nullptr) {
    return error{.category = category::resource,
                 .severity = severity::high,
                 .code = "bad_alloc",
                 .message = "out of memory"};
  }
  if (const auto* future = dynamic_cast<const std::future_error*>(&e)) {
    error result = classify_error(future->code());
    result.message = words(e);
    return result;
  }
  // Mistakes of a program or its input: the same call fails the same way. range_error and its
  // siblings say that a result cannot be represented.
  if (dynamic_cast<const std::logic_error*>(&e) != nullptr ||
      dynamic_cast<const std::range_error*>(&e) != nullptr ||
      dynamic_cast<const std::overflow_error*>(&e) != nullptr ||
      dynamic_cast<const std::underflow_error*>(&e) != nullptr ||
      dynamic_cast<const std::regex_error*>(&e) != nullptr ||
      dynamic_cast<const std::bad_weak_ptr*>(&e) != nullptr ||
#ifdef __cpp_lib_format
      dynamic_cast<const std::format_error*>(&e) != nullptr ||
#endif
      dynamic_cast<const std::bad_cast*>(&e) != nullptr ||
      dynamic_cast<const std::bad_typeid*>(&e) != nullptr ||
      dynamic_cast<const std::bad_exception*>(&e) != nullptr ||
      dynamic_cast<const std::bad_function_call*>(&e) != nullptr ||
      dynamic_cast<const std::bad_variant_access*>(&e) != nullptr ||
      dynamic_cast<const std::bad_optional_access*>(&e) != nullptr) {
    return permanent(e);
  }
  return std::nullopt;
}

// The chain of exception_type objects: they are registered while the program starts and stay.
struct Registered {
  detail::exception_classifier classify;
  const Registered* next;
};
std::atomic<const Registered*> registered{nullptr};

std::optional<error> by_registered_type(const std::exception_ptr& e) {
  for (const auto* r = registered.load(std::memory_order_acquire); r != nullptr; r = r->next) {
    try {
      if (auto known = r->classify(e)) {
        return known;
      }
    } catch (...) {  // a classifier of the user's that fails has said nothing
    }
  }
  return std::nullopt;
}

error plain(const std::exception& e) {
  auto known = by_type(e);
  return known ? *known : classify_message(words(e));
}

error by_thrown_type(const std::exception_ptr& e) {
  try {
    std::rethrow_exception(e);
  } catch (const std::exception& thrown) {
    return plain(thrown);
  } catch (const std::error_code& code) {
    return classify_error(code);
  } catch (const std::error_condition& condition) {
    return classify_error(condition);
  } catch (const error& thrown) {
    return thrown;
  } catch (const std::string& text) {
    return classify_message(text);
  } catch (const char* text) {
    return classify_message(text == nullptr ? "" : text);
  } catch (...) {
    return {.message = "an exception of an unknown type"};
  }
}

std::exception_ptr nested_in(const std::exception_ptr& e) {
  try {
    std::rethrow_exception(e);
  } catch (const std::nested_exception& outer) {
    return outer.nested_ptr();
  } catch (...) {
    return nullptr;
  }
}

constexpr int kDeepest = 16;  // of exceptions nested in each other

error classify_nested(const std::exception_ptr& e, int depth);

// What wraps another exception adds words. When it is not understood itself, the innermost one
// that is says what can be done: those between are nearer to the talk than to the cause.
error with_cause(error outer, const std::exception_ptr& nested, int depth) {
  if (!nested || depth >= kDeepest) {
    return outer;
  }
  error cause = classify_nested(nested, depth + 1);
  if (cause.category == category::unknown && outer.category != category::unknown) {
    return outer;
  }
  if (!outer.message.empty()) {
    cause.message = outer.message + (cause.message.empty() ? "" : ": " + cause.message);
  }
  return cause;
}

error classify_nested(const std::exception_ptr& e, int depth) {
  auto known = by_registered_type(e);
  error mine = known ? std::move(*known) : by_thrown_type(e);
  const bool decided = depth == 0 && mine.category != category::unknown;
  return decided ? mine : with_cause(std::move(mine), nested_in(e), depth);
}

// Of the categories that the standard library has besides generic and system.
std::optional<error> by_standard_category(int value, const std::error_category& of) {
  if (of == std::future_category()) {
    switch (static_cast<std::future_errc>(value)) {
      case std::future_errc::broken_promise:  // who was to answer has ended; how far, nobody says
        return error{.code = "broken_promise", .message = of.message(value), .ambiguous = true};
      case std::future_errc::future_already_retrieved:
        return error{.category = category::permanent,
                     .code = "future_already_retrieved",
                     .message = of.message(value)};
      case std::future_errc::promise_already_satisfied:
        return error{.category = category::permanent,
                     .code = "promise_already_satisfied",
                     .message = of.message(value)};
      case std::future_errc::no_state:
        return error{
            .category = category::permanent, .code = "no_state", .message = of.message(value)};
    }
  }
  if (of == std::iostream_category()) {
    // A stream does not say why; half of what was written may have arrived.
    return error{.code = "iostream", .message = of.message(value), .ambiguous = true};
  }
  return std::nullopt;
}

// getaddrinfo, TLS and others bring categories of their own: their words are all there is.
error by_words(int value, const std::error_category& of) {
  error result = classify_message(of.message(value));
  result.code = std::string(of.name()) + " " + std::to_string(value);
  return result;
}

bool is_errno(const std::error_category& of) {  // what POSIX calls a system error is an errno
  return of == std::generic_category() || of == std::system_category();
}

}  // namespace

error classify_errno(int error_number) {
  const auto* known = tables::error_number(error_number);
  error result = known != nullptr ? of_kind(known->kind) : error{};
  if (known != nullptr) {  // "errno.econnrefused"
    result.code = known->id.substr(known->id.find('.') + 1);
    std::transform(result.code.begin(), result.code.end(), result.code.begin(), [](char c) {
      return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
  } else {
    result.code = "errno " + std::to_string(error_number);
  }
  result.message = std::generic_category().message(error_number);
  return result;
}

error classify_error(const std::error_code& code) {
  if (is_errno(code.category())) {
    return classify_errno(code.value());
  }
  if (auto known = by_standard_category(code.value(), code.category())) {
    return *known;
  }
  error result = classify_error(code.default_error_condition());
  if (result.category == category::unknown) {
    return by_words(code.value(), code.category());
  }
  result.message = code.message();
  return result;
}

error classify_error(const std::error_condition& condition) {
  if (is_errno(condition.category())) {
    return classify_errno(condition.value());
  }
  auto known = by_standard_category(condition.value(), condition.category());
  return known ? *known : by_words(condition.value(), condition.category());
}

error classify_error(const std::exception& e) {
  error mine = plain(e);
  const auto* nest = dynamic_cast<const std::nested_exception*>(&e);
  return mine.category == category::unknown && nest != nullptr
             ? with_cause(std::move(mine), nest->nested_ptr(), 0)
             : mine;
}

error classify_exception(const std::exception_ptr& e) {
  error result;
  if (!e) {
    return result;
  }
  try {
    result = classify_nested(e, 0);
  } catch (...) {  // a hostile what(), or no memory for the words
    result = {};
  }
  if (!result.exception) {
    result.exception = e;
  }
  return result;
}

error classify_http(int status, std::string_view retry_after) {
  const auto known = tables::http_status(status);
  error result = known ? of_kind(known->kind) : error{};
  result.code = std::to_string(status);
  result.message =
      known ? "HTTP " + result.code + " " + std::string(known->text) : "HTTP " + result.code;
  if (!retry_after.empty()) {
    result.retry_after = parse_retry_after(retry_after, std::chrono::system_clock::now());
  }
  return result;
}

error classify_grpc(std::string_view name) {
  const auto known = tables::grpc_code(name);
  error result = known ? of_kind(known->kind) : error{};
  result.code = known ? known->text : name;
  result.message = "gRPC " + result.code;
  return result;
}

error classify_grpc(int status) {
  const auto name = tables::grpc_name(status);
  return name.empty() ? error{.code = std::to_string(status),
                              .message = "gRPC status " + std::to_string(status)}
                      : classify_grpc(name);
}

error classify_aws(std::string_view code, int http_status) {
  // "com.amazonaws.dynamodb.v20120810#ThrottlingException:http://…": with the namespace of its
  // model and the address of its schema, as some services send it.
  code = code.substr(0, code.find(':'));
  code.remove_prefix(code.find('#') == std::string_view::npos ? 0 : code.find('#') + 1);
  const auto known = tables::aws_code(code);
  error result = known              ? of_kind(known->kind)
                 : http_status != 0 ? classify_http(http_status)
                                    : error{};
  // A "…ThrottledException" of a service that is not in the table is still one.
  if (!known &&
      (code.find("Throttl") != std::string_view::npos || code.starts_with("TooManyRequests"))) {
    result.category = category::rate_limit;
    result.severity = severity::low;
    result.ambiguous = false;
  }
  result.code = code;
  result.message = http_status != 0
                       ? std::string(code) + " (HTTP " + std::to_string(http_status) + ")"
                       : std::string(code);
  return result;
}

error classify_signal(int signal) {
  const auto* known = tables::signal_number(signal);
  error result = known != nullptr ? of_kind(known->kind) : error{};
  result.code = known != nullptr ? std::string(known->text) : "signal " + std::to_string(signal);
  result.message = "ended by " + result.code;
  result.ambiguous = true;  // in the middle of whatever it did
  return result;
}

error classify_exit(int status) {
  const auto* known = tables::exit_status(status);
  error result = known != nullptr ? of_kind(known->kind) : error{};
  result.code = "exit " + std::to_string(status);
  result.message = known != nullptr ? std::string(known->text) : result.code;
  result.ambiguous = result.ambiguous || status > 128;  // ended in the middle of whatever it did
  return result;
}

void detail::register_exception(exception_classifier classifier) {
  // Never freed: exceptions may be classified until the last moment of the program.
  auto* mine = new Registered{classifier, registered.load(std::memory_order_relaxed)};
  while (!registered.compare_exchange_weak(mine->next, mine, std::memory_order_release,
                                           std::memory_order_relaxed)) {
  }
}

}  // namespace darn
