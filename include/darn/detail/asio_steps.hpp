// What each policy does in a coroutine; those that let calls in are in asio_gates.hpp. The
// decisions are those of run(): here is only how they are waited for.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>

#include "darn/any_pipeline.hpp"
#include "darn/chaos.hpp"
#include "darn/detail/asio_gates.hpp"
#include "darn/detail/asio_run.hpp"
#include "darn/fail_when.hpp"
#include "darn/fallback.hpp"
#include "darn/hedge.hpp"
#include "darn/retry.hpp"
#include "darn/timeout.hpp"

namespace darn {
namespace detail {

// A task of its own, so that it can be cancelled at the deadline; it is waited for all the same.
template <class Next>
net::awaitable<typename Next::outcome_type> async_with_timeout(call& c, duration after,
                                                               std::string_view who, Next next) {
  using Outcome = typename Next::outcome_type;
  const net::any_io_executor strand = co_await net::this_coro::executor;
  const time_limit limit(c, after);
  stop_scope scope(c.scope(), c.clock(), time_point::max());
  scope.token();  // expire() needs it
  std::optional<Outcome> result;
  async_task task;
  bool expired = false;
  const auto outside = c.enter({&scope, limit.deadline()});
  auto at = std::make_shared<rendezvous>(strand);
  rendezvous::start(at, task, run_task<Outcome>(c, next, result));
  time_point until = limit.deadline();
  while (!task.ended) {
    at = co_await async_wait(std::move(at), c, until, {});
    if (!task.ended && c.now() >= until) {
      expired = true;
      until = time_point::max();
      scope.expire();
      task.signal.emit(net::cancellation_type::terminal);
    }
  }
  c.enter(outside);
  limit.judge(*result, expired || limit.late(c), who);
  co_return std::move(*result);
}

// One attempt of a retry, with a timeout of its own or without.
template <class Next>
net::awaitable<typename Next::outcome_type> async_attempt(const retry_state& state, call& c,
                                                          Next next) {
  if (const auto& after = state.options.attempt_timeout) {
    return async_with_timeout(c, *after, state.who, next);
  }
  return next(c);
}

// The copies of one call; all on one strand.
template <class Outcome>
struct async_race {
  struct copy {
    copy(call& outside, call& original, int number)
        : scope(outside.scope(), outside.clock(), time_point::max()),
          mine(original.copy_for_hedge(number, scope)) {
      scope.token();  // abandon() needs it
    }
    stop_scope scope;
    call mine;
    async_task task;
    std::optional<Outcome> result;
  };

  void claim(copy& first, hedge_state& state) {
    winner = &first;
    if (&first != &copies.front()) {
      state.won.add();
    }
    for (copy& each : copies) {
      if (&each != &first && !each.task.ended) {
        each.scope.abandon();
        each.task.signal.emit(net::cancellation_type::terminal);
      }
    }
  }
  bool running() const {
    for (const copy& each : copies) {
      if (!each.task.ended) {
        return true;
      }
    }
    return false;
  }
  // Whether it is settled how many copies there are.
  bool closed(call& c) const {
    return winner != nullptr || copies.front().task.ended || c.stop_requested();
  }

