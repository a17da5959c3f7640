// What the C++ blocks of README.md and docs/resilience*.md take for granted.
#pragma once

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include <darn/adaptive_throttle.hpp>
#include <darn/any_pipeline.hpp>
#include <darn/bulkhead.hpp>
#include <darn/chaos.hpp>
#include <darn/circuit_breaker.hpp>
#include <darn/concurrency_limit.hpp>
#include <darn/fail_when.hpp>
#include <darn/fallback.hpp>
#include <darn/hedge.hpp>
#include <darn/pipeline.hpp>
#include <darn/rate_limiter.hpp>
#include <darn/retry.hpp>
#include <darn/testing.hpp>
#include <darn/timeout.hpp>
#include <darn/with_retry.hpp>

using namespace std::chrono_literals;

struct Page {
  int status = 200;
  std::string text = "hello";
};
inline const std::string url = "https://example.org";
inline const bool page_is_idempotent = true;
inline const darn::circuit_breaker breaker;
inline Page fetch(const std::string&) { return {}; }
inline Page fetch(const std::string&, const std::stop_token&) { return {}; }
inline Page read_cache() { return {200, "of yesterday"}; }
