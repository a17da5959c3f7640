// In which order policies make sense, outermost first. pipeline() refuses the others when it is
// compiled, with a sentence that says what to do.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace darn {

enum class layer : std::uint8_t {
  fallback,
  retry,
  hedge,
  timeout,
  circuit_breaker,
  adaptive_throttle,
  rate_limiter,
  bulkhead,
  concurrency_limit,
  fail_when,
  chaos,
  any_pipeline,  // several, known only at run time: anywhere
};

// X(outer, inner, sentence): `outer` may not stand before `inner`.
#define DARN_ORDER_RULES(X)                                                                        \
  X(retry, retry,                                                                                  \
    "retry stands twice: their attempts would multiply (3 x 3 = 9 calls); keep one, with the "     \
    "attempts you want")                                                                           \
  X(retry, fallback,                                                                               \
    "fallback stands inside retry: retry would see the substitute's success and never retry; put " \
    "fallback before retry")                                                                       \
  X(hedge, retry,                                                                                  \
    "retry stands inside hedge: each copy would retry by itself and multiply the load; put retry " \
    "before hedge")                                                                                \
  X(hedge, hedge, "hedge stands twice: copies of copies multiply the load; keep one")              \
  X(hedge, fallback,                                                                               \
    "fallback stands inside hedge: a copy that fails fast would win with the substitute; put "     \
    "fallback before hedge")                                                                       \
  X(circuit_breaker, retry,                                                                        \
    "circuit_breaker stands before retry: it would see one failure where the callee saw several, " \
    "and could not stop the retries; put circuit_breaker after retry")                             \
  X(circuit_breaker, fallback,                                                                     \
    "fallback stands inside circuit_breaker: the breaker would see the substitute's success and "  \
    "never open; put fallback before circuit_breaker")                                             \
  X(adaptive_throttle, retry,                                                                      \
    "adaptive_throttle stands before retry: it would not count the retries it has to throttle; "   \
    "put adaptive_throttle after retry")                                                           \
  X(rate_limiter, retry,                                                                           \
    "rate_limiter stands before retry: retries would escape the limit; put rate_limiter after "    \
    "retry")                                                                                       \
  X(rate_limiter, hedge,                                                                           \
    "rate_limiter stands before hedge: the copies would escape the limit; put rate_limiter after " \
    "hedge")                                                                                       \
  X(bulkhead, retry,                                                                               \
    "bulkhead stands before retry: a place would be held while retry only sleeps; put bulkhead "   \
    "after retry")                                                                                 \
  X(bulkhead, hedge,                                                                               \
    "bulkhead stands before hedge: the copies would escape the limit; put bulkhead after hedge")   \
  X(concurrency_limit, retry,                                                                      \
    "concurrency_limit stands before retry: it would measure sleeps as latency; put "              \
    "concurrency_limit after retry")                                                               \
  X(concurrency_limit, hedge,                                                                      \
    "concurrency_limit stands before hedge: the copies would escape the limit; put "               \
    "concurrency_limit after hedge")                                                               \
  X(timeout, fallback,                                                                             \
    "fallback stands inside timeout: a timeout would cut the substitute off too; put fallback "    \
    "before timeout")                                                                              \
  X(fail_when, retry,                                                                              \
    "fail_when stands before retry: retry would not see the failures it names; put fail_when "     \
    "after retry")                                                                                 \
  X(fail_when, circuit_breaker,                                                                    \
    "fail_when stands before circuit_breaker: the breaker would count those results as "           \
    "successes; put fail_when after circuit_breaker")                                              \
  X(fail_when, fallback,                                                                           \
    "fail_when stands before fallback: fallback would not see the failures it names; put "         \
    "fail_when after fallback")                                                                    \
  X(chaos, retry,                                                                                  \
    "chaos stands before retry: retry would not see the faults; chaos plays the callee, put it "   \
    "last")                                                                                        \
  X(chaos, circuit_breaker,                                                                        \
    "chaos stands before circuit_breaker: the breaker would not see the faults; chaos plays the "  \
    "callee, put it last")                                                                         \
  X(chaos, timeout,                                                                                \
    "chaos stands before timeout: its delays would not time out; chaos plays the callee, put it "  \
    "last")                                                                                        \
  X(chaos, hedge,                                                                                  \
    "chaos stands before hedge: its delays would not be hedged; chaos plays the callee, put it "   \
    "last")                                                                                        \
  X(chaos, fallback,                                                                               \
    "chaos stands before fallback: fallback would not see the faults; chaos plays the callee, "    \
    "put it last")

namespace detail {

// Why `outer` may not stand before `inner`; empty: it may.
constexpr std::string_view order_problem(layer outer, layer inner) {
#define DARN_ORDER_CASE(o, i, sentence)         \
  if (outer == layer::o && inner == layer::i) { \
    return sentence;                            \
  }
  DARN_ORDER_RULES(DARN_ORDER_CASE)
#undef DARN_ORDER_CASE
  return {};
}

// The first problem of a whole order; empty: there is none.
constexpr std::string_view order_problem(std::span<const layer> order) {
  for (std::size_t i = 0; i < order.size(); ++i) {
    for (std::size_t j = i + 1; j < order.size(); ++j) {
      if (const auto problem = order_problem(order[i], order[j]); !problem.empty()) {
        return problem;
      }
    }
  }
  return {};
}

// Whether some `outer` stands before some `inner` among Layers.
template <layer... Layers>
constexpr bool stands_before(layer outer, layer inner) {
  bool seen = false;
  bool found = false;
  ((found = found || (seen && Layers == inner), seen = seen || Layers == outer), ...);
  return found;
}

template <layer... Layers>
constexpr bool check_order() {
#define DARN_ORDER_ASSERT(o, i, sentence) \
  static_assert(!stands_before<Layers...>(layer::o, layer::i), sentence);
  DARN_ORDER_RULES(DARN_ORDER_ASSERT)
#undef DARN_ORDER_ASSERT
  return true;
}

}  // namespace detail
}  // namespace darn