  std::deque<copy> copies;
  copy* winner = nullptr;
};

template <class Outcome, class Next>
net::awaitable<void> run_copy(async_race<Outcome>& race, typename async_race<Outcome>::copy& copy,
                              hedge_state& state, Next next) {
  const time_point began = copy.mine.now();
  auto running = run_task<Outcome>(copy.mine, next, copy.result);
  co_await std::move(running);
  if (*copy.result && race.winner == nullptr) {
    race.claim(copy, state);
    if (state.latencies) {
      state.latencies->add(copy.mine.now() - began);
    }
  }
}

// What an alternative of a fallback gives, which may be a coroutine.
template <class F>
decltype(auto) invoke_alternative(F& f, const error& why) {
  if constexpr (std::is_invocable_v<F&, const error&>) {
    return f(why);
  } else if constexpr (std::is_invocable_v<F&>) {
    return f();
  } else {
    return (f);
  }
}

template <class Outcome, class F>
net::awaitable<Outcome> async_alternative(F& f, const error& why) {
  using Given = std::remove_cvref_t<decltype(invoke_alternative(f, why))>;
  if constexpr (awaitable_traits<Given>::is_awaitable) {
    Outcome result = co_await run_users_coroutine<Outcome>(
        [&f, &why]() -> decltype(auto) { return invoke_alternative(f, why); });
    co_return std::move(result);
  } else {
    co_return try_alternative<Outcome>(f, why);
  }
}

// Whether one of the alternatives from I on has succeeded: then that is the result.
template <std::size_t I, class Outcome, class... Alternatives>
net::awaitable<bool> async_alternatives(call& c, std::tuple<Alternatives...>& all, const error& why,
                                        Outcome& result) {
  if constexpr (I < sizeof...(Alternatives)) {
    Outcome other = co_await async_alternative<Outcome>(std::get<I>(all), why);
    if (other) {
      result = std::move(other);
      co_return true;
    }
    if (c.abandoned()) {
      co_return false;
    }
    const bool found = co_await async_alternatives<I + 1>(c, all, why, result);
    co_return found;
  } else {
    co_return false;
  }
}

}  // namespace detail

template <class Next>
boost::asio::awaitable<typename Next::outcome_type> async_step(const retry& policy, call& c,
                                                               Next next) {
  using Outcome = typename Next::outcome_type;
  detail::retry_state& state = policy.state();
  const retry_options& o = state.options;
  state.calls.add();
  const time_point began = o.deadline ? c.now() : time_point{};
  if (o.budget) {
    o.budget->called(c);
  }
  Outcome result = co_await detail::async_attempt(state, c, next);
  if (result) {
    state.succeeded_at_once();
    co_return std::move(result);
  }
  detail::retry_session session(state, c, began);
  while (!result) {
    const std::optional<duration> delay = session.next(result.error());
    if (!delay) {
      break;
    }
    const bool slept = co_await detail::async_sleep_until(c, c.now() + *delay);
    if (!slept) {
      session.stopped(result.error());
      break;
    }
    session.begin_attempt();
    Outcome again = co_await detail::async_attempt(state, c, next);
    result = std::move(again);
    if (result) {
      session.succeeded();
    }
  }
  co_return std::move(result);
}

template <class Next>
boost::asio::awaitable<typename Next::outcome_type> async_step(const timeout& policy, call& c,
                                                               Next next) {
  auto result = co_await detail::async_with_timeout(c, policy.after(), policy.who(), next);
  policy.count(result);
  co_return std::move(result);
}

template <class Next>
boost::asio::awaitable<typename Next::outcome_type> async_step(const hedge& policy, call& c,
                                                               Next next) {
  using Outcome = typename Next::outcome_type;
  detail::hedge_state& state = policy.state();
  state.calls.add();
  state.budget.succeeded();  // each call pays its share in
  const detail::net::any_io_executor strand = co_await detail::net::this_coro::executor;
  call original = c.copy_for_hedge(0, c.scope());
  detail::async_race<Outcome> race;
  auto at = std::make_shared<detail::rendezvous>(strand);
  const auto send = [&](const std::shared_ptr<detail::rendezvous>& from) {
    auto& copy = race.copies.emplace_back(c, original, static_cast<int>(race.copies.size()));
    auto body = detail::run_copy<Outcome>(race, copy, state, next);
    detail::rendezvous::start(from, copy.task, std::move(body));
  };
  const duration delay = state.delay();
  int more = state.options.max_hedges;
  time_point until = c.now() + delay;
  send(at);
  while (race.running()) {
    if (more <= 0 || race.closed(c)) {
      until = time_point::max();
    }
    at = co_await detail::async_wait(std::move(at), c, until, {});
    if (c.now() < until || race.closed(c)) {
      continue;
    }
    if (state.may_send(c.now())) {
      send(at);
      state.hedged.add();
      --more;
    } else {
      more = 0;
    }
    until = c.now() + delay;
  }
  auto& chosen = race.winner != nullptr ? *race.winner : race.copies.front();
  co_return std::move(*chosen.result);
}

template <class... Alternatives, class Next>
boost::asio::awaitable<typename Next::outcome_type> async_step(
    const fallback_policy<Alternatives...>& policy, call& c, Next next) {
  using Outcome = typename Next::outcome_type;
  Outcome result = co_await next(c);
  if (result || !policy.wanted(c, result.error())) {
    co_return std::move(result);
  }
  const error why = result.error();
  const bool found = co_await detail::async_alternatives<0>(c, policy.alternatives(), why, result);
  (found ? policy.state().used : policy.state().failed).add();
  co_return std::move(result);
}

template <class Result, class Next>
boost::asio::awaitable<typename Next::outcome_type> async_step(const chaos_policy<Result>& policy,
                                                               call& c, Next next) {
  using Outcome = typename Next::outcome_type;
  detail::chaos_state& s = policy.state();
  if (policy.enabled()) {
    if (s.hits(s.options.delay_rate, c)) {
      s.delays.add();
      // Stopped or not: the callee decides then.
      (void)co_await detail::async_sleep_until(c, c.now() + s.options.delay);
    }
    const auto none = [](call&) { return std::optional<Outcome>(); };
    std::optional<Outcome> injected = policy.template instead<std::optional<Outcome>>(c, none);
    if (injected) {
      co_return std::move(*injected);
    }
  }
  Outcome result = co_await next(c);
  co_return std::move(result);
}

template <class Predicate, class Next>
boost::asio::awaitable<typename Next::outcome_type> async_step(
    const fail_when_policy<Predicate>& policy, call& c, Next next) {
  auto result = co_await next(c);
  policy.judge(result);
  co_return std::move(result);
}

namespace detail {

// What is inside of a policy of an any_pipeline: the next one, or what is inside of all of them.
template <class Next>
struct any_next {
  using outcome_type = typename Next::outcome_type;

  net::awaitable<outcome_type> operator()(call& c) const {
    if (i == policies->size()) {
      return next(c);
    }
    return std::visit(
        [&](const auto& policy) -> net::awaitable<outcome_type> {
          return async_step(policy, c, any_next{policies, i + 1, next});
        },
        (*policies)[i]);
  }

  const any_pipeline* policies;
  std::size_t i;
  Next next;
};

}  // namespace detail

template <class Next>
auto async_step(const any_pipeline& policies, call& c, Next next) {
  return detail::any_next<Next>{&policies, 0, next}(c);
}

}  // namespace darn
