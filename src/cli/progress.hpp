// How a run is watched: one truthful line that is redrawn (tty), a line per finished task (plain),
// JSON Lines (json), or nothing (quiet). Consumes the engine's events; writes through a sink, so
// that tests see what a terminal would. Not thread-safe: the engine's thread calls it.
#pragma once

#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "cli/commands.hpp"
#include "cli/terminal.hpp"
#include "engine/engine.hpp"

namespace darn::cli {

struct ProgressOptions {
  ProgressMode mode = ProgressMode::plain;  // automatic: tty on a terminal, otherwise plain
  Terminal terminal;
  std::optional<Duration> typical;     // of one task, from history (Store::typical_duration)
  std::function<std::size_t()> width;  // asked at each redraw; empty: terminal.width
  std::function<void(std::string_view)> write;
};

class Progress {
 public:
  virtual ~Progress() = default;
  virtual void on(const EngineEvent& event) = 0;
  // Takes the redrawn line away; nothing is drawn afterwards. Called by the destructor too.
  virtual void finish() = 0;
};

std::unique_ptr<Progress> make_progress(ProgressOptions options);

// As the commands use it: JSON goes to standard output, everything else to standard error.
std::unique_ptr<Progress> make_progress(const Context& context, ProgressMode mode,
                                        std::optional<Duration> typical);

// The pieces, for tests. `start` and `done_at_start` give the observed rate.
struct Observed {
  Time start{};
  std::int64_t done_at_start = 0;
  std::optional<Duration> typical;
};
std::optional<Duration> time_left(const EngineEvent& event, const Observed& observed);
std::string progress_line(const EngineEvent& event, const Observed& observed,
                          const Terminal& terminal);
// One line for an attempt that ended, and for a failed one its last 20 lines of output, indented.
std::string attempt_text(const EngineEvent& event, const Terminal& terminal);

}  // namespace darn::cli
