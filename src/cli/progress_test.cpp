#include "cli/progress.hpp"

#include <set>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "engine/events.hpp"

namespace darn::cli {
namespace {

const Time kStart = time_from_ms(1'700'000'000'000);
constexpr Terminal kUtf8{.tty = true, .color = false, .utf8 = true, .width = 80};
constexpr Terminal kAscii{.tty = false, .color = false, .utf8 = false, .width = 80};

EngineEvent tick(Duration after, std::int64_t succeeded, std::int64_t ready, int running) {
  EngineEvent event;
  event.at = kStart + after;
  event.counts.of(TaskState::succeeded) = succeeded;
  event.counts.of(TaskState::ready) = ready;
  event.counts.of(TaskState::running) = running;
  event.running = running;
  return event;
}

// An attempt that ended, with what the event points to.
struct EndedAttempt {
  RunRecord run;
  TaskRecord task;
  AttemptRecord attempt;
  EngineEvent event;

  EndedAttempt() {
    run.id = "20261122-173005";
    task.spec.id = "build";
    attempt.task_id = "build";
    attempt.number = 1;
    attempt.outcome.wall = Duration{1500};
    event.kind = EngineEvent::Kind::attempt_ended;
    event.at = kStart;
  }
  // To be called when the object has found its place: the event points into it.
  const EngineEvent& point() {
    event.run = &run;
    event.task = &task;
    event.attempt = &attempt;
    return event;
  }
};

void make_failure(EndedAttempt& ended) {
  ended.task.state = TaskState::delayed;
  ended.attempt.state = AttemptState::failed;
  ended.attempt.diagnosis.category = Category::network;
  ended.attempt.diagnosis.summary = "connection refused";
  ended.attempt.decision.action = Action::retry;
  ended.attempt.decision.delay = std::chrono::seconds{5};
  std::string lines;
  for (int i = 1; i <= 30; ++i) {
    lines += "line " + std::to_string(i) + "\n";
  }
  ended.attempt.excerpt = lines;
}

std::size_t occurrences(std::string_view text, std::string_view what) {
  std::size_t n = 0;
  for (std::size_t at = text.find(what); at != std::string_view::npos;
       at = text.find(what, at + what.size())) {
    ++n;
  }
  return n;
}

struct Written {
  std::string text;
  ProgressOptions options(ProgressMode mode, const Terminal& terminal) {
    return {.mode = mode,
            .terminal = terminal,
            .typical = {},
            .width = {},
            .write = [this](std::string_view part) { text += part; }};
  }
};

}  // namespace

TEST_CASE("the progress line says what is known and leaves out what is nought") {
  const Observed observed{.start = kStart, .done_at_start = 0, .typical = {}};
  CHECK(progress_line(tick(Duration{0}, 0, 10, 2), observed, kUtf8) == "[0/12] 2 running · ETA —");
  CHECK(progress_line(tick(Duration{0}, 0, 10, 2), observed, kAscii) == "[0/12] 2 running, ETA -");

  EngineEvent full = tick(std::chrono::seconds{10}, 5, 3, 2);
  full.counts.healed = 2;
  full.counts.of(TaskState::failed) = 1;
  full.counts.of(TaskState::skipped) = 1;
  full.retries = 1;
  full.cost_usd = 1.5;
  RunRecord run;
  run.cycle = 2;
  full.run = &run;
  // 7 done in 10 s, 5 to go
  CHECK(progress_line(full, observed, Terminal{.utf8 = true, .width = 200}) ==
        "[7/12] 2 running · 1 retry · 1 failed · 1 skipped · 2 healed · cycle 2 · " +
            format_usd(1.5) + " · ETA " + format_duration(Duration{7142}));
}

TEST_CASE("the progress line never fills the terminal's width") {
  const Observed observed{.start = kStart, .done_at_start = 0, .typical = {}};
  EngineEvent event = tick(std::chrono::seconds{1}, 123'456, 876'544, 16);
  event.retries = 1000;
  for (std::size_t width = 1; width < 120; ++width) {
    CAPTURE(width);
    const std::string line = progress_line(event, observed, Terminal{.utf8 = true, .width = width});
    CHECK(display_width(line) <= std::max<std::size_t>(width - 1, 1));
    CHECK(is_utf8(line));
  }
}

TEST_CASE("time left: by what was observed, else by history, else unknown") {
  Observed observed{.start = kStart, .done_at_start = 100, .typical = {}};
  // 100 were done before: they say nothing about the speed.
  CHECK_FALSE(time_left(tick(std::chrono::seconds{5}, 100, 10, 2), observed));
  CHECK(*time_left(tick(std::chrono::seconds{5}, 105, 8, 2), observed) == Duration{10'000});
  observed.typical = std::chrono::seconds{4};
  CHECK(*time_left(tick(std::chrono::seconds{5}, 100, 8, 2), observed) == Duration{20'000});
  CHECK(*time_left(tick(std::chrono::seconds{5}, 100, 0, 0), observed) == Duration{0});

  EngineEvent parked = tick(std::chrono::seconds{5}, 105, 8, 2);
  parked.parked_until = parked.at + std::chrono::minutes{10};
  CHECK(*time_left(parked, observed) == std::chrono::minutes{10});
}

TEST_CASE("what is printed of an attempt") {
  EndedAttempt ended;
  SUBCASE("first try") {
    ended.task.state = TaskState::succeeded;
    ended.attempt.state = AttemptState::succeeded;
    CHECK(attempt_text(ended.point(), kUtf8) == "✓ build  1.5s\n");
    CHECK(attempt_text(ended.point(), kAscii) == "ok build  1.5s\n");
  }
  SUBCASE("healed") {
    ended.task.state = TaskState::succeeded;
    ended.task.healed = true;
    ended.attempt.state = AttemptState::succeeded;
    ended.attempt.number = 3;
    ended.attempt.cycle = 2;
    CHECK(attempt_text(ended.point(), kUtf8) == "~ build  1.5s  healed at attempt 3, cycle 2\n");
  }
  SUBCASE("a failure shows its diagnosis and exactly the last 20 lines") {
    make_failure(ended);
    const std::string text = attempt_text(ended.point(), kUtf8);
    CHECK(text.starts_with(
        "↻ build  1.5s  attempt 1: network: connection refused; again in 5.0s\n      line 11\n"));
    CHECK(text.ends_with("      line 30\n"));
    CHECK(occurrences(text, "\n") == 21);
  }
  SUBCASE("given up, with the next step") {
    make_failure(ended);
    ended.attempt.decision.action = Action::give_up;
    ended.attempt.diagnosis.advice = "start the server";
    const std::string text = attempt_text(ended.point(), kUtf8);
    CHECK(text.starts_with("✗ build"));
    CHECK(occurrences(text, "next: start the server\n") == 1);
  }
  SUBCASE("a limit of somebody else says nothing of the task's output") {
    make_failure(ended);
    ended.attempt.decision.action = Action::snooze;
    ended.attempt.decision.until = kStart;
    CHECK(occurrences(attempt_text(ended.point(), kUtf8), "line") == 0);
  }
  SUBCASE("escape sequences of a task do not reach the terminal") {
    make_failure(ended);
    ended.attempt.excerpt = "\x1b[2Jboo\x1b]0;title\x07\n";
    ended.attempt.diagnosis.summary = "a\x1b[31mb\nc";
    ended.task.spec.id = "id\x1b[1m";
    const std::string text = attempt_text(ended.point(), kUtf8);
    CHECK(text.find('\x1b') == std::string::npos);
    CHECK(text.find('\x07') == std::string::npos);
    CHECK(occurrences(text, "\n") == 2);
  }
}

TEST_CASE("the terminal's line is redrawn at most ten times a second, and taken away for good") {
  Written written;
  const auto progress = make_progress(written.options(ProgressMode::tty, kUtf8));
  for (int ms = 0; ms <= 1000; ms += 10) {
    progress->on(tick(Duration{ms}, ms, 5000, 2));
  }
  CHECK(occurrences(written.text, "running") == 11);
  CHECK(occurrences(written.text, "\n") == 0);
  progress->finish();
  CHECK(written.text.ends_with("\r\x1b[K"));
  const std::size_t size = written.text.size();
  progress->finish();
  CHECK(written.text.size() == size);
}

TEST_CASE("the terminal's line makes way for what is worth keeping") {
  Written written;
  const auto progress = make_progress(written.options(ProgressMode::tty, kUtf8));
  progress->on(tick(Duration{0}, 0, 1, 1));
  EndedAttempt ended;
  make_failure(ended);
  ended.event.at = kStart + Duration{10};
  written.text.clear();
  progress->on(ended.point());
  CHECK(written.text.starts_with("\r\x1b[K↻ build"));
}

TEST_CASE("with very many tasks a terminal keeps only failures and healed ones") {
  for (const std::int64_t total : {1000, 1001}) {
    CAPTURE(total);
    Written written;
    const auto progress = make_progress(written.options(ProgressMode::tty, kUtf8));
    EndedAttempt ended;
    ended.attempt.state = AttemptState::succeeded;
    ended.task.state = TaskState::succeeded;
    ended.event.counts.of(TaskState::ready) = total;
    progress->on(ended.point());
    CHECK(occurrences(written.text, "✓ build") == (total <= 1000 ? 1 : 0));
    ended.task.healed = true;
    progress->on(ended.point());
    CHECK(occurrences(written.text, "~ build") == 1);
  }
}

TEST_CASE("automatic is plain where there is no terminal; quiet says nothing") {
  for (const ProgressMode mode :
       {ProgressMode::automatic, ProgressMode::plain, ProgressMode::quiet}) {
    Written written;
    const auto progress = make_progress(written.options(mode, kAscii));
    EndedAttempt ended;
    ended.attempt.state = AttemptState::succeeded;
    progress->on(tick(Duration{0}, 0, 1, 1));
    progress->on(ended.point());
    progress->finish();
    CHECK(written.text == (mode == ProgressMode::quiet ? "" : "ok build  1.5s\n"));
  }
}

TEST_CASE("JSON Lines: each line is an event of version 1, ticks are none") {
  Written written;
  const auto progress = make_progress(written.options(ProgressMode::json, kUtf8));
  EndedAttempt ended;
  make_failure(ended);
  ended.attempt.diagnosis.summary = "not UTF-8: \xff";
  ended.event.counts.of(TaskState::delayed) = 1;
  progress->on(tick(Duration{0}, 0, 1, 1));
  progress->on(ended.point());
  CHECK(occurrences(written.text, "\n") == 1);
  const nlohmann::json event = nlohmann::json::parse(written.text);
  CHECK(event["v"] == 1);
  CHECK(event["event"] == "attempt_ended");
  CHECK(event["at"] == format_utc(kStart));
  CHECK(event["run"] == "20261122-173005");
  CHECK(event["task"]["id"] == "build");
  CHECK(event["task"]["state"] == "delayed");
  CHECK(event["attempt"]["diagnosis"]["category"] == "network");
  CHECK(event["attempt"]["diagnosis"]["signature"].is_null());
  CHECK(event["attempt"]["decision"]["action"] == "retry");
  CHECK(event["attempt"]["decision"]["delay_s"] == 5.0);
  CHECK(event["attempt"]["outcome"]["exit"].is_null());
  CHECK(event["attempt"]["duration_s"] == 1.5);
  CHECK(event["counts"]["delayed"] == 1);
}

TEST_CASE("every kind of event has a name of its own") {
  std::set<std::string_view> names;
  for (int kind = 0; kind <= static_cast<int>(EngineEvent::Kind::tick); ++kind) {
    names.insert(to_string(static_cast<EngineEvent::Kind>(kind)));
  }
  CHECK(names.size() == 9);
  CHECK(names.contains("run_ended"));
}

}  // namespace darn::cli
