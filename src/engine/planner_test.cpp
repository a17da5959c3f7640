#include "engine/planner.hpp"

#include <doctest/doctest.h>

#include "simulator/forward.hpp"
#include "support/engine_fixture.hpp"

namespace darn {
namespace {

using test::EngineFixture;

class FailingStore final : public sim::ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  bool of_success = false;
  bool of_task = false;
  Result<Success> success_of(RunKey run, std::string_view id) override {
    return of_success ? fail(ErrorKind::io, "the disk is gone") : to_->success_of(run, id);
  }
  Result<TaskRecord> task(RunKey run, std::string_view id) override {
    return of_task ? fail(ErrorKind::io, "the disk is gone") : to_->task(run, id);
  }
};

TEST_CASE("a re-run is not planned when what has succeeded cannot be read") {
  EngineFixture f;
  f.plan("id,command\na,true\n");
  CHECK(f.run().state == RunState::succeeded);
  RunRecord again = f.record();
  again.parent = again.id;
  const TaskSource source{"tasks.csv", "id,command\na,true\nb,true\n", TaskSource::Format::csv};
  FailingStore store(*f.store);
  SUBCASE("the successes") { store.of_success = true; }
  SUBCASE("the parent's tasks") { store.of_task = true; }
  const Status planned = plan_run(store, source, again);
  REQUIRE_FALSE(planned);
  CHECK(planned.error().kind == ErrorKind::io);
  CHECK(f.store->list_runs()->size() == 1);
}

}  // namespace
}  // namespace darn
