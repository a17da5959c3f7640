// How a backoff is written: exponential(100ms, factor=2, cap=30s, jitter=full).
#include <array>

#include "resilience/policy_settings.hpp"

namespace darn {
namespace {

void read_jitter(policy_settings& read, jitter& into) {
  struct Row {
    std::string_view name;
    jitter is;
  };
  static constexpr std::array<Row, 5> kRows{{{"none", jitter::none()},
                                             {"full", jitter::full()},
                                             {"equal", jitter::equal()},
                                             {"proportional", jitter::proportional()},
                                             {"decorrelated", jitter::decorrelated()}}};
  if (const policy_value* v = read.find("jitter")) {
    into = one_of(kRows, *v, read).is;
  }
}

backoff read_constant(const policy_value& v) {
  policy_settings read(v, v.word);
  backoff b = backoff::constant(std::chrono::seconds{1});
  read("delay", b.delays[0]);
  read_jitter(read, b.jitter);
  read.done();
  return b;
}

backoff read_growing(const policy_value& v) {
  policy_settings read(v, v.word);
  constexpr duration kFirst = std::chrono::seconds{1};
  constexpr duration kCap = std::chrono::seconds{60};
  const bool linear = v.word == "linear";
  backoff b = linear ? backoff::linear(kFirst, kFirst, kCap) : backoff::exponential(kFirst, kCap);
  read("first", b.delays[0]);
  if (linear) {
    read("step", b.step);
  } else {
    read("factor", b.factor, {1, 1000});
  }
  read("cap", b.cap);
  read_jitter(read, b.jitter);
  read.done();
  return b;
}

// schedule(5s, 15s, 45s, jitter=none): the one list of values without names.
backoff read_schedule(const policy_value& v, const policy_settings& outer) {
  backoff b = backoff::schedule({});
  policy_value named;
  named.place = v.place;
  for (const policy_argument& a : v.group) {
    if (a.key.empty()) {
      b.delays.push_back(outer.time(a.value));
    } else {
      named.group.push_back(a);
    }
  }
  if (b.delays.empty()) {
    throw policy_text_error{v.place, "a schedule has at least one time: schedule(5s, 15s, 45s)"};
  }
  policy_settings read(named, "schedule");
  read_jitter(read, b.jitter);
  read.done();
  return b;
}

}  // namespace

std::optional<backoff> read_backoff(policy_settings& outer) {
  const policy_value* v = outer.find("backoff");
  if (v == nullptr) {
    return std::nullopt;
  }
  if (v->word == "constant") {
    return read_constant(*v);
  }
  if (v->word == "linear" || v->word == "exponential") {
    return read_growing(*v);
  }
  if (v->word == "schedule") {
    return read_schedule(*v, outer);
  }
  if (v->word == "none" && !v->has_group) {
    return backoff{};
  }
  outer.wrong(*v,
              "none, constant(1s), linear(1s, step=1s, cap=1m), exponential(1s, cap=1m) or "
              "schedule(5s, 15s)");
}

}  // namespace darn
