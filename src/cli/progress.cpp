#include "cli/progress.hpp"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "cli/status_json.hpp"
#include "engine/events.hpp"

namespace darn::cli {
namespace {

using Kind = EngineEvent::Kind;

constexpr Duration kRedrawEvery{100};
// Above this, a terminal shows a line for each failure and each healed task only.
constexpr std::int64_t kManyTasks = 1000;

std::int64_t done(const Counts& counts) { return counts.total() - counts.unfinished(); }

class Quiet final : public Progress {
 public:
  void on(const EngineEvent&) override {}
  void finish() override {}
};

class JsonLines final : public Progress {
 public:
  explicit JsonLines(ProgressOptions options) : write_(std::move(options.write)) {}
  void on(const EngineEvent& event) override {
    if (event.kind != Kind::tick) {
      write_(dump(event_json(event)) + "\n");
    }
  }
  void finish() override {}

 private:
  std::function<void(std::string_view)> write_;
};

std::string cycle_ended_text(const EngineEvent& event) {
  const Counts& counts = event.counts;
  std::string text = fmt::format("cycle {} ended", event.run->cycle);
  if (counts.total() > 0) {
    text += fmt::format(": {} of {} succeeded",
                        format_count(static_cast<std::uint64_t>(counts.of(TaskState::succeeded))),
                        format_count(static_cast<std::uint64_t>(counts.total())));
  }
  if (event.until != Time{}) {
    text += "; the next one starts at " + format_local_clock(event.until);
  }
  return text;
}

// What both the terminal and the plain form print as lines of their own; empty: nothing.
std::string event_text(const EngineEvent& event, const Terminal& terminal) {
  const auto note = [&](const std::string& text) {
    return styled(terminal, Style::dim, printable(text)) + "\n";
  };
  switch (event.kind) {
    case Kind::run_started: return note("run " + event.run->id);
    case Kind::cycle_started:
      return note(fmt::format("cycle {}: {}", event.run->cycle, event.batch));
    case Kind::attempt_ended: return attempt_text(event, terminal);
    case Kind::pool_parked:
      return note(
          fmt::format("pool {} is parked until {}", event.pool, format_local_clock(event.until)));
    case Kind::pool_resumed: return note(fmt::format("pool {} goes on", event.pool));
    case Kind::cycle_ended: return note(cycle_ended_text(event));
    case Kind::attempt_started:
    case Kind::run_ended:
    case Kind::tick: return {};
  }
  return {};
}

class Plain final : public Progress {
 public:
  explicit Plain(ProgressOptions options) : options_(std::move(options)) {}
  void on(const EngineEvent& event) override {
    if (const std::string text = event_text(event, options_.terminal); !text.empty()) {
      options_.write(text);
    }
  }
  void finish() override {}

 private:
  ProgressOptions options_;
};

// One line at the bottom, redrawn in place; what is worth keeping scrolls away above it.
class OneLine final : public Progress {
 public:
  explicit OneLine(ProgressOptions options) : options_(std::move(options)) {
    observed_.typical = options_.typical;
  }
  ~OneLine() override { OneLine::finish(); }

  void on(const EngineEvent& event) override {
    if (observed_.start == Time{}) {
      observed_.start = event.at;
      observed_.done_at_start = done(event.counts);
    }
    const std::string text = worth_keeping(event) ? event_text(event, options_.terminal) : "";
    const bool due = event.at >= last_drawn_ + kRedrawEvery || event.at < last_drawn_;
    if (!text.empty()) {
      options_.write(take_away() + text);
    }
    if (due) {
      draw(event);
    }
  }

  void finish() override {
    if (const std::string away = take_away(); !away.empty()) {
      options_.write(away);
    }
  }

 private:
  static bool worth_keeping(const EngineEvent& event) {
    return event.kind != Kind::attempt_ended || event.counts.total() <= kManyTasks ||
           event.attempt->state != AttemptState::succeeded || event.task->healed;
  }

  std::string take_away() {
    const bool was_shown = std::exchange(shown_, false);
    return was_shown ? "\r\x1b[K" : "";
  }

