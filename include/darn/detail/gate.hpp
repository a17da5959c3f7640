// What policies that let calls in have in common: they decide before a call and learn after it.
//
//   outcome<Ticket> enter(call&)       admitted, after waiting where the gate waits; or why not
//   void Ticket::leave(call&, const error*)   how the call ended; null: well
//
// A ticket that is destroyed without leave() was cancelled: it gives its place back and nothing is
// learned from it.
#pragma once

#include "darn/call.hpp"
#include "darn/outcome.hpp"

namespace darn::detail {

template <class Gate, class Next>
auto run_gated(const Gate& gate, call& c, Next& next) -> decltype(next(c)) {
  auto ticket = gate.enter(c);
  if (!ticket) [[unlikely]] {
    return decltype(next(c))(unexpect, std::move(ticket).error());
  }
  auto result = next(c);
  ticket->leave(c, result ? nullptr : &result.error());
  return result;
}

}  // namespace darn::detail
