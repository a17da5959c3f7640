#include "diagnose/reading.hpp"

#include "base/text.hpp"
#include "diagnose/time_hint.hpp"

namespace darn {
namespace {

constexpr std::size_t kHintWindow = 4096;  // bytes of text around the decisive line
constexpr std::size_t kTalk = 20;          // lines at the end of an agent's talk that are evidence

// Google words a limit per minute like an empty account; a time to come back tells them apart.
void settle_billing(Reading& r, std::string_view text, Time now) {
  if (r.rule == "llm.billing" && text.find("insufficient_quota") == std::string_view::npos &&
      find_time_hint(text, now)) {
    r.kind = {Category::rate_limit, Cause::quota, Severity::medium};
    r.rule = "llm.quota";
    r.advice = {};
  }
}

Reading from_scan(Scan scan, Time now) {
  Reading r;
  r.located = std::move(scan.located);
  if (!scan.best) {
    r.rule = "text.none";
    r.decisive = scan.last_line;
    Found last;
    last.line = scan.last_line;
    r.summary = excerpt(last, kSummary);
    return r;
  }
  const Found& best = *scan.best;
  r.kind = best.kind;
  r.rule = best.rule->id;
  r.advice = best.advice;
  r.decisive = best.line;
  r.summary = excerpt(best, kSummary);
  const auto begin = best.at > kHintWindow / 2 ? best.at - kHintWindow / 2 : 0;
  const auto window = std::string_view(scan.text).substr(begin, kHintWindow);
  settle_billing(r, best.line, now);
  add_hint(r, best.line, now);
  add_hint(r, window, now);
  return r;
}

}  // namespace

bool is_passing(Category c) {
  return c == Category::network || c == Category::rate_limit || c == Category::resource ||
         c == Category::timeout || c == Category::transient;
}

void add_hint(Reading& r, std::string_view text, Time now) {
  if (r.resets_at || r.retry_after || !is_passing(r.kind.category)) {
    return;
  }
  if (const auto hint = find_time_hint(text, now)) {
    r.retry_after = hint->after;
    r.resets_at = hint->at;
  }
}

TextReading read_text(std::string_view text, Time now) {
  auto found = scan(text);
  const int weight = found.best ? found.best->weight : 0;
  return {from_scan(std::move(found), now), weight};
}

TextReading read_output(const Evidence& e) {
  if (!trim(e.errors).empty()) {
    auto errors = read_text(e.errors, e.now);
    if (errors.weight >= kSaysWhat || trim(e.output).empty()) {
      return errors;
    }
    auto output = read_text(e.report != nullptr ? last_lines(e.output, kTalk) : e.output, e.now);
    return output.weight > errors.weight ? output : errors;
  }
  return read_text(e.report != nullptr ? last_lines(e.output, kTalk) : e.output, e.now);
}

}  // namespace darn
