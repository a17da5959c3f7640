// One attempt after the other in the foreground: streams are moved, signals handed on, stops
// followed, times kept. Holds the signals of this process from its construction to its end. Main
// thread only.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "exec/exec.hpp"
#include "exec/family.hpp"
#include "exec/input.hpp"
#include "exec/output.hpp"
#include "exec/signals.hpp"

namespace darn::exec {

using Steady = std::chrono::steady_clock;

struct Limits {
  std::optional<Duration> timeout;
  std::optional<Steady::time_point> deadline;
  Duration grace{};
};

class Foreground {
 public:
  // `again`: the input may have to be read once more.
  Foreground(Capture capture, bool text_is_needed, bool again);

  Outcome run(const std::vector<std::string>& argv, const std::string& cwd, const Limits& limits);
  // False when a signal from outside ended it.
  bool sleep(Duration time);

  // The signal that asked us to end; 0: none has.
  int interrupted() const { return interrupted_; }
  const Outputs& outputs() const { return outputs_; }
  const Input& input() const { return input_; }

 private:
  struct Child;
  void wait(Steady::time_point until, bool with_input);
  void take_signals(Child* child);
  void hand_on(const signalfd_siginfo& info, Child* child);
  void look_at(Child& child);
  void follow_stop(Child& child, int signal);
  void enforce(Child& child);

  Signals signals_;
  Family family_;
  Outputs outputs_;
  Input input_;
  int interrupted_ = 0;
};

}  // namespace darn::exec
