// The second word for a failure, beside its category: not what to do about it, but what it is. The
// runner's; the tables of codes speak of it.
#pragma once

#include <cstdint>

namespace darn {

// What a failure is.
enum class Cause : std::uint8_t {
  none,
  code,            // does not compile, a failing test, an exception of the task's own
  data,            // malformed or unexpected input
  logic,           // an assertion, a wrong result
  dependency,      // a missing package, library or program
  configuration,   // wrong settings or flags
  authentication,  // bad or missing key, forbidden
  environment,     // permissions, missing file, disk full, wrong platform
  service,         // somebody else's server: overloaded, down, limiting
  network,         // the way to it: DNS, refused, reset, TLS
  resource,        // out of memory, descriptors, processes
  timeout,         // too slow, or silent for too long
  missing_output,  // ended well but did not leave what was promised
  check_failed,    // ended well but its check says otherwise
  quota,           // a limit of an account: parked until it resets
  context_length,  // the model's context is too short for this task
  task_limit,      // max turns or the attempt's own budget reached: the task is too complex for it
  crash,           // killed by a signal of its own making
  cancelled,       // by the user
  lost,            // its process vanished with the machine or its supervisor
  unknown,
};

}  // namespace darn
