#include "store/store_fixture.hpp"

namespace darn {

using test::Fixture;
using test::Ids;
using test::new_run;
using test::spec;

TEST_CASE("a run comes back as it was") {
  Fixture f;
  RunRecord run;
  run.created = f.now;
  run.source = "-";
  run.format = "csv";
  run.columns = {"id", "agent", "task, quoted"};
  run.cwd = "/home/x";
  run.seed = ~std::uint64_t{0};
  run.settings.jobs = 3;
  run.settings.pools["api"] = {.name = "api", .limit = 2};
  run.settings.policy.of(Category::network).retries = 9;
  MUST(f.store->create_run(run));
  const RunRecord back = MUST(f.store->run(run.key));
  CHECK(back.id == format_stamp(f.now));
  CHECK(back.root == back.id);
  CHECK(back.parent.empty());
  CHECK(back.state == RunState::planning);
  CHECK(back.columns == run.columns);
  CHECK(back.seed == run.seed);
  CHECK(back.settings == run.settings);
  CHECK(back.created == f.now);
  CHECK(back.cwd == "/home/x");
  CHECK(back.cycle == 1);
  CHECK(!f.store->run(77));
}

TEST_CASE("run ids get a suffix within a second, and are found by part of them") {
  Fixture f;
  const std::string id = f.run.id;
  CHECK(new_run(*f.store).id == id + "-2");
  CHECK(new_run(*f.store).id == id + "-3");
  CHECK(MUST(f.store->find_run("")).id == id + "-3");
  CHECK(MUST(f.store->find_run("last")).id == id + "-3");
  CHECK(MUST(f.store->find_run(id)).id == id);
  CHECK(MUST(f.store->find_run("-2")).id == id + "-2");
  CHECK(MUST(f.store->find_run(id.substr(9))).id == id);  // the time of day
  CHECK(MUST(f.store->find_run(id + "-3")).key == 3);

  const auto several = f.store->find_run(id.substr(0, 8));
  REQUIRE(!several);
  CHECK(several.error().kind == ErrorKind::usage);
  CHECK(several.error().text() == "'" + id.substr(0, 8) + "' fits several runs: " + id + "-3, " +
                                      id + "-2, " + id + "; give more of it; darn runs lists all");
  for (const char* wrong : {"1999", "%", "_", "*", "'"}) {
    const auto none = f.store->find_run(wrong);
    REQUIRE(!none);
    CHECK(none.error().text() == "there is no run '" + std::string(wrong) + "' among " + id +
                                     "-3, " + id + "-2, " + id +
                                     "; darn runs lists all; 'last' is the newest");
  }
  for (int i = 0; i < 10; ++i) {
    new_run(*f.store);
  }
  CHECK(f.store->find_run("2").error().message.ends_with(", …"));
}

TEST_CASE("an empty state says so") {
  const auto store = MUST(open_sqlite_store(":memory:"));
  CHECK(store->find_run("last").error().text() ==
        "there are no runs here yet; start one with darn run FILE");
  CHECK(store->find_run("x").error().kind == ErrorKind::usage);
  CHECK(MUST(store->list_runs()).empty());
}

TEST_CASE("runs and lineages are listed") {
  Fixture f;
  const RunRecord child = new_run(*f.store, f.run.id, f.run.root);
  const RunRecord other = new_run(*f.store);
  const auto ids = [](const std::vector<RunRecord>& runs) {
    Ids out;
    for (const RunRecord& run : runs) {
      out.push_back(run.id);
    }
    return out;
  };
  CHECK(ids(MUST(f.store->list_runs())) == Ids{other.id, child.id, f.run.id});
  CHECK(ids(MUST(f.store->lineage_of(f.run.root))) == Ids{f.run.id, child.id});
  CHECK(ids(MUST(f.store->lineage_of(other.id))) == Ids{other.id});
  CHECK(MUST(f.store->lineage_of("nobody")).empty());
  f.plan({spec("a"), spec("b", {"a"})});
  CHECK(MUST(f.store->list_runs()).back().counts == f.counts());
}

TEST_CASE("a run's state, owner and cancel request") {
  Fixture f;
  MUST(f.store->set_run_state(f.run.key, RunState::running, f.now));
  CHECK(MUST(f.store->run(f.run.key)).state == RunState::running);
  CHECK(MUST(f.store->run(f.run.key)).ended == Time{});
  MUST(f.store->set_run_state(f.run.key, RunState::interrupted, f.now));
  CHECK(MUST(f.store->run(f.run.key)).ended == f.now);
  MUST(f.store->set_run_state(f.run.key, RunState::running, f.now));
  CHECK(MUST(f.store->run(f.run.key)).ended == Time{});

  MUST(f.store->set_run_owner(f.run.key, "host", "boot", 42));
  CHECK(MUST(f.store->run(f.run.key)).host == "host");
  CHECK(MUST(f.store->run(f.run.key)).boot_id == "boot");
  CHECK(MUST(f.store->run(f.run.key)).pid == 42);

  CHECK(!MUST(f.store->cancel_requested(f.run.key)));
  MUST(f.store->request_cancel(f.run.key, true));
  CHECK(MUST(f.store->cancel_requested(f.run.key)));
  MUST(f.store->request_cancel(f.run.key, false));
  CHECK(!MUST(f.store->cancel_requested(f.run.key)));

  CHECK(!f.store->set_run_state(9, RunState::running, f.now));
  CHECK(!f.store->set_run_owner(9, "", "", 0));
  CHECK(!f.store->request_cancel(9, true));
}

TEST_CASE("cycles have a batch name of their own") {
  Fixture f;
  MUST(f.store->start_first_cycle(f.run.key, "batch-1", f.now));
  CHECK(MUST(f.store->batch_exists("batch-1")));
  CHECK(!MUST(f.store->batch_exists("batch-2")));
  MUST(f.store->end_cycle(f.run.key, 1, f.now + std::chrono::seconds{1}));
  CHECK(!f.store->end_cycle(f.run.key, 2, f.now));
  CHECK(MUST(f.store->open_cycle(f.run.key, 1, "batch-2", f.now, {})));
  const auto cycles = MUST(f.store->cycles(f.run.key));
  REQUIRE(cycles.size() == 2);
  CHECK(cycles[0].batch == "batch-1");
  CHECK(cycles[0].ended == f.now + std::chrono::seconds{1});
  CHECK(cycles[1].cycle == 2);
  CHECK(cycles[1].batch == "batch-2");
  CHECK(cycles[1].ended == Time{});
  const RunRecord other = new_run(*f.store);
  CHECK(!f.store->start_first_cycle(other.key, "batch-2", f.now));
}

TEST_CASE("pools are kept") {
  Fixture f;
  PoolState pool{.name = "api", .limit = 2.5, .parked_until = f.now, .limited_in_a_row = 3};
  pool.keys_resting["KEY_A"] = f.now;
  MUST(f.store->save_pool(f.run.key, pool));
  MUST(f.store->save_pool(f.run.key, PoolState{.name = "other", .limit = 4}));
  pool.limit = 1;
  MUST(f.store->save_pool(f.run.key, pool));
  const auto pools = MUST(f.store->pool_states(f.run.key));
  CHECK(pools.size() == 2);
  CHECK(pools.at("api") == pool);
  CHECK(pools.at("other").limit == 4);
  CHECK(MUST(f.store->pool_states(new_run(*f.store).key)).empty());
}

TEST_CASE("a run that is removed leaves the others alone") {
  Fixture f;
  const RunRecord child = new_run(*f.store, f.run.id, f.run.root);
  f.plan({spec("a"), spec("b", {"a"}), spec("c", {"d"}), spec("d")});
  f.attempt("a", TaskState::succeeded);
  MUST(f.store->start_first_cycle(f.run.key, "batch-1", f.now));
  MUST(f.store->save_pool(f.run.key, PoolState{.name = "api"}));
  MUST(f.store->add_task(child.key, spec("a"), "p", ""));
  MUST(f.store->add_task(child.key, spec("b", {"a"}), "p", ""));
  MUST(f.store->finish_plan(child.key));
  MUST(f.store->add_task(f.run.key, spec("unfinished", {"nowhere"}), "p", ""));

  MUST(f.store->delete_run(f.run.key));
  CHECK(!f.store->run(f.run.key));
  CHECK(!MUST(f.store->batch_exists("batch-1")));
  CHECK(MUST(f.store->attempts(f.run.key, "a")).empty());
  CHECK(!f.store->task(f.run.key, "a"));
  CHECK(MUST(f.store->counts(child.key)).total() == 2);
  CHECK(MUST(f.store->task(child.key, "b")).state == TaskState::waiting);
  CHECK(MUST(f.store->list_runs()).size() == 1);
  // Its number is not given to another while something newer is there.
  CHECK(new_run(*f.store).key == 3);
}

}  // namespace darn
