// What the tests of the commands share: a run in memory whose attempts are told in one line each.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/replay.hpp"
#include "cli/summary.hpp"
#include "engine/events.hpp"
#include "store/store_fixture.hpp"

namespace darn::cli::test {

using darn::test::Fixture;
using darn::test::spec;
using darn::test::TempDir;

inline constexpr Terminal kPlain{.tty = false, .color = false, .utf8 = true, .width = 200};

inline bool contains(std::string_view text, std::string_view what) {
  return text.find(what) != std::string_view::npos;
}

// A run whose attempts are told in one line each.
struct Story : Fixture {
  TempDir dir;
  StatePaths paths{dir.path()};

  void begin(const std::vector<TaskSpec>& tasks) {
    plan(tasks);
    MUST(store->start_first_cycle(run.key, "batch-20231114-221320", now));
    MUST(store->set_run_state(run.key, RunState::running, now));
  }

  void end(RunState state) {
    MUST(store->end_cycle(run.key, MUST(store->run(run.key)).cycle, now));
    MUST(store->set_run_state(run.key, state, now));
  }

  RunRecord record() { return MUST(store->run(run.key)); }

  void succeed(const std::string& id, int cycle = 1) {
    AttemptRecord a = start(id, cycle);
    a.state = AttemptState::succeeded;
    a.outcome.exit_code = 0;
    a.decision.action = Action::succeed;
    a.decision.rule = "success";
    TaskUpdate update;
    update.state = TaskState::succeeded;
    update.healed = a.number > 1;
    update.exit = 0;
    finish(a, update);
  }

  void fail(const std::string& id, const Decision& decision, Category category = Category::network,
            const std::string& summary = "connection refused", int cycle = 1) {
    AttemptRecord a = start(id, cycle);
    a.state = AttemptState::failed;
    a.outcome.exit_code = 7;
    a.diagnosis.category = category;
    a.diagnosis.cause = category == Category::permanent ? Cause::code : Cause::network;
    a.diagnosis.severity = Severity::medium;
    a.diagnosis.summary = summary;
    a.diagnosis.signature = "1:" + std::string(32, summary.empty() ? '0' : summary[0]);
    a.diagnosis.rule = "text.test";
    a.diagnosis.advice = "look at the server";
    a.decision = decision;
    a.excerpt = "some output\nand its <end> & \x01 more";
    TaskUpdate update;
    update.state = decision.action == Action::give_up   ? TaskState::failed
                   : decision.action == Action::abandon ? TaskState::abandoned
                                                        : TaskState::delayed;
    update.not_before = now + decision.delay;
    update.category = a.diagnosis.category;
    update.cause = a.diagnosis.cause;
    update.severity = a.diagnosis.severity;
    update.signature = a.diagnosis.signature;
    update.summary = summary;
    update.advice = a.diagnosis.advice;
    update.exit = 7;
    finish(a, update);
    if (update.state == TaskState::delayed) {
      now += decision.action == Action::snooze ? decision.until - now : decision.delay;
      MUST(store->promote_due(run.key, now));
    }
  }

  AttemptRecord start(const std::string& id, int cycle) {
    AttemptRecord a;
    a.task = task(id).key;
    a.task_id = id;
    a.number = task(id).attempts + 1;
    a.cycle = cycle;
    a.kind = a.number == 1 ? AttemptKind::first : AttemptKind::retry;
    a.claimed = now;
    a.batch = "batch-20231114-221320";
    MUST(store->claim(run.key, a));
    a.outcome.started = now;
    return a;
  }

  void finish(AttemptRecord& a, TaskUpdate update) {
    now += std::chrono::seconds{2};
    a.outcome.ended = now;
    a.outcome.wall = std::chrono::seconds{2};
    update.duration = a.outcome.wall;
    MUST(store->end_attempt(run.key, a));
    MUST(store->update_task(run.key, a.task, update));
  }

  std::string told(const Terminal& terminal = kPlain) {
    return summary_text(MUST(summarise(*store, paths, record())), paths, terminal, now);
  }

  std::vector<nlohmann::json> replayed() {
    std::vector<nlohmann::json> events;
    Replay replay(*store, paths, run.key);
    MUST(replay.poll([&](const EngineEvent& event) { events.push_back(event_json(event)); }));
    return events;
  }
};

inline Decision retry_in(Duration delay) {
  Decision d;
  d.action = Action::retry;
  d.delay = delay;
  d.rule = "category.network";
  d.why = "network failures pass";
  return d;
}

inline Decision give_up() {
  Decision d;
  d.action = Action::give_up;
  d.rule = "category.permanent";
  d.why = "it would fail again";
  return d;
}

inline Decision snooze_until(Time until) {
  Decision d;
  d.action = Action::snooze;
  d.charge = Charge::none;
  d.until = until;
  d.rule = "rate_limit";
  return d;
}

// One of each: first try, healed by retries, healed after a limit, failed, skipped.
inline Story& tell(Story& story) {
  story.begin({spec("good"), spec("flaky"), spec("limited"), spec("bad"), spec("worse"),
               spec("after", {"bad"})});
  story.succeed("good");
  story.fail("flaky", retry_in(std::chrono::seconds{5}));
  story.succeed("flaky");
  story.fail("limited", snooze_until(story.now + std::chrono::seconds{32}), Category::rate_limit,
             "HTTP 429");
  story.succeed("limited");
  story.fail("bad", give_up(), Category::permanent, "no such file");
  story.fail("worse", give_up(), Category::permanent, "no such file");
  story.end(RunState::failed);
  return story;
}

}  // namespace darn::cli::test
