// What the words of a policy's text mean: the settings of each policy, by the names they have in
// the headers, with their ranges; and which policies are shared.
#include "darn/any_pipeline.hpp"

#include <algorithm>
#include <array>
#include <iterator>

#include "resilience/policy_settings.hpp"
#include "resilience/policy_text.hpp"

namespace darn {
namespace detail {

// Things of one kind that have names, and how each was written where it came first.
template <class T>
class Named {
 public:
  template <class Make>
  T get(const policy_value& v, std::string_view kind, const std::string& name, Make make) {
    if (name.empty()) {
      return make();
    }
    const auto known = std::find_if(
        all_.begin(), all_.end(), [&](const Entry& e) { return e.kind == kind && e.name == name; });
    if (known == all_.end()) {
      all_.push_back({std::string(kind), name, to_text(v), make()});
      return all_.back().is;
    }
    if (v.group.size() > 1 && to_text(v) != known->text) {
      throw policy_text_error{v.place, std::string(kind) + " " + name +
                                           " is shared, and its settings are said already: " +
                                           known->text + "; give its name alone here"};
    }
    return known->is;
  }

 private:
  struct Entry {
    std::string kind;
    std::string name;
    std::string text;
    T is;
  };
  std::vector<Entry> all_;
};

struct shared_policies {
  Named<any_policy> policies;
  Named<retry_budget> budgets;
};

}  // namespace detail

namespace {

constexpr number_range kCalls{1, 1'000'000};
constexpr number_range kShare{0, 1};
constexpr number_range kAmount{0, 1'000'000'000};
constexpr number_range kFromOne{1, 1'000'000'000};
constexpr duration kMoment{1};

using Shared = detail::shared_policies;

// --- the policies

timeout read_timeout(const policy_value& v, Shared& /*shared*/) {
  policy_settings read(v, v.word);
  std::optional<duration> after;
  std::string name;
  read("after", after, kMoment);
  read("name", name);
  read.done();
  if (!after) {
    throw policy_text_error{v.place, "a timeout has to say after what time: timeout(2s)"};
  }
  return timeout(*after, name);
}

// Called for retry's `budget`: a name alone, or settings.
retry_budget read_budget(const policy_value& v, Shared& shared) {
  retry_budget_options o;
  if (!v.has_group) {
    o.name = v.word;
  } else {
    policy_settings read(v, "budget");
    read("name", o.name);
    read("capacity", o.capacity, kAmount);
    read("per_success", o.per_success, kAmount);
    read("share", o.share, kShare);
    read("window", o.window, kMoment);
    read("at_least", o.at_least, kAmount);
    read.done();
  }
  return shared.budgets.get(v, "budget", o.name, [&] { return retry_budget(o); });
}

adaptive_backoff read_adaptive(const policy_value& v) {
  adaptive_backoff_options o;
  policy_settings read(v, "adaptive");
  read("most", o.most, kFromOne);
  read("memory", o.memory, kFromOne);
  read("keys", o.keys, kCalls);
  read.done();
  return adaptive_backoff(o);
}

void read_strategy(policy_settings& outer, category c, category_strategy& into) {
  const policy_value* v = outer.find(to_string(c));
  if (v == nullptr) {
    return;
  }
  if (!v->has_group) {
    if (v->word != "never" && v->word != "retry") {
      outer.wrong(*v, "never, retry, or a group like (max_attempts=8, backoff=constant(5s))");
    }
    into.retry = v->word == "retry";
    return;
  }
  into.retry = true;  // whoever says how wants it
  policy_settings read(*v, to_string(c));
  read("retry", into.retry);
  into.backoff = read_backoff(read);
  read("max_delay", into.max_delay);
  read("max_attempts", into.max_attempts, {0, kCalls.high});
  read("budget_cost", into.budget_cost, kAmount);
  read.done();
}

retry read_retry(const policy_value& v, Shared& shared) {
  retry_options o;
  policy_settings read(v, v.word);
  read("max_attempts", o.max_attempts, kCalls);
  o.backoff = read_backoff(read).value_or(o.backoff);
  read("deadline", o.deadline, kMoment);
  read("attempt_timeout", o.attempt_timeout, kMoment);
  read("idempotent", o.idempotent);
  read("max_retry_after", o.max_retry_after);
  read("retry_exhausted", o.retry_exhausted);
  if (const policy_value* budget = read.find("budget")) {
    o.budget = read_budget(*budget, shared);
  }
  if (const policy_value* adaptive = read.find("adaptive")) {
    o.adaptive = read_adaptive(*adaptive);
  }
  read("adaptive_key", o.adaptive_key);
  read("name", o.name);
  for (std::size_t i = 1; i < kCategories; ++i) {
    read_strategy(read, static_cast<category>(i), o.by_category[i]);
  }
  read.done();
  return retry(std::move(o));
}

hedge read_hedge(const policy_value& v, Shared& /*shared*/) {
  hedge_options o;
  policy_settings read(v, v.word);
  read("delay", o.delay);
  read("quantile", o.quantile, kShare);
  read("at_least", o.at_least);
  read("max_hedges", o.max_hedges, {0, 100});
  read("share", o.share, kShare);
  read("name", o.name);
  read.done();
  return hedge(std::move(o));
}

chaos read_chaos(const policy_value& v, Shared& /*shared*/) {
  chaos_options o;
  policy_settings read(v, v.word);
  read("error_rate", o.error_rate, kShare);
  read("delay_rate", o.delay_rate, kShare);
  read("delay", o.delay);
  read("enabled", o.enabled);
  if (const policy_value* fault = read.find("fault")) {
    const auto c = fault->has_group ? std::nullopt : parse_category(fault->word);
    if (!c || *c == category::none) {
      read.wrong(*fault, "a category: network, rate_limit, timeout, …");
    }
    o.fault.category = *c;
  }
  read.done();
  return chaos(std::move(o));
}

// Those that count something for all their callers: by a name they are shared.
template <class Policy, class Options, class Fields>
any_policy read_shared(const policy_value& v, Shared& shared, Fields fields) {
  Options o;
  policy_settings read(v, v.word);
  fields(read, o);
  read("name", o.name);
  read.done();
  const std::string name = o.name;
  return shared.policies.get(v, v.word, name, [&] { return any_policy(Policy(std::move(o))); });
}

any_policy read_breaker(const policy_value& v, Shared& shared) {
  const auto fields = [](policy_settings& read, circuit_breaker_options& o) {
    read("window_calls", o.window_calls, kCalls);
    read("window_time", o.window_time, kMoment);
    read("minimum_calls", o.minimum_calls, kCalls);
    read("failure_rate", o.failure_rate, kShare);
    read("slow_call", o.slow_call, kMoment);
    read("slow_rate", o.slow_rate, kShare);
    read("open_for", o.open_for, kMoment);
    read("probes", o.probes, kCalls);
    read("probe_wait", o.probe_wait, kMoment);
    read("ramp", o.ramp);
    read("ramp_from", o.ramp_from, kShare);
  };
  return read_shared<circuit_breaker, circuit_breaker_options>(v, shared, fields);
}

any_policy read_throttle(const policy_value& v, Shared& shared) {
  const auto fields = [](policy_settings& read, adaptive_throttle_options& o) {
    read("k", o.k, kFromOne);
    read("window", o.window, kMoment);
  };
  return read_shared<adaptive_throttle, adaptive_throttle_options>(v, shared, fields);
}

any_policy read_rate(const policy_value& v, Shared& shared) {
  const auto fields = [](policy_settings& read, rate_limiter_options& o) {
    read("rate", o.rate, {0.000'001, kAmount.high});
    read("per", o.per, kMoment);
    read("burst", o.burst, kCalls);
    read("max_wait", o.max_wait);
  };
  return read_shared<rate_limiter, rate_limiter_options>(v, shared, fields);
}

any_policy read_bulkhead(const policy_value& v, Shared& shared) {
  const auto fields = [](policy_settings& read, bulkhead_options& o) {
    read("max_concurrent", o.max_concurrent, kCalls);
    read("max_queue", o.max_queue, {0, kCalls.high});
    read("max_wait", o.max_wait);
  };
  return read_shared<bulkhead, bulkhead_options>(v, shared, fields);
}

any_policy read_limit(const policy_value& v, Shared& shared) {
  using algorithm = concurrency_limit_options::algorithm;
  struct Row {
    std::string_view name;
    algorithm is;
  };
  static constexpr std::array<Row, 2> kRows{
      {{"aimd", algorithm::aimd}, {"gradient", algorithm::gradient}}};
  const auto fields = [](policy_settings& read, concurrency_limit_options& o) {
    if (const policy_value* how = read.find("how")) {
      o.how = one_of(kRows, *how, read).is;
    }
    read("initial", o.initial, kCalls);
    read("least", o.least, kCalls);
    read("most", o.most, kCalls);
    read("decrease", o.decrease, kShare);
    read("target", o.target, kMoment);
    read("tolerance", o.tolerance, {1, 1000});
    read("smoothing", o.smoothing, kShare);
    read("refresh", o.refresh, kMoment);
  };
  return read_shared<concurrency_limit, concurrency_limit_options>(v, shared, fields);
}

template <auto Read>
any_policy as_any(const policy_value& v, Shared& shared) {
  return Read(v, shared);
}

any_policy read_policy(const policy_value& v, Shared& shared) {
  struct Kind {
    std::string_view name;
    any_policy (*read)(const policy_value&, Shared&);
  };
  static constexpr std::array<Kind, std::variant_size_v<any_policy>> kKinds{
      {{"timeout", as_any<read_timeout>},
       {"retry", as_any<read_retry>},
       {"hedge", as_any<read_hedge>},
       {"circuit_breaker", read_breaker},
       {"adaptive_throttle", read_throttle},
       {"rate_limiter", read_rate},
       {"bulkhead", read_bulkhead},
       {"concurrency_limit", read_limit},
       {"chaos", as_any<read_chaos>}}};
  std::string names;
  for (const Kind& kind : kKinds) {
    if (kind.name == v.word) {
      return kind.read(v, shared);
    }
    names += (names.empty() ? "" : ", ") + std::string(kind.name);
  }
  throw policy_text_error{
      v.place, "there is no policy " + v.word + " that can be configured; there are " + names};
}

}  // namespace

named_policies::named_policies() : state_(std::make_unique<detail::shared_policies>()) {}
named_policies::~named_policies() = default;

bool any_pipeline::read(std::string_view text, detail::shared_policies& shared,
                        std::vector<any_policy>& policies, error& why) {
  why.category = category::permanent;
  try {
    Shared known = shared;
    for (const policy_value& v : parse_policies(text)) {
      policies.push_back(read_policy(v, known));
    }
    if (const auto problem = order_problem(policies); !problem.empty()) {
      why.code = "order";
      why.message = problem;
      return false;
    }
    shared = std::move(known);
    return true;
  } catch (const policy_text_error& wrong) {
    why.code = "syntax";
    why.message = place_in(text, wrong.place) + ": " + wrong.message;
    return false;
  }
}

std::string_view any_pipeline::order_problem(const std::vector<any_policy>& policies) {
  std::vector<darn::layer> order;
  std::transform(policies.begin(), policies.end(), std::back_inserter(order), [](const auto& p) {
    return std::visit([](const auto& policy) { return policy.layer; }, p);
  });
  return detail::order_problem(std::span<const darn::layer>(order));
}

void any_pipeline::collect(metrics& into) const {
  for (std::size_t i = 0; i < size(); ++i) {
    std::visit([&](const auto& policy) { policy.collect(into); }, (*this)[i]);
  }
}

std::string any_pipeline::text() const {
  std::string out;
  for (std::size_t i = 0; i < size(); ++i) {
    out += (i == 0 ? "" : " > ") +
           std::visit([](const auto& policy) { return policy.text(); }, (*this)[i]);
  }
  return out.empty() ? "direct" : out;
}

}  // namespace darn
