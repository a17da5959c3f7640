// The processes that a command has started, to end them all at a timeout. This process adopts the
// orphans among them while a Family lives, so that none escapes by losing its parent. What the
// caller had started before is no part of it. Main thread only.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <utility>
#include <vector>

namespace darn::exec {

class Family {
 public:
  Family();
  ~Family();
  Family(const Family&) = delete;
  Family& operator=(const Family&) = delete;

  std::vector<pid_t> members() const;  // living ones
  // To each of them; false: there was none.
  bool signal_all(int signal) const;
  // Takes away adopted ones that have ended. `not_this`: whose end somebody else asks for.
  void reap(pid_t not_this) const;

 private:
  bool is_earlier(pid_t pid) const;
  std::vector<std::pair<pid_t, std::uint64_t>> earlier_;  // with when they started
  int adopts_before_ = 0;
};

}  // namespace darn::exec
