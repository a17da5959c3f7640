// Result<T>: how darn reports what can fail in the world (files, input, processes, the store).
// Bugs are exceptions; everything else is an Error that says what is wrong and what would be right.
// Errors are values: no globals, freely copied between threads.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include <tl/expected.hpp>

namespace darn {

// What went wrong decides the exit status (the numbers are those of sysexits.h).
enum class ErrorKind : std::uint8_t {
  usage,        // 64: the command line
  bad_input,    // 65: the task file
  unavailable,  // 69: a service or program is not there
  internal,     // 70: a bug of ours
  io,           // 74: a file, a disk, the store
  try_again,    // 75: busy now, later may work
  config,       // 78: darn.toml, an agent's definition, a policy
};

// A place in a file; line and column count from 1, 0 means "not known".
struct Location {
  std::string file;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

struct Error {
  ErrorKind kind = ErrorKind::internal;
  std::string message;  // what is wrong, in one line, no full stop
  std::string mend;     // what would be right; may be empty
  Location where;       // may be empty

  // "tasks.csv:3:7: unknown dependency 'b'; add a row with that id or remove it from 'after'"
  std::string text() const;
  int exit_status() const;
};

template <class T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

inline tl::unexpected<Error> fail(ErrorKind kind, std::string message, std::string mend = {},
                                  Location where = {}) {
  return tl::unexpected<Error>(Error{kind, std::move(message), std::move(mend), std::move(where)});
}

// "open /x: No such file or directory"; reads errno unless one is given.
tl::unexpected<Error> fail_errno(const std::string& what, int error_number = -1);

}  // namespace darn

// A counter, not the line: one macro call may stand inside another's argument.
#define DARN_CONCAT_(a, b) a##b
#define DARN_CONCAT(a, b) DARN_CONCAT_(a, b)

// Returns early with the error of an expression of type Result<T> or Status.
#define DARN_TRY(expr) DARN_TRY_(DARN_CONCAT(darn_try_, __COUNTER__), expr)
#define DARN_TRY_(tmp, expr)                                        \
  do {                                                              \
    if (auto tmp = (expr); !tmp)                                    \
      return tl::unexpected<::darn::Error>(std::move(tmp.error())); \
  } while (false)

// DARN_ASSIGN(auto plan, read_plan(file));
#define DARN_ASSIGN(lhs, expr) DARN_ASSIGN_(DARN_CONCAT(darn_assign_, __COUNTER__), lhs, expr)
#define DARN_ASSIGN_(tmp, lhs, expr)                              \
  auto tmp = (expr);                                              \
  if (!tmp)                                                       \
    return tl::unexpected<::darn::Error>(std::move(tmp.error())); \
  lhs = std::move(*tmp)
