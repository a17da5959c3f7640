// One operation of async_run(): what it owns, the strand it runs on, how it is cancelled, and its
// innermost step.
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/strand.hpp>
#include <boost/system/system_error.hpp>

#include "darn/detail/asio_wait.hpp"
#include "darn/detail/gate_error.hpp"
#include "darn/pipeline.hpp"

namespace darn {

// The codes that Asio has beside errno's.
inline error classify_error(const boost::system::error_code& code) {
  if (code == boost::asio::error::eof) {
    return {.category = category::network,
            .code = "EOF",
            .message = "the other side closed the connection",
            .ambiguous = true};
  }
  if (code == boost::asio::error::host_not_found ||
      code == boost::asio::error::host_not_found_try_again) {
    return {.category = category::network, .code = "EAI_NONAME", .message = code.message()};
  }
  return classify_error(static_cast<std::error_code>(code));
}

namespace detail {

// So that classify_exception() knows them wherever they are caught.
inline const bool knows_system_error = [] {
  register_exception([](const std::exception_ptr& p) -> std::optional<error> {
    try {
      std::rethrow_exception(p);
    } catch (const boost::system::system_error& e) {
      return classify_error(e.code());
    } catch (...) {
      return std::nullopt;
    }
  });
  return true;
}();

template <class T>
struct awaitable_traits {
  static constexpr bool is_awaitable = false;
  using value_type = T;
};
template <class T>
struct awaitable_traits<net::awaitable<T>> {
  static constexpr bool is_awaitable = true;
  using value_type = T;
};

// outcome<T> of an awaitable of what a callee may give; what it throws is its error.
template <class Outcome, class R>
net::awaitable<Outcome> settle(net::awaitable<R> running) {
  using Value = typename Outcome::value_type;
  std::exception_ptr thrown;
  try {
    if constexpr (std::is_void_v<R>) {
      co_await std::move(running);
      co_return Outcome();
    } else {
      R result = co_await std::move(running);
      co_return to_outcome<Value>(std::move(result));
    }
  } catch (...) {
    thrown = std::current_exception();
  }
  co_return Outcome(unexpect, classify_exception(thrown));
}

// Runs what the user gave as a coroutine of Asio expects: a cancellation is thrown to it, of every
// type, whatever the one before it has left.
template <class Outcome, class Start>
net::awaitable<Outcome> run_users_coroutine(Start start) {
  co_await net::this_coro::reset_cancellation_state(net::enable_total_cancellation());
  std::exception_ptr thrown;
  std::optional<Outcome> result;
  co_await net::this_coro::throw_if_cancelled(true);
  try {
    auto running = start();
    result.emplace(co_await settle<Outcome>(std::move(running)));
  } catch (...) {  // from start(), or from Asio in place of the callee
    thrown = std::current_exception();
  }
  co_await net::this_coro::throw_if_cancelled(false);
  if (!result) {
    result.emplace(unexpect, classify_exception(thrown));
  }
  co_return std::move(*result);
}

// What one operation owns. The outermost policy's step is started with async_next<Job, 0>.
template <class Pipeline, class F, class... Args>
struct async_job {
  using call_result = callee_result_t<F, Args...>;
  static_assert(awaitable_traits<call_result>::is_awaitable,
                "async_run is for coroutines: the callee has to return boost::asio::awaitable<T>; "
                "for others there is pipeline.run()");
  using outcome_type = outcome_of_t<typename awaitable_traits<call_result>::value_type>;
  static constexpr std::size_t steps =
      std::tuple_size_v<std::remove_cvref_t<decltype(std::declval<const Pipeline&>().policies())>>;

  net::awaitable<outcome_type> attempt(call& c) {
    if (c.stop_requested()) {
      return refused();
    }
    return run_users_coroutine<outcome_type>([this, &c] {
      return std::apply(
          [&](auto&... each) -> decltype(auto) { return invoke_callee(f, c, each...); }, args);
    });
  }
  static net::awaitable<outcome_type> refused() {
    co_return outcome_type(unexpect, gave_up_waiting("async_run", true));
  }

