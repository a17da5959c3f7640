#include "store/store_fixture.hpp"

namespace darn {

using test::Fixture;
using test::Ids;
using test::new_run;
using test::spec;
using S = TaskState;

TEST_CASE("an attempt is recorded before it starts and comes back whole") {
  Fixture f;
  f.plan({spec("a")});
  AttemptRecord attempt;
  attempt.task = f.task("a").key;
  attempt.number = 1;
  attempt.cycle = 1;
  attempt.kind = AttemptKind::first;
  attempt.agent = "claude";
  attempt.key_name = "KEY_A";
  attempt.slot = 3;
  attempt.claimed = f.now;
  attempt.reserved_usd = 1.5;
  attempt.reserved_tokens = 100;
  attempt.output_before = "fingerprint";
  attempt.workspace = "/w";
  attempt.batch = "batch-1";
  MUST(f.store->claim(f.run.key, attempt));
  CHECK(attempt.key != 0);
  CHECK(f.state("a") == S::running);
  CHECK(f.task("a").attempts == 1);
  CHECK(f.task("a").cycle == 1);
  CHECK(f.task("a").started == f.now);

  auto running = MUST(f.store->running_attempts(f.run.key));
  REQUIRE(running.size() == 1);
  CHECK(running[0].key == attempt.key);
  CHECK(running[0].task_id == "a");
  CHECK(running[0].state == AttemptState::running);
  CHECK(running[0].agent == "claude");
  CHECK(running[0].key_name == "KEY_A");
  CHECK(running[0].slot == 3);
  CHECK(running[0].claimed == f.now);
  CHECK(running[0].reserved_usd == 1.5);
  CHECK(running[0].reserved_tokens == 100);
  CHECK(running[0].output_before == "fingerprint");
  CHECK(running[0].workspace == "/w");
  CHECK(running[0].batch == "batch-1");

  attempt.state = AttemptState::failed;
  attempt.outcome = {.end = End::signalled,
                     .signal = 11,
                     .core_dumped = true,
                     .started = f.now,
                     .ended = f.now + std::chrono::seconds{3},
                     .wall = std::chrono::seconds{3}};
  attempt.outcome.out = {.file = "output/3", .offset = 5, .head = 7};
  attempt.diagnosis = {.category = Category::permanent,
                       .cause = Cause::crash,
                       .severity = Severity::high,
                       .summary = "a crash",
                       .signature = "1:ff"};
  attempt.diagnosis.located.push_back({"a.c", 3, 1, "boom"});
  attempt.verdict = {.proven = false, .cause = Cause::missing_output, .why = "not there"};
  attempt.report.cost_usd = 0.25;
  attempt.report.tokens_in = 10;
  attempt.report.tokens_cached = 8;
  attempt.report.tokens_out = 5;
  attempt.decision = {.action = Action::give_up, .charge = Charge::poison, .rule = "r", .why = "w"};
  attempt.excerpt = std::string("last\nlines \xff\0!", 14);
  MUST(f.store->end_attempt(f.run.key, attempt));

  const auto ended = MUST(f.store->attempts(f.run.key, "a"));
  REQUIRE(ended.size() == 1);
  CHECK(ended[0].state == AttemptState::failed);
  CHECK(ended[0].outcome == attempt.outcome);
  CHECK(ended[0].diagnosis == attempt.diagnosis);
  CHECK(ended[0].verdict == attempt.verdict);
  CHECK(ended[0].report == attempt.report);
  CHECK(ended[0].decision == attempt.decision);
  CHECK(ended[0].excerpt == attempt.excerpt);
  CHECK(MUST(f.store->running_attempts(f.run.key)).empty());
  CHECK(f.task("a").cost_usd == 0.25);
  CHECK(f.task("a").tokens == 15);
  const RunRecord run = MUST(f.store->run(f.run.key));
  CHECK(run.cost_usd == 0.25);
  CHECK(run.tokens == 15);
  CHECK(run.attempts == 1);
}

TEST_CASE("an attempt ends exactly once") {
  Fixture f;
  f.plan({spec("a")});
  AttemptRecord attempt = f.claim("a");
  CHECK(!f.store->end_attempt(f.run.key, attempt));  // as running
  attempt.state = AttemptState::succeeded;
  attempt.report.cost_usd = 1;
  MUST(f.store->end_attempt(f.run.key, attempt));
  attempt.state = AttemptState::failed;
  const auto twice = f.store->end_attempt(f.run.key, attempt);
  REQUIRE(!twice);
  CHECK(twice.error().kind == ErrorKind::internal);
  CHECK(twice.error().message == "attempt 1 of task 'a' has ended already, or was never claimed");
  attempt.key = 99;
  CHECK(!f.store->end_attempt(f.run.key, attempt));
  CHECK(MUST(f.store->attempts(f.run.key, "a")).at(0).state == AttemptState::succeeded);
  CHECK(MUST(f.store->run(f.run.key)).cost_usd == 1);
}

TEST_CASE("attempts of a task are numbered, each number once; two may race") {
  Fixture f;
  f.plan({spec("a")});
  CHECK(f.claim("a").number == 1);
  CHECK(f.claim("a").number == 2);
  AttemptRecord same;
  same.task = f.task("a").key;
  same.number = 2;
  CHECK(!f.store->claim(f.run.key, same));
  CHECK(f.task("a").attempts == 2);
  CHECK(f.counts().of(S::running) == 1);
  CHECK(MUST(f.store->running_attempts(f.run.key)).size() == 2);
}

TEST_CASE("history is that of the lineage, oldest first") {
  Fixture f;
  f.plan({spec("a"), spec("other")});
  f.attempt("a", S::ready);
  f.attempt("other", S::failed);
  f.attempt("a", S::failed);
  const RunRecord child = new_run(*f.store, f.run.id, f.run.root);
  const TaskKey key = MUST(f.store->add_task(child.key, spec("a"), "p", ""));
  MUST(f.store->finish_plan(child.key));
  const auto end = [&](AttemptKind kind, const std::string& agent, AttemptState state) {
    AttemptRecord attempt;
    attempt.task = key;
    attempt.kind = kind;
    attempt.agent = agent;
    attempt.claimed = f.now;
    attempt.cycle = 2;
    MUST(f.store->claim(child.key, attempt));
    attempt.state = state;
    attempt.outcome.end = End::lost;
    attempt.diagnosis.category = Category::transient;
    attempt.diagnosis.cause = Cause::lost;
    attempt.diagnosis.signature = "1:00";
    attempt.decision.charge = Charge::poison;
    MUST(f.store->end_attempt(child.key, attempt));
    MUST(f.store->set_task_state(child.key, key, S::ready));
  };
  end(AttemptKind::first, "", AttemptState::lost);
  end(AttemptKind::fallback, "codex", AttemptState::failed);
  end(AttemptKind::retry, "codex", AttemptState::failed);
  end(AttemptKind::remedy, "codex", AttemptState::succeeded);
  end(AttemptKind::retry, "claude", AttemptState::failed);
  AttemptRecord running;
  running.task = key;
  MUST(f.store->claim(child.key, running));

  const auto past = MUST(f.store->history(child.key, "a"));
  REQUIRE(past.size() == 7);
  CHECK(past[0].started == f.now);
  CHECK(past[0].charge == Charge::retry);
  const PastAttempt& lost = past[2];
  CHECK(lost.cycle == 2);
  CHECK(lost.end == End::lost);
  CHECK(lost.category == Category::transient);
  CHECK(lost.cause == Cause::lost);
  CHECK(lost.signature == "1:00");
  CHECK(lost.charge == Charge::poison);
  CHECK(lost.started == f.now);  // when it was claimed: its start was not seen
  const auto changed = [&](std::size_t i) { return past[i].changed_before; };
  CHECK(!changed(0));
  CHECK(!changed(1));
  CHECK(!changed(2));
  CHECK(changed(3));
  CHECK(!changed(4));
  CHECK(changed(5));
  CHECK(past[5].succeeded);
  CHECK(changed(6));
  CHECK(past[6].agent == "claude");
  CHECK(MUST(f.store->history(f.run.key, "a")).size() == 2);
  CHECK(MUST(f.store->history(f.run.key, "nobody")).empty());
}

TEST_CASE("the event stream goes on where it was left") {
  Fixture f;
  f.plan({spec("a"), spec("b")});
  const AttemptKey first = f.attempt("b", S::succeeded).key;
  f.attempt("a", S::ready);
  f.claim("a");
  const RunRecord other = new_run(*f.store);
  AttemptRecord elsewhere;
  elsewhere.task = MUST(f.store->add_task(other.key, spec("x"), "p", ""));
  MUST(f.store->claim(other.key, elsewhere));
  const auto stream = [&](AttemptKey after) {
    Ids seen;
    MUST(f.store->each_attempt(f.run.key, after, [&](const AttemptRecord& one) -> Status {
      seen.push_back(one.task_id + std::to_string(one.number));
      return {};
    }));
    return seen;
  };
  CHECK(stream(0) == Ids{"b1", "a1", "a2"});
  CHECK(stream(first) == Ids{"a1", "a2"});
  CHECK(stream(first + 2).empty());
}

TEST_CASE("spending is the whole lineage's") {
  Fixture f;
  const auto spend = [&](const RunRecord& run, const std::string& id, double usd) {
    AttemptRecord attempt;
    attempt.task = MUST(f.store->add_task(run.key, spec(id), "p", ""));
    MUST(f.store->claim(run.key, attempt));
    attempt.state = AttemptState::failed;
    attempt.report.cost_usd = usd;
    attempt.report.tokens_in = 7;
    MUST(f.store->end_attempt(run.key, attempt));
  };
  const RunRecord child = new_run(*f.store, f.run.id, f.run.root);
  const RunRecord stranger = new_run(*f.store);
  spend(f.run, "a", 1);
  spend(child, "a", 2);
  spend(stranger, "a", 4);
  CHECK(MUST(f.store->lineage_spent(f.run.key)).usd == 3);
  CHECK(MUST(f.store->lineage_spent(child.key)).tokens == 14);
  CHECK(MUST(f.store->lineage_spent(stranger.key)).usd == 4);
  CHECK(MUST(f.store->lineage_spent(f.run.key)).highest_usd == 2);
  CHECK(MUST(f.store->lineage_spent(f.run.key)).highest_tokens == 7);
  CHECK(MUST(f.store->run(child.key)).cost_usd == 2);
}

TEST_CASE("a success is found in the runs this one descends from") {
  Fixture f;
  f.plan({spec("a"), spec("b")});
  f.claim("a");
  TaskUpdate update;
  update.state = S::succeeded;
  update.output_path = "/out/a";
  update.workspace = "/w/a";
  MUST(f.store->update_task(f.run.key, f.task("a").key, update));
  const RunRecord child = new_run(*f.store, f.run.id, f.run.root);
  const RunRecord grandchild = new_run(*f.store, child.id, f.run.root);
  const auto found = MUST(f.store->success_of(grandchild.key, "a"));
  CHECK(found.succeeded);
  CHECK(found.output_path == "/out/a");
  CHECK(found.workspace == "/w/a");
  CHECK(!MUST(f.store->success_of(grandchild.key, "b")).succeeded);
  CHECK(!MUST(f.store->success_of(new_run(*f.store).key, "a")).succeeded);
}

TEST_CASE("the typical duration is the median of like attempts that succeeded") {
  Fixture f;
  CHECK(!MUST(f.store->typical_duration(f.run.key)));
  TaskSpec other = spec("unlike");
  other.command = "sleep 100";
  f.plan({spec("a"), spec("b"), spec("c"), spec("bad"), other});
  const auto took = [&](const std::string& id, int seconds, AttemptState state) {
    AttemptRecord attempt = f.claim(id);
    attempt.state = state;
    attempt.outcome.wall = std::chrono::seconds{seconds};
    MUST(f.store->end_attempt(f.run.key, attempt));
  };
  took("a", 1, AttemptState::succeeded);
  took("b", 5, AttemptState::succeeded);
  took("c", 7, AttemptState::succeeded);
  took("bad", 900, AttemptState::failed);
  CHECK(MUST(f.store->typical_duration(f.run.key)) == std::chrono::seconds{5});
  took("unlike", 500, AttemptState::succeeded);

  const RunRecord later = new_run(*f.store);
  CHECK(!MUST(f.store->typical_duration(later.key)));
  MUST(f.store->add_task(later.key, spec("x"), "p", ""));
  CHECK(MUST(f.store->typical_duration(later.key)) == std::chrono::seconds{5});
}

}  // namespace darn
