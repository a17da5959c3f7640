#include "engine/slot_queues.hpp"

#include <doctest/doctest.h>

#include "process/runner.hpp"

namespace darn {
namespace {

constexpr Duration kShort{1};
const Time t0{Duration{1'000'000}};

void learn(SlotQueues& queues, Duration wall, int times) {
  for (int i = 0; i < times; ++i) {
    queues.learn(wall);
  }
}

TEST_CASE("nothing is queued before tasks have shown to be short") {
  SlotQueues queues;
  queues.run(0, 1, t0);
  CHECK(queues.rooms(t0) == 0);
  learn(queues, kShort, 3);
  CHECK(queues.rooms(t0) == 0);
  learn(queues, kShort, 1);
  CHECK(queues.rooms(t0) == kSlotJobs - 1);
  CHECK(queues.room(t0) == 0);
}

TEST_CASE("the longer tasks take, the fewer wait") {
  SlotQueues queues;
  queues.run(0, 1, t0);
  learn(queues, Duration{9}, 50);
  CHECK(queues.rooms(t0) == 2);
  learn(queues, Duration{15}, 50);
  CHECK(queues.rooms(t0) == 1);
  learn(queues, Duration{25}, 50);
  CHECK(queues.rooms(t0) == 0);
  learn(queues, Duration{0}, 50);
  CHECK(queues.rooms(t0) == kSlotJobs - 1);
}

TEST_CASE(
    "the slot with the least to do takes the next; who is first has a place, others inherit") {
  SlotQueues queues;
  learn(queues, kShort, 4);
  queues.run(0, 1, t0);
  queues.run(1, 2, t0);
  queues.queue(0, 3);
  CHECK(queues.room(t0) == 1);
  queues.queue(1, 4);
  queues.queue(1, 5);
  CHECK(queues.waiting_count() == 3);
  CHECK(queues.waiting() == std::vector<AttemptKey>{3, 4, 5});
  CHECK_FALSE(queues.remove(4, t0));  // waited: no place was its own
  CHECK(queues.remove(2, t0) == AttemptKey{5});
  CHECK_FALSE(queues.remove(5, t0));
  CHECK(queues.room(t0) == 0);  // slot 1 is not busy any more: it is the runner's to give
  CHECK_FALSE(queues.remove(99, t0));
}

TEST_CASE("nobody waits behind a long task for long") {
  SlotQueues queues;
  learn(queues, kShort, 4);
  queues.run(0, 1, t0);
  queues.run(1, 2, t0);
  CHECK_FALSE(queues.next_long());
  queues.queue(0, 3);
  CHECK(queues.next_long() == t0 + SlotQueues::kLong);
  CHECK(queues.behind_long(t0 + Duration{99}).empty());
  CHECK(queues.behind_long(t0 + SlotQueues::kLong) == std::vector<AttemptKey>{3});
  CHECK(queues.rooms(t0 + SlotQueues::kLong) == 0);  // and nobody joins
  CHECK(queues.remove(1, t0 + SlotQueues::kLong) == AttemptKey{3});
  CHECK(queues.behind_long(t0 + SlotQueues::kLong).empty());  // its own time begins
}

}  // namespace
}  // namespace darn
