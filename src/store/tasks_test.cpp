#include "store/store_fixture.hpp"

namespace darn {

using test::Fixture;
using test::Ids;
using test::spec;
using S = TaskState;

namespace {

Ids ids_of(Fixture& f, const Store::TaskFilter& filter) {
  Ids ids;
  MUST(f.store->each_task(f.run.key, filter, false, [&](const TaskRecord& task) -> Status {
    ids.push_back(task.spec.id);
    return {};
  }));
  return ids;
}

}  // namespace

TEST_CASE("a failure skips all that depends on it; another cycle revives it") {
  Fixture f;
  f.plan({spec("a"), spec("b"), spec("c", {"a", "b"}), spec("d", {"c"}), spec("e", {"b"})});
  MUST(f.store->start_first_cycle(f.run.key, "b1", f.now));
  f.attempt("a", S::failed);
  CHECK(f.state("c") == S::skipped);
  CHECK(f.state("d") == S::skipped);
  CHECK(f.task("d").summary == "'a' did not succeed");
  CHECK(f.state("e") == S::waiting);
  f.attempt("b", S::succeeded);
  CHECK(f.state("c") == S::skipped);
  CHECK(f.state("e") == S::ready);
  f.attempt("e", S::succeeded);
  CHECK(f.counts().of(S::skipped) == 2);
  CHECK(f.counts().unfinished() == 0);

  CHECK(MUST(f.store->open_cycle(f.run.key, 1, "b2", f.now, {})));
  CHECK(f.ready() == Ids{"a"});
  CHECK(f.state("c") == S::waiting);
  CHECK(f.state("d") == S::waiting);
  CHECK(f.state("b") == S::succeeded);
  f.attempt("a", S::succeeded, 2, true);
  CHECK(f.ready() == Ids{"c"});
  f.attempt("c", S::succeeded, 2);
  f.attempt("d", S::succeeded, 2);
  CHECK(f.counts().of(S::succeeded) == 5);
  CHECK(f.counts().healed == 1);
  CHECK(ids_of(f, {.healed_only = true}) == Ids{"a"});
  CHECK(ids_of(f, {.cycle = 2}) == Ids{"a", "c", "d"});
  CHECK(ids_of(f, {.states = {S::succeeded}, .cycle = 1}) == Ids{"a", "b", "e"});
  CHECK(ids_of(f, {.states = {S::failed, S::skipped}}).empty());
  CHECK(ids_of(f, {}) == Ids{"a", "b", "c", "d", "e"});
}

TEST_CASE("only the first of two engines opens a cycle") {
  Fixture f;
  f.plan({spec("a")});
  MUST(f.store->start_first_cycle(f.run.key, "b1", f.now));
  f.attempt("a", S::failed);
  CHECK(MUST(f.store->open_cycle(f.run.key, 1, "b2", f.now, {})));
  f.attempt("a", S::failed, 2);
  CHECK(!MUST(f.store->open_cycle(f.run.key, 1, "b3", f.now, {})));
  CHECK(f.state("a") == S::failed);
  CHECK(MUST(f.store->cycles(f.run.key)).size() == 2);
  CHECK(MUST(f.store->run(f.run.key)).cycle == 2);
}

TEST_CASE("what is kept out of a cycle stays, and so does what depends on it") {
  Fixture f;
  f.plan({spec("same-again"), spec("x", {"same-again"}), spec("gone"), spec("y", {"gone"}),
          spec("flaky"), spec("z", {"flaky"}), spec("zz", {"z", "y"}), spec("stopped"),
          spec("w", {"stopped"})});
  f.attempt("same-again", S::failed);
  f.attempt("gone", S::abandoned);
  f.attempt("flaky", S::failed);
  f.set("stopped", S::cancelled);
  CHECK(MUST(f.store->open_cycle(f.run.key, 1, "b2", f.now, {f.task("same-again").key})));
  CHECK(f.state("same-again") == S::failed);
  CHECK(f.state("gone") == S::abandoned);
  CHECK(f.state("stopped") == S::cancelled);
  CHECK(f.state("flaky") == S::ready);
  CHECK(f.state("z") == S::waiting);
  for (const char* id : {"x", "y", "zz", "w"}) {
    CAPTURE(id);
    CHECK(f.state(id) == S::skipped);
  }
  CHECK(f.counts().unfinished() == 2);

  f.attempt("flaky", S::failed, 2);
  CHECK(MUST(f.store->open_cycle(f.run.key, 2, "b3", f.now, {}, true)));
  CHECK(f.state("stopped") == S::ready);
  CHECK(f.state("same-again") == S::ready);
  CHECK(f.state("w") == S::waiting);
  CHECK(f.state("y") == S::skipped);
}

TEST_CASE("what has succeeded never runs again, and nothing starts before its time") {
  Fixture f;
  f.plan({spec("a"), spec("b", {"a"})});
  const TaskKey b = f.task("b").key;
  for (const S state : {S::ready, S::running, S::delayed}) {
    CHECK(!f.store->set_task_state(f.run.key, b, state));
    TaskUpdate update;
    update.state = state;
    CHECK(!f.store->update_task(f.run.key, b, update));
  }
  f.attempt("a", S::succeeded);
  const TaskKey a = f.task("a").key;
  const Counts before = f.counts();
  for (std::size_t i = 0; i < kTaskStates; ++i) {
    const auto state = static_cast<S>(i);
    CHECK(f.store->set_task_state(f.run.key, a, state).has_value() == (state == S::succeeded));
  }
  AttemptRecord again;
  again.task = a;
  const auto refused = f.store->claim(f.run.key, again);
  REQUIRE(!refused);
  CHECK(refused.error().kind == ErrorKind::internal);
  CHECK(refused.error().message == "task 'a' was to start, but it is succeeded");
  CHECK(f.counts() == before);
  // A task of another run is none of this one's.
  const RunRecord other = test::new_run(*f.store);
  CHECK(!f.store->set_task_state(other.key, b, S::cancelled));
}

TEST_CASE("a task may be taken over as succeeded before what it depends on") {
  Fixture f;
  f.plan({spec("b", {"a"}), spec("c", {"b", "a"}), spec("a")});
  f.set("b", S::succeeded);
  CHECK(f.ready() == Ids{"a"});
  f.set("a", S::succeeded);
  CHECK(f.ready() == Ids{"c"});
  CHECK(f.counts().of(S::succeeded) == 2);
}

TEST_CASE("an update leaves alone only what it says it leaves alone") {
  Fixture f;
  f.plan({spec("a")});
  f.claim("a");
  TaskUpdate full;
  full.state = S::delayed;
  full.not_before = f.now;
  full.alone = true;
  full.category = Category::network;
  full.cause = Cause::service;
  full.severity = Severity::high;
  full.signature = "1:abc";
  full.summary = "sum";
  full.advice = "adv";
  full.exit = 3;
  full.signal = 9;
  full.score = 0.5;
  full.duration = std::chrono::seconds{4};
  full.ended = f.now + std::chrono::seconds{4};
  full.session = "session";
  full.output_path = "/out";
  full.workspace = "/work";
  full.next_agent = "codex";
  MUST(f.store->update_task(f.run.key, f.task("a").key, full));
  TaskRecord task = f.task("a");
  CHECK(task.state == S::delayed);
  CHECK(task.not_before == f.now);
  CHECK(task.alone);
  CHECK(task.category == Category::network);
  CHECK(task.cause == Cause::service);
  CHECK(task.severity == Severity::high);
  CHECK(task.signature == "1:abc");
  CHECK(task.summary == "sum");
  CHECK(task.advice == "adv");
  CHECK(task.exit == 3);
  CHECK(task.signal == 9);
  CHECK(task.score == 0.5);
  CHECK(task.duration == std::chrono::seconds{4});
  CHECK(task.ended == full.ended);
  CHECK(task.next_agent == "codex");

  TaskUpdate empty;
  empty.state = S::ready;
  MUST(f.store->update_task(f.run.key, task.key, empty));
  task = f.task("a");
  CHECK(task.session == "session");
  CHECK(task.output_path == "/out");
  CHECK(task.workspace == "/work");
  CHECK(task.next_agent.empty());
  CHECK(task.summary.empty());
  CHECK(task.category == Category::none);
  CHECK(!task.exit);
  CHECK(!task.signal);
  CHECK(!task.score);
  CHECK(!task.alone);
  CHECK(task.not_before == Time{});
  CHECK(!f.store->update_task(f.run.key, 1, empty));
}

TEST_CASE("delayed tasks come back when they are due") {
  using std::chrono::seconds;
  Fixture f;
  f.plan({spec("a"), spec("b"), spec("c")});
  CHECK(!MUST(f.store->next_due(f.run.key)));
  for (const auto& [id, after] : {std::pair{"a", 10}, {"b", 5}}) {
    f.claim(id);
    TaskUpdate update;
    update.state = S::delayed;
    update.not_before = f.now + seconds{after};
    MUST(f.store->update_task(f.run.key, f.task(id).key, update));
  }
  CHECK(f.ready() == Ids{"c"});
  CHECK(MUST(f.store->next_due(f.run.key)) == f.now + seconds{5});
  CHECK(MUST(f.store->promote_due(f.run.key, f.now + seconds{4})) == 0);
  CHECK(MUST(f.store->promote_due(f.run.key, f.now + seconds{5})) == 1);
  CHECK(f.ready() == Ids{"b", "c"});
  CHECK(MUST(f.store->next_due(f.run.key)) == f.now + seconds{10});
  CHECK(MUST(f.store->promote_due(f.run.key, f.now + seconds{50})) == 1);
  CHECK(f.ready() == Ids{"a", "b", "c"});
  CHECK(f.counts().of(S::delayed) == 0);
}

TEST_CASE("what has not started can be cancelled at once") {
  Fixture f;
  f.plan({spec("done"), spec("running"), spec("after", {"running"}), spec("ready"), spec("later")});
  f.attempt("done", S::succeeded);
  f.claim("running");
  f.attempt("later", S::delayed);
  CHECK(MUST(f.store->cancel_unstarted(f.run.key, S::cancelled, "by the user")) == 3);
  CHECK(f.state("running") == S::running);
  CHECK(f.state("done") == S::succeeded);
  CHECK(f.state("after") == S::cancelled);
  CHECK(f.task("ready").summary == "by the user");
  CHECK(f.counts().of(S::cancelled) == 3);
  CHECK(f.counts().unfinished() == 1);
  CHECK(MUST(f.store->cancel_unstarted(f.run.key, S::cancelled, "")) == 0);
  for (const S wrong : {S::waiting, S::ready, S::running, S::delayed, S::succeeded}) {
    CHECK(!f.store->cancel_unstarted(f.run.key, wrong, ""));
  }
  // The one that runs succeeds; what was cancelled stays so.
  f.set("running", S::succeeded);
  CHECK(f.state("after") == S::cancelled);
  CHECK(MUST(f.store->open_cycle(f.run.key, 1, "b2", f.now, {}, true)));
  CHECK(f.state("after") == S::ready);
  CHECK(f.task("ready").summary.empty());
}

TEST_CASE("a reason stays until there is another") {
  Fixture f;
  f.plan({spec("a")});
  MUST(f.store->set_task_state(f.run.key, f.task("a").key, S::cancelled, "why"));
  CHECK(f.task("a").summary == "why");
  MUST(f.store->set_task_state(f.run.key, f.task("a").key, S::ready));
  CHECK(f.task("a").summary == "why");
}

TEST_CASE("a chain of dependents is skipped and revived without recursion") {
  Fixture f;
  const int n = 20'000;
  MUST(f.store->begin());
  f.add(spec("0"));
  for (int i = 1; i < n; ++i) {
    f.add(spec(std::to_string(i), {std::to_string(i - 1)}));
  }
  MUST(f.store->finish_plan(f.run.key));
  MUST(f.store->commit());
  f.attempt("0", S::failed);
  CHECK(f.counts().of(S::skipped) == n - 1);
  CHECK(MUST(f.store->open_cycle(f.run.key, 1, "b", f.now, {})));
  CHECK(f.counts().of(S::waiting) == n - 1);
}

TEST_CASE("a stream of tasks ends with the first error of its sink") {
  Fixture f;
  f.plan({spec("a"), spec("b")});
  int seen = 0;
  const auto stopped = f.store->each_task(f.run.key, {}, true, [&](const TaskRecord&) -> Status {
    ++seen;
    // The store may be asked from inside, by the very same question too.
    MUST(f.store->each_task(f.run.key, {}, true, [](const TaskRecord&) -> Status { return {}; }));
    return fail(ErrorKind::io, "enough");
  });
  REQUIRE(!stopped);
  CHECK(stopped.error().message == "enough");
  CHECK(seen == 1);
  CHECK(ids_of(f, {}) == Ids{"a", "b"});
  CHECK(f.store->task(f.run.key, "nobody").error().kind == ErrorKind::usage);
}

TEST_CASE("what is rolled back has not happened") {
  Fixture f;
  f.plan({spec("a"), spec("b", {"a"})});
  const Counts before = f.counts();
  MUST(f.store->begin());
  CHECK(!f.store->begin());  // not twice
  f.attempt("a", S::succeeded);
  CHECK(f.state("b") == S::ready);
  f.store->rollback();
  CHECK(f.counts() == before);
  CHECK(f.ready() == Ids{"a"});
  CHECK(MUST(f.store->attempts(f.run.key, "a")).empty());
  f.store->rollback();  // nothing to do is fine
  CHECK(!f.store->commit());
}

}  // namespace darn
