// The user's ordered rules over category, exit, signal, duration, output and the agent's report.
// Pure; compiled regexes are cached inside the matcher. Not thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "model/outcome.hpp"
#include "model/policy.hpp"

namespace darn {

class RuleMatcher {
 public:
  // Fails when a regex does not compile.
  static Result<RuleMatcher> compile(const std::vector<Rule>& rules);
  ~RuleMatcher();
  RuleMatcher(RuleMatcher&&) noexcept;
  RuleMatcher& operator=(RuleMatcher&&) noexcept;

  // `holds` evaluates a predicate over the agent's report ("/is_error == true").
  std::optional<std::size_t> match(const Outcome& outcome, const Diagnosis& diagnosis,
                                   std::string_view output,
                                   const std::function<bool(const std::string&)>& holds = {}) const;

 private:
  struct Data;
  explicit RuleMatcher(std::unique_ptr<Data>);
  std::unique_ptr<Data> data_;
};

}  // namespace darn
