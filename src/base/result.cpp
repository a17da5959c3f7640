#include "base/result.hpp"

#include <cerrno>
#include <system_error>

namespace darn {

std::string Error::text() const {
  std::string out;
  if (!where.file.empty()) {
    out += where.file;
    if (where.line != 0) {
      out += ':' + std::to_string(where.line);
    }
    if (where.line != 0 && where.column != 0) {
      out += ':' + std::to_string(where.column);
    }
    out += ": ";
  }
  out += message;
  if (!mend.empty()) {
    out += "; " + mend;
  }
  return out;
}

int Error::exit_status() const {
  switch (kind) {
    case ErrorKind::usage: return 64;
    case ErrorKind::bad_input: return 65;
    case ErrorKind::unavailable: return 69;
    case ErrorKind::internal: return 70;
    case ErrorKind::io: return 74;
    case ErrorKind::try_again: return 75;
    case ErrorKind::config: return 78;
  }
  return 70;
}

tl::unexpected<Error> fail_errno(const std::string& what, int error_number) {
  const int number = error_number < 0 ? errno : error_number;
  return fail(ErrorKind::io, what + ": " + std::generic_category().message(number));
}

}  // namespace darn
