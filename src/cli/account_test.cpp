// What is read from the store and shown: status, summary, explain, the events rebuilt.
#include <set>

#include <doctest/doctest.h>

#include "cli/explain_text.hpp"
#include "cli/next_step.hpp"
#include "cli/status_json.hpp"
#include "cli/story_fixture.hpp"
#include "engine/lock.hpp"

namespace darn::cli {

using namespace test;

TEST_CASE("status JSON has what outside programs rely on, and null for what is not known") {
  Story story;
  tell(story);
  std::string text;
  MUST(write_status_json(*story.store, story.record(), true,
                         [&](std::string_view part) { text += part; }));
  const nlohmann::json status = nlohmann::json::parse(text);
  CHECK(status["run"] == story.run.id);
  CHECK(status["state"] == "failed");
  CHECK(status["cycle"] == 1);
  CHECK(status["max_retries"] == 5);
  CHECK(status["root"] == story.run.id);
  CHECK(status["parent"].is_null());
  CHECK(status["cost_usd"] == 0);
  CHECK(status["counts"] == nlohmann::json{{"waiting", 0},
                                           {"ready", 0},
                                           {"running", 0},
                                           {"delayed", 0},
                                           {"succeeded", 3},
                                           {"healed", 2},
                                           {"failed", 2},
                                           {"skipped", 1},
                                           {"cancelled", 0},
                                           {"abandoned", 0}});
  REQUIRE(status["tasks"].size() == 6);
  const nlohmann::json& bad = status["tasks"][3];
  for (const char* field : {"id", "state", "attempts", "cycle", "category", "cause", "severity",
                            "signature", "exit", "signal", "tags", "score", "cost_usd",
                            "duration_s", "healed", "workspace", "output", "summary"}) {
    CAPTURE(field);
    CHECK(bad.contains(field));
  }
  CHECK(bad["id"] == "bad");
  CHECK(bad["category"] == "permanent");
  CHECK(bad["exit"] == 7);
  CHECK(bad["signal"].is_null());
  CHECK(bad["duration_s"] == 2.0);
  CHECK(status["tasks"][0]["category"].is_null());
  CHECK(status["tasks"][5]["state"] == "skipped");
  CHECK(status["tasks"][5]["duration_s"].is_null());

  std::string head;
  MUST(write_status_json(*story.store, story.record(), false,
                         [&](std::string_view part) { head += part; }));
  CHECK_FALSE(nlohmann::json::parse(head).contains("tasks"));
}

TEST_CASE("the summary tells first tries, the healed and how, waiting, and what is left by kind") {
  Story story;
  tell(story);
  const Summary summary = MUST(summarise(*story.store, story.paths, story.record()));
  CHECK(summary.first_try == 1);
  CHECK(summary.healed_how ==
        std::map<std::string, std::int64_t>{{"by 1 retry", 1}, {"after waiting for a limit", 1}});
  // The limit was hit 2 s into the 32 s that end at the time given.
  CHECK(summary.parked == std::chrono::seconds{30});
  REQUIRE(summary.left.size() == 2);
  CHECK(summary.left[0].count == 2);
  CHECK(summary.left[0].ids == std::vector<std::string>{"bad", "worse"});
  CHECK(summary.left[0].message == "no such file");
  CHECK(summary.left[1].state == TaskState::skipped);
  CHECK(summary.example_id == "bad");
  CHECK(summary.batches == std::vector<std::string>{"batch-20231114-221320"});

  const std::string text = story.told();
  for (const char* part : {"3 of 6 tasks succeeded", "1 by 1 retry", "2 failed: bad, worse",
                           "code (permanent): no such file", "next: look at the server",
                           "1 skipped: after", "30.0s for limits of others"}) {
    CAPTURE(part);
    CHECK_MESSAGE(contains(text, part), text);
  }
  CHECK(contains(text, "darn explain " + story.run.id + " bad"));
  CHECK(contains(text, "darn retry " + story.run.id + " --launch"));
}

TEST_CASE("healed in a later cycle is told as such") {
  Story story;
  story.begin({spec("a")});
  story.fail("a", give_up());
  MUST(story.store->open_cycle(story.run.key, 1, "batch-20231114-221399", story.now, {}));
  story.succeed("a", 2);
  story.end(RunState::succeeded);
  CHECK(contains(story.told(), "1 (1 in cycle 2): a"));
  CHECK(contains(story.told(), "2 cycles"));
}

TEST_CASE("a run that is over with its engine gone is interrupted; with the lock held it runs") {
  Story story;
  story.begin({spec("a")});
  CHECK(shown_state(story.paths, story.record()) == RunState::interrupted);
  CHECK(contains(story.told(), "darn resume " + story.run.id));
  {
    const RunLock lock = MUST(RunLock::acquire(story.paths.lock(story.run.id), story.run.id));
    CHECK(shown_state(story.paths, story.record()) == RunState::running);
    CHECK(contains(story.told(), "darn follow " + story.run.id));
  }
  CHECK(shown_state(story.paths, story.record()) == RunState::interrupted);
}

TEST_CASE("what tasks printed reaches no terminal as it is") {
  Story story;
  story.begin({spec("a\x1b[2J")});
  story.fail("a\x1b[2J", give_up(), Category::permanent, "\x1b]0;title\x07 bad\nnews");
  story.end(RunState::failed);
  const std::vector<AttemptRecord> attempts =
      MUST(story.store->attempts(story.run.key, "a\x1b[2J"));
  for (const std::string& text :
       {story.told(), explain_attempt(attempts[0], kPlain), attempt_line(attempts[0], kPlain)}) {
    CHECK(text.find('\x1b') == std::string::npos);
    CHECK(text.find('\x07') == std::string::npos);
  }
}

TEST_CASE("explain says when, how it ended, what was understood and which rule decided") {
  Story story;
  tell(story);
  const auto attempts = MUST(story.store->attempts(story.run.key, "flaky"));
  const std::string text = explain_attempt(attempts[0], kPlain);
  for (const char* part :
       {"attempt 1, cycle 1, first", "exit status 7", "took 2.0s",
        "network (cause network, severity medium): connection refused", "text.test", "1:cccc",
        "retry in 5.0s: network failures pass [category.network]", "some output"}) {
    CAPTURE(part);
    CHECK_MESSAGE(contains(text, part), text);
  }
  CHECK(contains(explain_attempt(attempts[1], kPlain), "attempt 2, cycle 1, retry"));
}

TEST_CASE("how an attempt ended, in words") {
  Outcome outcome;
  outcome.exit_code = 3;
  CHECK(end_text(outcome) == "exit status 3");
  outcome.end = End::signalled;
  outcome.signal = 9;
  outcome.out_of_memory = true;
  CHECK(end_text(outcome) == "killed by signal 9 (SIGKILL), out of memory");
  outcome = {};
  outcome.exit_code = 0;
  outcome.check_ran = true;
  outcome.check_exit = 2;
  CHECK(end_text(outcome) == "exit status 0, its check exited with 2");
  outcome = {};
  outcome.end = End::not_started;
  outcome.start_errno = 2;
  CHECK(end_text(outcome) == "could not be started: No such file or directory");
}

TEST_CASE("what comes next") {
  Story story;
  story.begin({spec("a"), spec("b", {"a"}), spec("c")});
  const auto next = [&](const std::string& id) {
    return MUST(next_step(*story.store, story.record(), story.task(id),
                          MUST(story.store->attempts(story.run.key, id)), story.now));
  };
  CHECK(contains(next("b").text, "it waits for a (ready)"));
  CHECK(contains(next("a").text, "pool p"));
  CHECK_FALSE(next("a").if_again);
  story.fail("c", retry_in(std::chrono::seconds{5}));
  REQUIRE(next("c").if_again);
  CHECK(next("c").if_again->action == Action::retry);
  CHECK(next("c").if_again->rule == "category.network");
  story.fail("a", give_up(), Category::permanent, "no such file");
  CHECK(contains(next("a").text, "darn retry " + story.run.id));
  CHECK(contains(next("b").text, "skipped because of a (failed)"));
}

TEST_CASE(
    "events rebuilt from the store: in order, one end for each start, between begin and end") {
  Story story;
  tell(story);
  const std::vector<nlohmann::json> events = story.replayed();
  REQUIRE(events.size() == 2 + 2 + 2 * 7);
  CHECK(events.front()["event"] == "run_started");
  CHECK(events[1]["event"] == "cycle_started");
  CHECK(events[1]["batch"] == "batch-20231114-221320");
  CHECK(events.back()["event"] == "run_ended");
  CHECK(events.back()["state"] == "failed");
  CHECK(events.back()["counts"]["healed"] == 2);
  std::set<std::string> open;
  std::string before;
  for (const nlohmann::json& event : events) {
    CHECK(event["v"] == kEventVersion);
    CHECK(event["run"] == story.run.id);
    CHECK(event["at"].get<std::string>() >= before);
    before = event["at"];
    if (event["event"] == "attempt_started") {
      CHECK(event["attempt"]["state"] == "running");
      CHECK_FALSE(event["attempt"].contains("outcome"));
      CHECK(open.insert(event["task"]["id"]).second);
    } else if (event["event"] == "attempt_ended") {
      CHECK(open.erase(event["task"]["id"]) == 1);
    }
  }
  CHECK(open.empty());
}

TEST_CASE("of events of one moment a cycle's begin comes first and its end last") {
  Story story;
  story.begin({spec("a")});
  AttemptRecord a = story.start("a", 1);
  a.state = AttemptState::succeeded;
  TaskUpdate done;
  done.state = TaskState::succeeded;
  story.finish(a, done);
  story.end(RunState::succeeded);  // in the same millisecond
  std::vector<std::string> kinds;
  for (const nlohmann::json& event : story.replayed()) {
    kinds.push_back(event["event"]);
  }
  CHECK(kinds == std::vector<std::string>{"run_started", "cycle_started", "attempt_started",
                                          "attempt_ended", "cycle_ended", "run_ended"});
}

TEST_CASE("a replay goes on where it was, and gives an attempt that was running its end") {
  Story story;
  const RunLock lock = MUST(RunLock::acquire(story.paths.lock(story.run.id), story.run.id));
  story.begin({spec("a"), spec("b")});
  Replay replay(*story.store, story.paths, story.run.key);
  std::vector<std::string> seen;
  const auto poll = [&] {
    seen.clear();
    MUST(replay.poll([&](const EngineEvent& event) {
      seen.push_back(std::string(to_string(event.kind)) +
                     (event.attempt != nullptr ? ":" + event.attempt->task_id : ""));
    }));
  };
  AttemptRecord a = story.start("a", 1);
  poll();
  CHECK(seen == std::vector<std::string>{"run_started", "cycle_started", "attempt_started:a"});
  poll();
  CHECK(seen.empty());
  a.state = AttemptState::succeeded;
  TaskUpdate done;
  done.state = TaskState::succeeded;
  story.finish(a, done);
  story.succeed("b");
  poll();
  CHECK(seen ==
        std::vector<std::string>{"attempt_ended:a", "attempt_started:b", "attempt_ended:b"});
  CHECK_FALSE(replay.ended());
  story.end(RunState::succeeded);
  poll();
  CHECK(seen == std::vector<std::string>{"cycle_ended", "run_ended"});
  CHECK(replay.ended());
}

}  // namespace darn::cli
