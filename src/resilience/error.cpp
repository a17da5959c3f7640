#include "darn/error.hpp"

#include <mutex>
#include <set>

namespace darn {

std::string error::text() const {
  std::string out{to_string(category)};
  if (!code.empty()) {
    out += " (" + code + ")";
  }
  if (!message.empty()) {
    out += ": " + message;
  }
  if (attempts > 1) {
    out += "; after " + std::to_string(attempts) + " attempts";
  }
  if (!decided_by.empty()) {
    out.append("; by ").append(decided_by);
  }
  return out;
}

failure::failure(darn::error e) : std::runtime_error(e.text()), error_(std::move(e)) {}

void throw_error(const error& e) {
  if (e.exception) {
    std::rethrow_exception(e.exception);
  }
  throw failure(e);
}

std::string_view intern(std::string_view name) {
  // Never destroyed: errors may outlive everything else.
  static auto& names = *new std::set<std::string, std::less<>>;
  static auto& mutex = *new std::mutex;
  const std::scoped_lock lock(mutex);
  const auto found = names.find(name);
  return found != names.end() ? *found : *names.emplace(name).first;
}

}  // namespace darn
