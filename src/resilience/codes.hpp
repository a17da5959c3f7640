// What codes of services and systems mean: the one place where that is said, for classify_error()
// and for the runner's diagnosis. Constant tables, thread-safe.
#pragma once

#include <optional>
#include <string_view>

#include "darn/category.hpp"
#include "resilience/cause.hpp"

namespace darn::tables {

using Category = category;
using Severity = severity;

struct Kind {
  Category category = Category::unknown;
  Cause cause = Cause::unknown;
  Severity severity = Severity::medium;
  bool ambiguous = false;  // what failed may have been done; see darn::error
};

struct CodeMeaning {
  std::string_view code;
  Kind kind;
  std::string_view text;  // "Too Many Requests"
  std::string_view advice = {};
};

std::optional<CodeMeaning> http_status(int status);
std::optional<CodeMeaning> grpc_code(std::string_view name);  // "Unavailable", "RESOURCE_EXHAUSTED"
std::optional<CodeMeaning> aws_code(std::string_view name);   // "ThrottlingException"

struct NumberMeaning {
  int number;
  std::string_view id;  // "exit.127"
  Kind kind;
  std::string_view text;
  std::string_view advice = {};
};

const NumberMeaning* exit_status(
    int status);  // what a status means by itself; 128+n of a shell too
const NumberMeaning* signal_number(int signal);
const NumberMeaning* start_error(int error_number);  // why a program could not be started
const NumberMeaning* error_number(int number);       // an errno, of any operation
std::string_view grpc_name(int status);  // "UNAVAILABLE"; empty: there is no such status

}  // namespace darn::tables
