#include "store/store_fixture.hpp"
#include "support/property.hpp"

namespace darn {

using test::Fixture;
using test::Ids;
using test::spec;

TEST_CASE("a plan: what depends on nothing open is ready") {
  Fixture f;
  f.plan({spec("a"), spec("b", {"a"}), spec("c", {"a", "b", "a"}), spec("d")});
  CHECK(f.ready() == Ids{"a", "d"});
  CHECK(f.state("b") == TaskState::waiting);
  CHECK(f.counts().of(TaskState::ready) == 2);
  CHECK(f.counts().of(TaskState::waiting) == 2);
  CHECK(f.task("c").seq == 3);
  CHECK(MUST(f.store->raw_row(f.task("c").key)) == "raw c");
  CHECK(MUST(f.store->raw_row(12345)).empty());

  f.attempt("a", TaskState::succeeded);
  CHECK(f.ready() == Ids{"b", "d"});
  f.attempt("b", TaskState::succeeded);
  CHECK(f.ready() == Ids{"c", "d"});
}

TEST_CASE("a dependency may stand later in the file") {
  Fixture f;
  f.plan({spec("c", {"a", "b"}), spec("b", {"a"}), spec("a")});
  CHECK(f.ready() == Ids{"a"});
  f.attempt("a", TaskState::succeeded);
  CHECK(f.ready() == Ids{"b"});
  f.attempt("b", TaskState::succeeded);
  CHECK(f.ready() == Ids{"c"});
}

TEST_CASE("ready tasks come by priority, then file order, one pool at a time") {
  Fixture f;
  TaskSpec urgent = spec("urgent");
  urgent.priority = 5;
  TaskSpec later = spec("later");
  later.priority = -1;
  f.plan({later, spec("one"), urgent, spec("two")});
  f.add(spec("other"), "q");
  CHECK(f.ready() == Ids{"urgent", "one", "two", "later"});
  CHECK(f.ready("p", 2) == Ids{"urgent", "one"});
  CHECK(f.ready("p", 0).empty());
  CHECK(f.ready("nobody's").empty());
  CHECK(MUST(f.store->pools_with_ready(f.run.key)) == Ids{"p", "q"});
  f.attempt("other", TaskState::succeeded);
  CHECK(MUST(f.store->pools_with_ready(f.run.key)) == Ids{"p"});
}

TEST_CASE("a specification comes back as it was") {
  Fixture f;
  TaskSpec task = spec("a");
  task.tags = {"x", "y"};
  task.params = {{"Z", "1"}, {"A", "ünï \"quoted\"\n"}};
  task.timeout = std::chrono::seconds{3};
  task.priority = 7;
  f.plan({task});
  CHECK(f.task("a").spec == task);
  CHECK(f.task("a").pool == "p");
  CHECK(MUST(f.store->task_by_key(f.task("a").key)).spec == task);
  CHECK(MUST(f.store->ready_tasks(f.run.key, "p", 1)).at(0).spec == task);
}

TEST_CASE("bytes that are not UTF-8 do not stop a plan") {
  Fixture f;
  TaskSpec task = spec("a");
  task.prompt = "caf\xe9";
  f.plan({task});
  CHECK(f.task("a").spec.prompt == "caf\xef\xbf\xbd");
}

TEST_CASE("what cannot be planned is refused, and nothing of it stays") {
  Fixture f;
  f.plan({spec("a")});
  const Counts before = f.counts();

  auto twice = f.store->add_task(f.run.key, spec("a"), "p", "");
  REQUIRE(!twice);
  CHECK(twice.error().text() ==
        "there is a task 'a' in this run already; give each task an id of its own");
  CHECK(twice.error().kind == ErrorKind::bad_input);
  CHECK(f.counts() == before);

  MUST(f.store->begin());
  f.add(spec("b", {"nowhere"}));
  auto missing = f.store->finish_plan(f.run.key);
  f.store->rollback();
  REQUIRE(!missing);
  CHECK(missing.error().text() ==
        "task 'b' comes after 'nowhere', which is not in this run; "
        "add a task with that id, or remove it from 'after'");
  CHECK(f.counts() == before);
  CHECK(!f.store->task(f.run.key, "b"));

  CHECK(!f.store->add_task(99, spec("x"), "p", ""));
}

TEST_CASE("rows that are written many at a time are all there, and none is there twice") {
  Fixture f;
  MUST(f.store->begin());
  for (int i = 0; i < 120; ++i) {
    f.add(spec("t" + std::to_string(i)));
    if (i == 70) {  // whoever asks finds what has not been written yet
      CHECK(MUST(f.store->task(f.run.key, "t70")).state == TaskState::ready);
      CHECK(MUST(f.store->counts(f.run.key)).of(TaskState::ready) == 71);
    }
  }
  MUST(f.store->commit());
  CHECK(f.counts().of(TaskState::ready) == 120);
  CHECK(f.task("t119").seq == 120);

  for (const int number : {30, 49, 50, 99}) {  // of a batch the middle, the ends
    MUST(f.store->begin());
    Status refused;
    for (int i = 0; i < 100 && refused; ++i) {
      const auto key =
          f.store->add_task(f.run.key, spec(i == number ? "t7" : "n" + std::to_string(i)), "p", "");
      refused = key.map([](TaskKey) {});
    }
    if (refused) {
      refused = f.store->finish_plan(f.run.key);
    }
    f.store->rollback();
    REQUIRE(!refused);
    CHECK(refused.error().text() ==
          "there is a task 't7' in this run already; give each task an id of its own");
    CHECK(f.counts().total() == 120);
  }
}

TEST_CASE("dependencies that succeeded elsewhere are satisfied") {
  Fixture f;
  f.plan({spec("a"), spec("b"), spec("c")});
  f.attempt("a", TaskState::succeeded);

  const RunRecord child = test::new_run(*f.store, f.run.id, f.run.root);
  MUST(f.store->add_task(child.key, spec("d", {"a", "said"}), "p", ""));
  MUST(f.store->add_task(child.key, spec("e", {"a", "d"}), "p", ""));
  MUST(f.store->finish_plan(child.key, [](std::string_view id) { return id == "said"; }));
  CHECK(MUST(f.store->task(child.key, "d")).state == TaskState::ready);
  CHECK(MUST(f.store->task(child.key, "e")).state == TaskState::waiting);

  // "b" is in the parent but has not succeeded.
  MUST(f.store->add_task(child.key, spec("x", {"b"}), "p", ""));
  CHECK(!f.store->finish_plan(child.key));
}

TEST_CASE("tasks may be added to a live run") {
  Fixture f;
  f.plan({spec("good"), spec("bad"), spec("open"), spec("after-bad", {"bad"})});
  f.attempt("good", TaskState::succeeded);
  f.attempt("bad", TaskState::failed);
  MUST(f.store->begin());
  f.add(spec("1", {"good"}));
  f.add(spec("2", {"bad"}));
  f.add(spec("3", {"open"}));
  f.add(spec("4", {"2"}));
  f.add(spec("5", {"6", "open"}));
  f.add(spec("6", {"after-bad"}));
  MUST(f.store->finish_plan(f.run.key));
  MUST(f.store->commit());
  CHECK(f.state("1") == TaskState::ready);
  CHECK(f.state("2") == TaskState::skipped);
  CHECK(f.state("3") == TaskState::waiting);
  CHECK(f.state("4") == TaskState::skipped);
  CHECK(f.state("5") == TaskState::skipped);
  CHECK(f.state("6") == TaskState::skipped);
  CHECK(f.task("1").seq == 5);
  CHECK(f.counts().of(TaskState::skipped) == 5);
  CHECK(f.counts().total() == 10);
}

TEST_CASE("a dependency that succeeds while others are being added counts") {
  Fixture f;
  f.plan({spec("a")});
  f.add(spec("late", {"b"}));  // b comes next, and succeeds before the plan is finished
  f.add(spec("b"));
  f.attempt("b", TaskState::succeeded);
  CHECK(f.state("late") == TaskState::waiting);
  MUST(f.store->finish_plan(f.run.key));
  CHECK(f.state("late") == TaskState::ready);
}

}  // namespace darn
