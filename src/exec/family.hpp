// The processes that the command has made, wherever they went: darn becomes their reaper, so that
// none escapes by letting its parent end. What darn already had as children when it was started (a
// shell that became darn may have left some) is none of them. Single-threaded.
#pragma once

#include <sys/types.h>

#include <vector>

#include "process/proc.hpp"

namespace darn::exec {

class Family {
 public:
  Family();
  ~Family();
  Family(const Family&) = delete;
  Family& operator=(const Family&) = delete;

  enum class Which : unsigned char {
    all,
    of_our_group,  // a daemon that has left for a group of its own is not one of them
  };
  std::vector<Process> members(Which which) const;
  // TERM is followed by CONT: the stopped would never hear of it.
  static void send(const std::vector<Process>& to, int signal);

 private:
  int was_reaper_ = 0;
  std::vector<pid_t> strangers_;
};

}  // namespace darn::exec