  Pipeline pipeline;
  call_options options;
  std::string traceparent;  // what options.traceparent points to
  F f;
  std::tuple<Args...> args;
};

template <class Pipeline, class F, class... Args>
auto make_async_job(Pipeline pipeline, call_options options, F&& f, std::tuple<Args...> args) {
  std::string traceparent(options.traceparent);
  return async_job<Pipeline, std::decay_t<F>, Args...>{std::move(pipeline), std::move(options),
                                                       std::move(traceparent), std::forward<F>(f),
                                                       std::move(args)};
}

// What is inside of a step: copied freely, valid as long as the operation.
template <class Job, std::size_t I>
struct async_next {
  using outcome_type = typename Job::outcome_type;

  net::awaitable<outcome_type> operator()(call& c) const {
    if constexpr (I == Job::steps) {
      return job->attempt(c);
    } else {
      const auto& policy = std::get<I>(job->pipeline.policies());
      const async_next<Job, I + 1> next{job};
      static_assert(
          requires { async_step(policy, c, next); },
          "a policy of this pipeline has no form for coroutines: write async_step(const "
          "Policy&, darn::call&, Next) beside it, as darn/asio.hpp says");
      return async_step(policy, c, next);
    }
  }

  Job* job;
};

// How an operation is told to stop from outside.
struct async_stop {
  // On the strand.
  void cancel(net::cancellation_type type) {
    if (scope != nullptr) {
      scope->abandon();
    }
    signal.emit(type);
  }

  net::cancellation_signal signal;
  stop_scope* scope = nullptr;  // while it runs
};

// On the strand: from the first policy to the result.
template <class Job>
net::awaitable<void> run_on_strand(Job& job, std::weak_ptr<async_stop> stop,
                                   std::optional<typename Job::outcome_type>& result) {
  const net::any_io_executor strand = co_await net::this_coro::executor;
  clock& time = job.options.clock == nullptr ? real_clock() : *job.options.clock;
  stop_scope outside(job.options.stop);
  stop_scope scope(outside, time, time_point::max());
  scope.token();  // abandon() needs it
  if (const auto there = stop.lock()) {
    there->scope = &scope;
  }
  const auto stop_from_token = [stop, strand] {
    net::post(strand, [stop] {
      if (const auto there = stop.lock()) {
        there->signal.emit(net::cancellation_type::terminal);
      }
    });
  };
  const std::stop_callback on_stop(job.options.stop, stop_from_token);
  call c(job.options, scope, true);
  const async_next<Job, 0> first{&job};
  auto running = run_task<typename Job::outcome_type>(c, first, result);
  co_await std::move(running);
  if (const auto there = stop.lock()) {
    there->scope = nullptr;
  }
}

// In the coroutine that awaits the operation.
template <class Job>
net::awaitable<typename Job::outcome_type> async_run_job(Job job) {
  job.options.traceparent = job.traceparent;
  const bool throws = co_await net::this_coro::throw_if_cancelled();
  const net::cancellation_state state = co_await net::this_coro::cancellation_state;
  std::optional<typename Job::outcome_type> result;
  if (state.cancelled() != net::cancellation_type::none) {
    co_return typename Job::outcome_type(unexpect, gave_up_waiting("async_run", true));
  }
  const net::any_io_executor around = co_await net::this_coro::executor;
  const net::any_io_executor strand = net::make_strand(around);
  const auto stop = std::make_shared<async_stop>();
  if (auto slot = state.slot(); slot.is_connected()) {
    slot.assign([weak = std::weak_ptr(stop), strand](net::cancellation_type type) {
      if (const auto there = weak.lock()) {
        net::dispatch(strand, [there, type] { there->cancel(type); });
      }
    });
  }
  co_await net::this_coro::throw_if_cancelled(false);
  // It owns this coroutine meanwhile, so `job` and `result` outlive it in any case.
  co_await net::co_spawn(strand, run_on_strand(job, std::weak_ptr(stop), result),
                         net::bind_cancellation_slot(stop->signal.slot(), net::use_awaitable));
  co_await net::this_coro::throw_if_cancelled(throws);
  co_return std::move(*result);
}

}  // namespace detail
}  // namespace darn