  void draw(const EngineEvent& event) {
    Terminal terminal = options_.terminal;
    terminal.width = options_.width ? options_.width() : terminal.width;
    options_.write("\r" + progress_line(event, observed_, terminal) + "\x1b[K");
    shown_ = true;
    last_drawn_ = event.at;
  }

  ProgressOptions options_;
  Observed observed_;
  Time last_drawn_{};
  bool shown_ = false;
};

std::string count(std::int64_t n) { return format_count(static_cast<std::uint64_t>(n)); }

}  // namespace

std::optional<Duration> time_left(const EngineEvent& event, const Observed& observed) {
  const std::int64_t left = event.counts.unfinished();
  if (left <= 0) {
    return Duration{0};
  }
  const std::int64_t done_here = done(event.counts) - observed.done_at_start;
  const std::int64_t at_once = std::max(event.running, 1);
  const Duration elapsed = event.at - observed.start;
  std::optional<Duration> estimate;
  if (done_here >= at_once && elapsed > Duration{0}) {  // one round of the slots is evidence enough
    const double each = static_cast<double>(elapsed.count()) / static_cast<double>(done_here);
    estimate = Duration{static_cast<std::int64_t>(each * static_cast<double>(left))};
  } else if (observed.typical) {
    const double rounds = static_cast<double>(left) / static_cast<double>(at_once);
    estimate = Duration{
        static_cast<std::int64_t>(rounds * static_cast<double>(observed.typical->count()))};
  }
  if (estimate && event.parked_until > event.at) {
    estimate = std::max<Duration>(*estimate, event.parked_until - event.at);
  }
  return estimate;
}

std::string progress_line(const EngineEvent& event, const Observed& observed,
                          const Terminal& terminal) {
  const Counts& counts = event.counts;
  const std::string_view dot = signs(terminal).dot;
  std::string line = fmt::format("[{}/{}] {} running", count(done(counts)), count(counts.total()),
                                 count(event.running));
  const auto add = [&](std::int64_t n, std::string_view what) {
    if (n > 0) {
      line += fmt::format("{}{} {}", dot, count(n), what);
    }
  };
  add(event.retries, event.retries == 1 ? "retry" : "retries");
  add(counts.of(TaskState::failed) + counts.of(TaskState::abandoned), "failed");
  add(counts.of(TaskState::skipped), "skipped");
  add(counts.healed, "healed");
  if (event.parked_until > event.at) {
    line += fmt::format("{}parked until {}", dot, format_local_clock(event.parked_until));
  }
  if (event.run != nullptr && event.run->cycle > 1) {
    line += fmt::format("{}cycle {}", dot, event.run->cycle);
  }
  if (event.cost_usd > 0) {
    line += fmt::format("{}{}", dot, format_usd(event.cost_usd));
  }
  const std::optional<Duration> left = time_left(event, observed);
  line += fmt::format("{}ETA {}", dot,
                      left ? format_duration(*left) : std::string(signs(terminal).unknown));
  // The last column stays free: some terminals wrap when it is written.
  return fit(printable(line), terminal.width > 1 ? terminal.width - 1 : 1, terminal.utf8);
}

std::unique_ptr<Progress> make_progress(ProgressOptions options) {
  switch (options.mode) {
    case ProgressMode::automatic:
      options.mode = options.terminal.tty ? ProgressMode::tty : ProgressMode::plain;
      return make_progress(std::move(options));
    case ProgressMode::tty: return std::make_unique<OneLine>(std::move(options));
    case ProgressMode::plain: return std::make_unique<Plain>(std::move(options));
    case ProgressMode::json: return std::make_unique<JsonLines>(std::move(options));
    case ProgressMode::quiet: break;
  }
  return std::make_unique<Quiet>();
}

std::unique_ptr<Progress> make_progress(const Context& context, ProgressMode mode,
                                        std::optional<Duration> typical) {
  std::FILE* stream = mode == ProgressMode::json ? stdout : stderr;
  const auto write = [stream](std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stream);
    std::fflush(stream);
  };
  return make_progress(ProgressOptions{mode, context.err, typical,
                                       [] { return terminal_width(STDERR_FILENO); }, write});
}

}  // namespace darn::cli
