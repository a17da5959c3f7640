#include "model/record_fields.hpp"
#include "support/property.hpp"

namespace darn {
namespace {

// Fills every described member with something arbitrary.
template <class T>
T any();

struct Fill {
  template <class Record>
  struct Members {
    Record& record;
    template <class T>
    void operator()(const char*, T Record::*member) {
      record.*member = any<T>();
    }
  };
};

template <class T>
struct Any {
  static T make() {
    if constexpr (fields::Described<T>) {
      T record{};
      Fill::Members<T> members{record};
      fields::Fields<T>::visit(members);
      return record;
    } else if constexpr (std::is_same_v<T, Category>) {
      return static_cast<T>(*rc::gen::inRange(0, static_cast<int>(kCategories)));
    } else if constexpr (std::is_enum_v<T>) {
      return static_cast<T>(*rc::gen::inRange(0, 3));
    } else if constexpr (std::is_same_v<T, double>) {
      return *rc::gen::inRange(-1000000, 1000000) / 64.0;
    } else {
      return *rc::gen::arbitrary<T>();
    }
  }
};
template <>
struct Any<std::string> {
  // JSON texts are UTF-8; what is not was cleaned before it came into a record.
  static std::string make() {
    return *rc::gen::container<std::string>(rc::gen::oneOf(
        rc::gen::inRange<char>(0, 127), rc::gen::element('"', '\\', '\n', '\0', ' ')));
  }
};
template <>
struct Any<Duration> {
  static Duration make() { return Duration{any<std::int64_t>()}; }
};
template <>
struct Any<Time> {
  static Time make() { return Time{any<Duration>()}; }
};
template <class T>
struct Any<std::optional<T>> {
  static std::optional<T> make() { return any<bool>() ? std::optional<T>(any<T>()) : std::nullopt; }
};
template <class A, class B>
struct Any<std::pair<A, B>> {
  static std::pair<A, B> make() { return {any<A>(), any<B>()}; }
};
template <class T>
struct Any<std::vector<T>> {
  static std::vector<T> make() {
    std::vector<T> out;
    for (int n = *rc::gen::inRange(0, 3); n > 0; --n) {
      out.push_back(any<T>());
    }
    return out;
  }
};
template <class K, class V>
struct Any<std::map<K, V>> {
  static std::map<K, V> make() {
    std::map<K, V> out;
    for (int n = *rc::gen::inRange(0, 3); n > 0; --n) {
      out[any<K>()] = any<V>();
    }
    return out;
  }
};
template <>
struct Any<std::array<CategoryPolicy, kCategories>> {
  static std::array<CategoryPolicy, kCategories> make() {
    std::array<CategoryPolicy, kCategories> out;
    for (auto& policy : out) {
      policy = any<CategoryPolicy>();
    }
    return out;
  }
};

template <class T>
T any() {
  return Any<T>::make();
}

template <class Record>
void round_trip(const char* what, Record (*from)(const nlohmann::json&)) {
  test::property(what, [from] {
    const auto record = any<Record>();
    // Through text, as it is stored.
    const auto back = from(nlohmann::json::parse(json_text(record)));
    RC_ASSERT(back == record);
  });
}

}  // namespace

TEST_CASE("records survive being written as JSON and read again") {
  round_trip<TaskSpec>("task", task_from_json);
  round_trip<AgentDef>("agent", agent_from_json);
  round_trip<Outcome>("outcome", outcome_from_json);
  round_trip<Diagnosis>("diagnosis", diagnosis_from_json);
  round_trip<Verdict>("verdict", verdict_from_json);
  round_trip<Decision>("decision", decision_from_json);
  round_trip<AgentReport>("report", report_from_json);
  round_trip<RunSettings>("settings", settings_from_json);
  round_trip<PoolState>("pool", pool_from_json);
  round_trip<Policy>(
      "policy", [](const nlohmann::json& in) { return policy_from_json(in, default_policy()); });
}

TEST_CASE("what has its default value is left out") {
  CHECK(json_text(TaskSpec{}) == "{}");
  CHECK(json_text(Outcome{}) == "{}");
  CHECK(json_text(AgentDef{}) == "{}");
  TaskSpec task;
  task.id = "a";
  task.command = "true";
  task.timeout = std::chrono::seconds{90};
  task.env = {{"Z", "1"}, {"A", "2"}};
  CHECK(json_text(task) ==
        R"({"id":"a","command":"true","timeout":90000,"env":[["Z","1"],["A","2"]]})");
}

TEST_CASE("a partial policy keeps the rest of its base") {
  const auto in =
      nlohmann::json::parse(R"({"max_retries": 2, "by_category": {"network": {"retries": 9}}})");
  Policy expected = default_policy();
  expected.max_retries = 2;
  expected.of(Category::network).retries = 9;
  CHECK(policy_from_json(in, default_policy()) == expected);
}

TEST_CASE("a stored policy does not lean on today's defaults") {
  const auto written = nlohmann::json::parse(json_text(default_policy()));
  CHECK(policy_from_json(written, Policy{.max_retries = 77, .jitter = 0}) == default_policy());
}

TEST_CASE("malformed JSON throws") {
  using nlohmann::json;
  CHECK_THROWS(task_from_json(json::parse("[]")));
  CHECK_THROWS(task_from_json(json::parse(R"({"id": 1})")));
  CHECK_THROWS(task_from_json(json::parse(R"({"after": "a"})")));
  CHECK_THROWS(task_from_json(json::parse(R"({"workspace": "cloud"})")));
  CHECK_THROWS(policy_from_json(json::parse(R"({"by_category": {"weather": {}}})"), Policy{}));
  CHECK_THROWS(agent_from_json(json::parse(R"({"exits": {"x": {}}})")));
}

TEST_CASE("the default policy is that of the design") {
  using std::chrono::seconds;
  const Policy policy = default_policy();
  const std::vector<Duration> flaky = {seconds{5}, seconds{15}, seconds{45}, seconds{135},
                                       seconds{300}};
  for (const Category c : {Category::network, Category::timeout, Category::transient}) {
    CHECK(policy.of(c) == CategoryPolicy{5, flaky, false});
  }
  CHECK(policy.of(Category::resource) == CategoryPolicy{1, {seconds{5}}, true});
  CHECK(policy.of(Category::unknown) == CategoryPolicy{1, {seconds{5}}, false});
  for (const Category c : {Category::none, Category::permanent, Category::rate_limit}) {
    CHECK(policy.of(c) == CategoryPolicy{});
  }
  CHECK(policy.max_retries == 5);
  CHECK(policy.deterministic_after == 3);
  CHECK(RunSettings{}.policy == policy);
}

TEST_CASE("counts add up") {
  Counts counts;
  for (std::size_t i = 0; i < kTaskStates; ++i) {
    counts.by_state[i] = std::int64_t{1} << i;
  }
  CHECK(counts.total() == 511);
  CHECK(counts.unfinished() == 1 + 2 + 4 + 8);
}

TEST_CASE("every word can be read back") {
  const auto all = [](auto last) {
    using E = decltype(last);
    for (int i = 0; i <= static_cast<int>(last); ++i) {
      const auto value = static_cast<E>(i);
      CHECK(fields::parse_enum<E>(to_string(value)) == value);
    }
    CHECK(!fields::parse_enum<E>("no such word"));
  };
  all(Category::unknown);
  all(Cause::unknown);
  all(Severity::critical);
  all(End::lost);
  all(TaskState::abandoned);
  all(RunState::cancelled);
  all(Charge::none);
  all(AttemptKind::remedy);
  all(AttemptState::cancelled);
  all(Action::abandon);
  all(HaltMode::after_percent);
  all(WorkspaceMode::none);
}

}  // namespace darn
