// What darn says on standard error while it runs one command. A closed or full standard error ends
// nothing.
#pragma once

#include <optional>
#include <string>

#include "exec/exec.hpp"
#include "exec/judge.hpp"

namespace darn::exec {

class Talk {
 public:
  explicit Talk(bool quiet) : quiet_(quiet) {}

  // `open`: the command has left a line unfinished.
  void retrying(const Report& report, const std::string& why, const Next& plan, bool open) const;
  void gave_up(const Report& report, const std::string& why, const std::string& why_not,
               bool open) const;
  void healed(const Report& report) const;
  void breaker_open(const std::string& name, const std::string& until, int attempts) const;
  void falling_back() const;
  void note(const std::string& text) const;
  void warn(const std::string& text) const;  // also when quiet

 private:
  bool quiet_;
};

}  // namespace darn::exec
