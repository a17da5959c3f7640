// Pipelines around coroutines of Boost.Asio (1.77 or later, and only here). Everything is waited
// for without a thread, and what is not wanted any more is cancelled.
//
//   darn::outcome<Page> page = co_await darn::async_run(pipeline, fetch, url);
//   darn::outcome<Page> page = co_await darn::async_run(pipeline, {.deadline = soon}, fetch, url);
//
// The callee returns boost::asio::awaitable of what a callee may return (pipeline.hpp) and may take
// darn::call& or std::stop_token first. It, the arguments and the pipeline are copied into the
// operation, so that it may outlive them (co_spawn); std::ref() is for those that must not be. The
// arguments are given to each attempt as lvalues and never moved from.
//
// Nothing is thrown inside: what the callee throws becomes an error. A cancellation of the awaiting
// coroutine, as far as that lets it through (terminal alone, unless it said more by
// reset_cancellation_state), or of call_options::stop, ends each sleep and each wait for a place at
// once, reaches the callee's current operation, and is waited for. The same happens to an attempt
// at its timeout and to a hedge's copies that have lost.
//
// Each operation runs on a strand of its own, on the executor of the coroutine that awaits it: its
// call, its copies and its callees are one logical thread, also when many threads run the
// io_context. What callees share with others is theirs to protect.
//
// Time is that of call_options::clock when there is one (timers by call_at), else a steady_timer.
//
// A policy of your own takes part by a function beside it, found by its arguments:
//   template <class Next>
//   boost::asio::awaitable<typename Next::outcome_type> async_step(const Mine&, darn::call&, Next);
#pragma once

#include <tuple>
#include <type_traits>
#include <utility>

#include "darn/detail/asio_run.hpp"
#include "darn/detail/asio_steps.hpp"
#include "darn/pipeline.hpp"
#include "darn/with_retry.hpp"

namespace darn {

// Calls f(args...) through the policies of a pipeline(); gives awaitable<outcome<T>>.
template <class... Policies, class F, class... Args>
auto async_run(static_pipeline<Policies...> pipeline, call_options options, F&& f, Args&&... args) {
  return detail::async_run_job(
      detail::make_async_job(std::move(pipeline), std::move(options), std::forward<F>(f),
                             std::make_tuple(std::forward<Args>(args)...)));
}
template <class... Policies, class F, class... Args>
  requires(!std::is_same_v<std::remove_cvref_t<F>, call_options>)
auto async_run(static_pipeline<Policies...> pipeline, F&& f, Args&&... args) {
  return async_run(std::move(pipeline), call_options{}, std::forward<F>(f),
                   std::forward<Args>(args)...);
}

// Calls f(args...) until it succeeds, its error cannot be helped, or the retries are used up.
template <class F, class... Args>
auto with_retry_async(const RetryConfig& config, F&& f, Args&&... args) {
  return async_run(pipeline(retry(config.options())), std::forward<F>(f),
                   std::forward<Args>(args)...);
}

}  // namespace darn
