// A darn::call that belongs to no pipeline, for tests that go through a gate by hand.
#pragma once

#include <utility>

#include "darn/call.hpp"

namespace darn::test {

class lone_call {
 public:
  explicit lone_call(call_options options) : options_(std::move(options)) {}
  operator call&() { return call_; }  // NOLINT(google-explicit-constructor)
  call* operator->() { return &call_; }

 private:
  call_options options_;
  detail::stop_scope scope_{options_.stop};
  call call_{options_, scope_, false};
};

}  // namespace darn::test
