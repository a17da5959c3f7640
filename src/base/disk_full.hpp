// A full disk, an exhausted quota and a limit on the size of files are one and the same to a user:
// make room, then go on.
#pragma once

#include <array>
#include <cerrno>
#include <system_error>

#include "base/result.hpp"

namespace darn {

inline constexpr const char* kMakeRoom = "free some space, then darn resume";
inline constexpr const char* kCheckDisk = "check the disk, then darn resume";

constexpr bool is_disk_full(int error_number) {
  return error_number == ENOSPC || error_number == EDQUOT || error_number == EFBIG;
}

// Whether an error says so in the system's words, whoever has made a sentence of them.
inline bool says_disk_full(const Error& error) {
  for (const int number : std::array{ENOSPC, EDQUOT, EFBIG}) {
    if (error.message.find(std::generic_category().message(number)) != std::string::npos) {
      return true;
    }
  }
  return false;
}

// With what to do about it, where the disk is full.
inline Error with_room_mend(Error error) {
  if (says_disk_full(error)) {
    error.mend = kMakeRoom;
  }
  return error;
}

// As long as there is no run, none can be resumed.
inline Error before_any_run(Error error) {
  if (error.mend == kMakeRoom) {
    error.mend = "free some space, then run it again";
  } else if (error.mend == kCheckDisk) {
    error.mend = "check the disk, then run it again";
  }
  return error;
}

}  // namespace darn
