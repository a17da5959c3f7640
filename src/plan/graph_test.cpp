#include "plan/graph.hpp"

#include <algorithm>
#include <set>

#include <doctest/doctest.h>

#include "plan/id_table.hpp"
#include "support/property.hpp"

namespace darn {
namespace {

TaskSpec task(const std::string& id, std::vector<std::string> after = {}) {
  TaskSpec spec;
  spec.id = id;
  spec.after = std::move(after);
  return spec;
}

// Adds the tasks on lines 2, 3, …: ids in column 1, dependencies in column 9.
Status build(TaskGraph& graph, const std::vector<TaskSpec>& tasks) {
  std::uint32_t line = 1;
  for (const TaskSpec& spec : tasks) {
    ++line;
    DARN_TRY(graph.add(spec, {"t.csv", line, 1}, {"t.csv", line, 9}));
  }
  return {};
}

std::string refused(const std::vector<TaskSpec>& tasks,
                    const std::function<bool(std::string_view)>& elsewhere = {}) {
  TaskGraph graph;
  Status status = build(graph, tasks);
  if (status) {
    status = graph.finish(elsewhere);
  }
  return status ? "(accepted)" : status.error().text();
}

using Sizes = std::vector<std::size_t>;
using Indexes = std::vector<std::uint32_t>;

TEST_CASE("levels and dependencies, forward references too") {
  TaskGraph graph;
  REQUIRE(build(graph, {task("d", {"b", "c"}), task("b", {"a"}), task("c", {"a", "a"}), task("a"),
                        task("lone")}));
  REQUIRE(graph.finish());
  CHECK(graph.size() == 5);
  CHECK(graph.level_sizes() == Sizes{2, 2, 1});
  auto of_d = graph.dependencies(0);
  std::sort(of_d.begin(), of_d.end());
  CHECK(of_d == Indexes{1, 2});
  CHECK(graph.dependencies(2) == Indexes{3});  // named twice, counts once
  CHECK(graph.dependencies(3).empty());

  TaskGraph none;
  REQUIRE(none.finish());
  CHECK(none.level_sizes().empty());
}

TEST_CASE("duplicate ids") {
  CHECK(refused({task("a"), task("b"), task("a")}) ==
        "t.csv:4:1: duplicate id 'a'; line 2 has it already: give each task its own");
}

TEST_CASE("a dependency that is not there is refused with the nearest id") {
  CHECK(refused({task("build"), task("x", {"bulid"})}) ==
        "t.csv:3:9: unknown dependency 'bulid'; did you mean 'build'?");
  CHECK(refused({task("a"), task("x", {"nobody"})}) ==
        "t.csv:3:9: unknown dependency 'nobody'; add a task with that id, or remove it from "
        "'after'");
  TaskGraph graph;
  REQUIRE(graph.add(task("x", {"y"}), {"t.csv", 7, 3}));
  CHECK(graph.finish().error().text().starts_with("t.csv:7:3: "));  // no place of its own
}

TEST_CASE("ids that exist elsewhere are asked for once") {
  int asked = 0;
  const auto elsewhere = [&](std::string_view id) {
    ++asked;
    return id == "old";
  };
  TaskGraph graph;
  REQUIRE(build(graph, {task("a", {"old"}), task("b", {"old", "a"})}));
  REQUIRE(graph.finish(elsewhere));
  CHECK(asked == 1);
  CHECK(graph.level_sizes() == Sizes{1, 1});
  CHECK(graph.dependencies(1) == Indexes{0});
  CHECK(refused({task("a", {"older"})}, elsewhere).starts_with("t.csv:2:9: unknown dependency"));
}

TEST_CASE("a cycle is printed whole, from its first task") {
  CHECK(refused({task("a", {"a"})}) ==
        "t.csv:2:9: cycle of dependencies: a -> a; remove one of them from 'after'");
  CHECK(refused({task("x"), task("tail", {"c"}), task("a", {"c"}), task("b", {"a"}),
                 task("c", {"x", "b"})}) ==
        "t.csv:4:9: cycle of dependencies: a -> c -> b -> a; remove one of them from 'after'");
}

TEST_CASE("names of variables must tell dependencies apart") {
  CHECK(
      refused({task("a-1"), task("a_1"), task("x", {"a-1", "a_1"})}) ==
      "t.csv:4:9: dependencies 'a-1' and 'a_1' would both be DARN_OUTPUT_a_1; rename one of them");
  CHECK(refused({task("a-1"), task("a_1"), task("x", {"a-1"}), task("y", {"a_1"})}) ==
        "(accepted)");
}

TEST_CASE("a chain of 200,000 is no deep recursion, nor is a cycle of that length") {
  constexpr int kLength = 200'000;  // at 40 bytes a call the stack would be full
  TaskGraph chain;
  TaskGraph ring;
  for (int i = 0; i < kLength; ++i) {
    const std::string id = std::to_string(i);
    const Location where{"t.csv", static_cast<std::uint32_t>(i + 2), 1};
    REQUIRE(chain.add(task(id, i == 0 ? std::vector<std::string>{}
                                      : std::vector<std::string>{std::to_string(i - 1)}),
                      where));
    REQUIRE(ring.add(task(id, {std::to_string((i + kLength - 1) % kLength)}), where));
  }
  REQUIRE(chain.finish());
  CHECK(chain.level_sizes() == Sizes(kLength, 1));
  const Status status = ring.finish();
  REQUIRE_FALSE(status.has_value());
  CHECK(status.error().message.starts_with("cycle of dependencies: 0 -> 199999 -> 199998"));
  CHECK(status.error().message.ends_with("more … -> 0"));
}

TEST_CASE("ids as numbers") {
  test::property("equal names have equal numbers, and names come back",
                 [](const std::vector<std::string>& names) {
                   IdTable table;
                   std::vector<std::uint32_t> numbers;
                   for (const std::string& name : names) {
                     numbers.push_back(table.intern(name));
                   }
                   for (std::size_t i = 0; i < names.size(); ++i) {
                     RC_ASSERT(table.name(numbers[i]) == names[i]);
                     RC_ASSERT(table.intern(names[i]) == numbers[i]);
                   }
                   RC_ASSERT(table.size() == std::set(names.begin(), names.end()).size());
                 });
}

// A random DAG: each task depends on some before it; then the tasks are shuffled.
struct Dag {
  std::vector<TaskSpec> tasks;               // in the order of the file
  std::map<std::string, std::size_t> level;  // by definition: one more than the deepest dependency
};

Dag random_dag() {
  const auto size = *rc::gen::inRange<std::size_t>(1, 40);
  Dag dag;
  for (std::size_t i = 0; i < size; ++i) {
    const auto drawn = *rc::gen::container<std::vector<std::size_t>>(
        rc::gen::inRange<std::size_t>(0, std::max<std::size_t>(i, 1)));
    const std::set<std::size_t> on(drawn.begin(), drawn.end());
    TaskSpec spec = task("t" + std::to_string(i));
    std::size_t level = 0;
    for (const std::size_t j : on) {
      if (i > 0) {
        spec.after.push_back("t" + std::to_string(j));
        level = std::max(level, dag.level[spec.after.back()] + 1);
      }
    }
    dag.level[spec.id] = level;
    dag.tasks.push_back(spec);
  }
  for (std::size_t i = size; i > 1; --i) {
    std::swap(dag.tasks[i - 1], dag.tasks[*rc::gen::inRange<std::size_t>(0, i)]);
  }
  return dag;
}

TEST_CASE("random graphs") {
  test::property("levels are right in any order of the file", [] {
    const Dag dag = random_dag();
    TaskGraph graph;
    RC_ASSERT(build(graph, dag.tasks).has_value());
    RC_ASSERT(graph.finish().has_value());
    Sizes want(dag.tasks.size());
    for (const auto& [id, level] : dag.level) {
      ++want[level];
    }
    want.resize(graph.level_sizes().size());
    RC_ASSERT(graph.level_sizes() == want);
    for (std::size_t i = 0; i < dag.tasks.size(); ++i) {
      std::set<std::string> ids;
      for (const std::uint32_t on : graph.dependencies(i)) {
        ids.insert(dag.tasks[on].id);
      }
      RC_ASSERT(ids == std::set(dag.tasks[i].after.begin(), dag.tasks[i].after.end()));
    }
  });
  test::property("an edge back is found, and what is printed is a cycle", [] {
    Dag dag = random_dag();
    // From some task to one that it is reached from, or to itself.
    const auto from = *rc::gen::inRange<std::size_t>(0, dag.tasks.size());
    std::string to = dag.tasks[from].id;
    const auto find = [&](const std::string& id) -> TaskSpec& {
      return *std::find_if(dag.tasks.begin(), dag.tasks.end(),
                           [&](const TaskSpec& spec) { return spec.id == id; });
    };
    for (int steps = *rc::gen::inRange(0, 5); steps > 0 && !find(to).after.empty(); --steps) {
      const auto& after = find(to).after;
      to = after[*rc::gen::inRange<std::size_t>(0, after.size())];
    }
    find(to).after.push_back(dag.tasks[from].id);
    const std::string text = refused(dag.tasks);
    const std::string head = "cycle of dependencies: ";
    const std::size_t begin = text.find(head);
    RC_ASSERT(begin != std::string::npos);
    std::string path = text.substr(begin + head.size());
    path.resize(path.find(';'));
    std::vector<std::string> ids;
    for (std::size_t at = 0; at != std::string::npos;) {
      const std::size_t next = path.find(" -> ", at);
      ids.push_back(path.substr(at, next == std::string::npos ? next : next - at));
      at = next == std::string::npos ? next : next + 4;
    }
    RC_ASSERT(ids.size() >= 2U);
    RC_ASSERT(ids.front() == ids.back());
    for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
      const auto& after = find(ids[i]).after;
      RC_ASSERT(std::find(after.begin(), after.end(), ids[i + 1]) != after.end());
    }
  });
}

}  // namespace
}  // namespace darn
