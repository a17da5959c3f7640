#include "agent/report.hpp"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>
#include <re2/re2.h>

#include "agent/extract.hpp"
#include "agent/json_text.hpp"
#include "agent/regex.hpp"
#include "base/text.hpp"
#include "diagnose/diagnose.hpp"

namespace darn {
namespace {

using nlohmann::json;

constexpr std::size_t kLongestResult = 4096;
constexpr std::size_t kLongestError = 2048;
constexpr std::size_t kLimitWindow = 64U << 10U;  // of a stream's end, where limits are told
constexpr std::int64_t kMostTokens = 1'000'000'000'000;
constexpr double kMostUsd = 1'000'000;
constexpr Duration kFarthest = std::chrono::hours{24 * 31};

// Keys of the providers that these CLIs talk to, as some of their errors repeat them.
std::string without_keys(std::string text) {
  static const RE2 keys(
      R"((?:sk-|AIza|gh[pousr]_)[A-Za-z0-9_\-]{16,}|(Bearer )[A-Za-z0-9._\-]{8,})");
  RE2::GlobalReplace(&text, keys, "\\1[key]");
  return text;
}

// It goes back into an argv: a plain word that is no option.
bool is_session(const std::string& text) {
  static const RE2 plain("[A-Za-z0-9][A-Za-z0-9._:/-]{0,199}");
  return RE2::FullMatch(text, plain);
}

std::int64_t tokens(OutputReader& output, const Extract& extract) {
  const double number = output.number(extract).value_or(0);
  return number >= static_cast<double>(kMostTokens) ? kMostTokens
                                                    : static_cast<std::int64_t>(number);
}

// `input` includes what was cached.
std::optional<double> cost_of_tokens(const AgentDef& agent, const AgentReport& report) {
  const AgentTokens& price = agent.tokens;
  if (price.price_input <= 0 && price.price_output <= 0) {
    return std::nullopt;
  }
  if (report.tokens_in == 0 && report.tokens_out == 0) {
    return std::nullopt;
  }
  const std::int64_t cached = std::min(report.tokens_cached, report.tokens_in);
  const double micro_usd = static_cast<double>(report.tokens_in - cached) * price.price_input +
                           static_cast<double>(cached) * price.price_cached +
                           static_cast<double>(report.tokens_out) * price.price_output;
  return std::clamp(micro_usd / 1e6, 0.0, kMostUsd);
}

// Printed, or what the tokens cost.
std::optional<double> cost(OutputReader& output, const AgentDef& agent, const AgentReport& report) {
  if (const auto printed = output.number(agent.cost_usd)) {
    return std::min(*printed, kMostUsd);
  }
  return cost_of_tokens(agent, report);
}

std::string first_that_holds(const AgentDef& agent, OutputReader& output) {
  for (const std::string& text : agent.failed_when) {
    if (holds(text, output.result()).value_or(false)) {
      return text;
    }
  }
  for (const std::string& regex : agent.failed_when_text) {
    if (matches_regex(regex, output.out_text()) || matches_regex(regex, output.err_text())) {
      return regex;
    }
  }
  return {};
}

std::string terminal_limit(const AgentDef& agent, const OutputReader& output) {
  for (const auto& [predicate, limit] : agent.terminal) {
    if (holds(predicate, output.result()).value_or(false)) {
      return limit;
    }
  }
  return {};
}

std::optional<Time> ahead(std::optional<Time> time, Time now) {
  return time && *time > now && *time <= now + kFarthest ? time : std::nullopt;
}

std::optional<Time> time_of(const json& value, Time now) {
  if (value.is_string()) {
    return find_reset_time(value.get_ref<const std::string&>(), now);
  }
  if (!value.is_number()) {
    return std::nullopt;
  }
  double seconds = value.get<double>();
  if (seconds > 1e11) {
    seconds /= 1e3;  // milliseconds
  }
  if (!(seconds > 0) || seconds > 1e11) {
    return std::nullopt;
  }
  return time_from_ms(static_cast<std::int64_t>(seconds * 1e3));
}

// A time by the definition's own expressions, otherwise the first one that the text has.
std::optional<Time> printed_time(const AgentQuota& quota, const std::string& text, Time now) {
  for (const std::string& regex : {quota.text, quota.until}) {
    if (regex.empty()) {
      continue;
    }
    const auto until = find_group(regex, "until", text);
    if (!until) {
      continue;
    }
    for (const std::string& words : {*until, "try again at " + *until}) {
      if (const auto time = ahead(find_reset_time(words, now), now)) {
        return time;
      }
    }
  }
  return ahead(find_reset_time(text, now), now);
}

std::string_view tail(const std::string& text) {
  return text.size() <= kLimitWindow ? std::string_view(text)
                                     : std::string_view(text).substr(text.size() - kLimitWindow);
}

void read_limit(const AgentDef& agent, int exit_code, OutputReader& output, AgentReport& report,
                Time now) {
  std::string text = output.text(agent.error) + "\n" + std::string(tail(output.err_text()));
  if (agent.error.empty() || report.error.empty()) {
    text += std::string(tail(output.out_text()));
  }

  Extract event;
  event.lines = agent.quota.lines;
  event.at = agent.quota.at;
  const auto printed = event.lines.empty() ? std::nullopt : output.value(event);

  const auto meaning = agent.exits.find(exit_code);
  const bool by_exit = meaning != agent.exits.end();
  report.quota = printed.has_value() ||
                 (!agent.quota.text.empty() && matches_regex(agent.quota.text, text)) ||
                 (by_exit && meaning->second.cause == Cause::quota);
  report.limited = report.quota ||
                   (!agent.quota.rate.empty() && matches_regex(agent.quota.rate, text)) ||
                   report.status == 429 || report.status == 529 ||
                   (by_exit && meaning->second.category == Category::rate_limit);
  if (!report.limited) {
    return;
  }
  if (printed) {
    report.limited_until = ahead(time_of(*printed, now), now);
  }
  if (!report.limited_until) {
    report.limited_until = printed_time(agent.quota, text, now);
  }
}

std::optional<double> finite(std::optional<double> value) {
  return value && std::isfinite(*value) ? value : std::nullopt;
}

std::optional<double> score_by_regex(const std::string& regex, std::string_view text) {
  RE2::Options options;
  options.set_log_errors(false);
  const RE2 compiled(regex, options);
  if (!compiled.ok()) {
    return std::nullopt;
  }
  const int groups = std::min(compiled.NumberOfCapturingGroups(), 2);
  std::vector<re2::StringPiece> found(static_cast<std::size_t>(groups) + 1);
  std::optional<double> last;  // a summary stands at the end
  std::size_t at = 0;
  while (at <= text.size() && compiled.Match({text.data(), text.size()}, at, text.size(),
                                             RE2::UNANCHORED, found.data(), groups + 1)) {
    const auto number = [&found](int group) {
      const auto& piece = found[static_cast<std::size_t>(group)];
      return parse_number(std::string_view(piece.data(), piece.size()));
    };
    const auto first = number(groups == 0 ? 0 : 1);
    if (groups < 2) {
      if (first) {
        last = first;
      }
    } else if (const auto total = number(2); first && total && *total > 0) {
      last = *first / *total;
    }
    const auto end = static_cast<std::size_t>(found[0].data() - text.data()) + found[0].size();
    at = found[0].empty() ? end + 1 : end;
  }
  return last;
}

}  // namespace

AgentReport read_report(const AgentDef& agent, int exit_code, std::string_view out,
                        std::string_view err, Time now) {
  OutputReader output(agent, out, err);
  AgentReport report;
  report.result = shorten(without_keys(output.text(agent.result)), kLongestResult);
  if (agent.result.at.empty() && agent.result.regex.empty()) {
    report.result.clear();
  }
  if (auto session = output.text(agent.session); is_session(session)) {
    report.session = session;
  }
  report.tokens_in = tokens(output, agent.tokens.input);
  report.tokens_cached = tokens(output, agent.tokens.cached);
  report.tokens_out = tokens(output, agent.tokens.output);
  report.cost_usd = cost(output, agent, report);
  report.terminal = terminal_limit(agent, output);
  report.failed_when = first_that_holds(agent, output);
  if (exit_code == 0 && report.failed_when.empty() && report.terminal.empty()) {
    return report;
  }

  report.error = shorten(without_keys(output.text(agent.error)), kLongestError);
  if (const auto status = output.number(agent.status); status && *status >= 100 && *status < 600) {
    report.status = static_cast<int>(*status);
  }
  read_limit(agent, exit_code, output, report, now);
  if (const auto meaning = agent.exits.find(exit_code); meaning != agent.exits.end()) {
    if (report.error.empty()) {
      report.error = meaning->second.text;
    }
    if (meaning->second.cause == Cause::task_limit && report.terminal.empty()) {
      report.terminal = "max_turns";
    }
  }
  return report;
}

void subtract_earlier(const AgentDef& agent, const std::vector<AgentReport>& earlier,
                      AgentReport& report) {
  if (!agent.tokens.cumulative || report.session.empty()) {
    return;
  }
  const bool priced = report.cost_usd == cost_of_tokens(agent, report);
  // What is recorded of each earlier one has been reduced likewise: their sum is the session's
  // count.
  for (const AgentReport& one : earlier) {
    if (one.session == report.session) {
      report.tokens_in -= one.tokens_in;
      report.tokens_cached -= one.tokens_cached;
      report.tokens_out -= one.tokens_out;
    }
  }
  for (std::int64_t* count : {&report.tokens_in, &report.tokens_cached, &report.tokens_out}) {
    *count = std::max<std::int64_t>(*count, 0);
  }
  if (priced) {
    report.cost_usd = cost_of_tokens(agent, report);
  }
}

json result_object(const AgentDef& agent, std::string_view out, std::string_view err) {
  // Only the result is looked for.
  AgentDef only;
  only.result = agent.result;
  return OutputReader(only, out, err).result();
}

void apply_exit_meaning(const AgentDef& agent, const Outcome& outcome, Diagnosis& diagnosis) {
  const auto meaning = agent.exits.find(outcome.exit_code);
  if (outcome.end != End::exited || meaning == agent.exits.end()) {
    return;
  }
  if (diagnosis.category != Category::unknown && !diagnosis.rule.starts_with("exit.")) {
    return;
  }
  diagnosis.category = meaning->second.category;
  diagnosis.cause = meaning->second.cause;
  diagnosis.rule = "agent." + agent.name + ".exit." + std::to_string(outcome.exit_code);
  if (!meaning->second.text.empty()) {
    diagnosis.summary = meaning->second.text;
  }
}

std::optional<double> read_score(const ScoreRule& rule, std::string_view text) {
  if (!rule.regex.empty()) {
    const std::string clean =
        to_utf8(text.substr(text.size() - std::min(text.size(), kTextWindow)));
    return finite(score_by_regex(rule.regex, clean));
  }
  if (rule.pointer.empty()) {
    return std::nullopt;
  }
  const auto pointer = Pointer::parse(rule.pointer);
  const auto document = last_json(text);
  if (!pointer || !document) {
    return std::nullopt;
  }
  const auto found = pointer->find(*document);
  if (found.empty()) {
    return std::nullopt;
  }
  const json& value = *found.back();
  if (value.is_number()) {
    return finite(value.get<double>());
  }
  if (value.is_string()) {
    return finite(parse_number(value.get_ref<const std::string&>()));
  }
  return std::nullopt;
}

}  // namespace darn
