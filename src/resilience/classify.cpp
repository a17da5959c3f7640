#include "darn/classify.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <functional>
#include <future>
#include <ios>
#include <new>
#include <optional>
#include <typeinfo>
#include <variant>

#include "darn/retry_after.hpp"
#include "resilience/codes.hpp"

namespace darn {
namespace {

error of_kind(const tables::Kind& kind) {
  return {.category = kind.category, .severity = kind.severity};
}

// What may have been done although it looks failed: no answer came, or the connection was lost
// after the request had gone out.
bool is_ambiguous_errno(int number) {
  switch (number) {
    case ETIMEDOUT:
    case ECONNRESET:
    case ECONNABORTED:
    case EPIPE:
    case ENETRESET:
    case EIO:
    case ECANCELED: return true;
    default: return false;
  }
}

bool is_ambiguous_http(int status) {
  // 429 and 503 are answers of somebody who did not do it; 408 too, by RFC 9110. Of the other
  // failures of a server nobody knows how far it had come.
  return status >= 500 && status != 501 && status != 503 && status != 505 && status != 511;
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
  if (dynamic_cast<const std::logic_error*>(&e) != nullptr ||
      dynamic_cast<const std::range_error*>(&e) != nullptr ||
      dynamic_cast<const std::overflow_error*>(&e) != nullptr ||
      dynamic_cast<const std::underflow_error*>(&e) != nullptr ||
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
    if (auto known = r->classify(e)) {
      return known;
    }
  }
  return std::nullopt;
}

constexpr int kDeepest = 16;  // of exceptions nested in each other

error classify_nested(const std::exception_ptr& e, int depth) {
  if (auto known = by_registered_type(e)) {
    return *known;
  }
  try {
    std::rethrow_exception(e);
  } catch (const std::exception& outer) {
    error result = classify_error(outer);
    const auto* nest = dynamic_cast<const std::nested_exception*>(&outer);
    if (result.category != category::unknown || nest == nullptr || !nest->nested_ptr() ||
        depth >= kDeepest) {
      return result;
    }
    // What wraps it adds words; the cause below says what can be done.
    error cause = classify_nested(nest->nested_ptr(), depth + 1);
    cause.message = result.message + ": " + cause.message;
    return cause;
  } catch (const std::error_code& code) {
    return classify_error(code);
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

}  // namespace

error classify_errno(int error_number) {
  const std::error_code code(error_number, std::generic_category());
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
  result.message = code.message();
  result.ambiguous = is_ambiguous_errno(error_number);
  return result;
}

error classify_error(const std::error_code& code) {
  const bool posix =
      code.category() == std::generic_category() || code.category() == std::system_category();
  error result =
      posix ? classify_errno(code.value()) : classify_error(code.default_error_condition());
  if (!posix && result.category == category::unknown) {
    // getaddrinfo, TLS and others bring categories of their own: their words are all there is.
    result = classify_message(code.message());
    result.code = std::string(code.category().name()) + " " + std::to_string(code.value());
  }
  result.message = code.message();
  return result;
}

error classify_error(const std::error_condition& condition) {
  if (condition.category() == std::generic_category()) {
    return classify_errno(condition.value());
  }
  error result = classify_message(condition.message());
  result.code = std::string(condition.category().name()) + " " + std::to_string(condition.value());
  return result;
}

error classify_error(const std::exception& e) {
  auto known = by_type(e);
  return known ? *known : classify_message(words(e));
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
  result.ambiguous = is_ambiguous_http(status);
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
  // Refused before it began, by the guide: all others may have got to the application.
  result.ambiguous = result.code == "DEADLINE_EXCEEDED" || result.code == "UNKNOWN" ||
                     result.code == "INTERNAL" || result.code == "UNAVAILABLE" ||
                     result.code == "CANCELLED" || result.code == "DATA_LOSS";
  return result;
}

error classify_grpc(int status) {
  const auto name = tables::grpc_name(status);
  return name.empty() ? error{.code = std::to_string(status),
                              .message = "gRPC status " + std::to_string(status)}
                      : classify_grpc(name);
}

error classify_aws(std::string_view code, int http_status) {
  const auto known = tables::aws_code(code);
  error result = known              ? of_kind(known->kind)
                 : http_status != 0 ? classify_http(http_status)
                                    : error{};
  // "ThrottlingException" of a service that is not in the table is still one.
  if (!known && (code.starts_with("Throttl") || code.find("Throttl") != std::string_view::npos ||
                 code.starts_with("TooManyRequests"))) {
    result.category = category::rate_limit;
    result.severity = severity::low;
  }
  result.code = code;
  result.message = http_status != 0
                       ? std::string(code) + " (HTTP " + std::to_string(http_status) + ")"
                       : std::string(code);
  result.ambiguous = http_status != 0 && is_ambiguous_http(http_status);
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
  result.ambiguous = status > 128 || status == 124;
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
