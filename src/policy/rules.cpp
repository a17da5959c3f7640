#include "policy/rules.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <re2/re2.h>

namespace darn {
namespace {

struct Compiled {
  Rule rule;
  std::unique_ptr<re2::RE2> output;
};

bool lists(const std::vector<int>& numbers, int n) {
  return std::find(numbers.begin(), numbers.end(), n) != numbers.end();
}

bool conditions_hold(const Compiled& c, const Outcome& outcome, const Diagnosis& diagnosis,
                     std::string_view output,
                     const std::function<bool(const std::string&)>& holds) {
  const Rule& r = c.rule;
  const bool exited = outcome.end == End::exited;
  return (!r.category || *r.category == diagnosis.category) &&
         (r.exit.empty() || (exited && lists(r.exit, outcome.exit_code))) &&
         (r.signal.empty() || lists(r.signal, outcome.signal)) &&
         (!r.shorter_than || outcome.wall < *r.shorter_than) &&
         (!r.longer_than || outcome.wall > *r.longer_than) &&
         (r.agent_json.empty() || (holds && holds(r.agent_json))) &&
         (!c.output || re2::RE2::PartialMatch({output.data(), output.size()}, *c.output));
}

}  // namespace

struct RuleMatcher::Data {
  std::vector<Compiled> rules;
};

RuleMatcher::RuleMatcher(std::unique_ptr<Data> data) : data_(std::move(data)) {}
RuleMatcher::~RuleMatcher() = default;
RuleMatcher::RuleMatcher(RuleMatcher&&) noexcept = default;
RuleMatcher& RuleMatcher::operator=(RuleMatcher&&) noexcept = default;

Result<RuleMatcher> RuleMatcher::compile(const std::vector<Rule>& rules) {
  auto data = std::make_unique<Data>();
  for (const Rule& rule : rules) {
    Compiled compiled{.rule = rule, .output = nullptr};
    if (!rule.output_regex.empty()) {
      re2::RE2::Options options;
      options.set_log_errors(false);
      compiled.output = std::make_unique<re2::RE2>(rule.output_regex, options);
      if (!compiled.output->ok()) {
        return fail(ErrorKind::config,
                    fmt::format("policy rule '{}': output_regex '{}': {}", rule.name,
                                rule.output_regex, compiled.output->error()),
                    "write a regular expression of RE2 (no look-around, no back references)");
      }
    }
    data->rules.push_back(std::move(compiled));
  }
  return RuleMatcher(std::move(data));
}

std::optional<std::size_t> RuleMatcher::match(
    const Outcome& outcome, const Diagnosis& diagnosis, std::string_view output,
    const std::function<bool(const std::string&)>& holds) const {
  for (std::size_t i = 0; i < data_->rules.size(); ++i) {
    if (conditions_hold(data_->rules[i], outcome, diagnosis, output, holds)) {
      return i;
    }
  }
  return std::nullopt;
}

}  // namespace darn
