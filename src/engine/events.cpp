#include "engine/events.hpp"

#include <array>
#include <string>

#include <nlohmann/json.hpp>

#include "base/text.hpp"

namespace darn {
namespace {

using nlohmann::json;
using Kind = EngineEvent::Kind;

double seconds(Duration d) { return static_cast<double>(d.count()) / 1000.0; }

json text_or_null(const std::string& text) { return text.empty() ? json() : json(to_utf8(text)); }

template <class E>
json kind_or_null(E kind) {
  return kind == E::none ? json() : json(to_string(kind));
}

json outcome_json(const Outcome& outcome) {
  const bool exited = outcome.end == End::exited && outcome.exit_code >= 0;
  return {{"end", to_string(outcome.end)},
          {"exit", exited ? json(outcome.exit_code) : json()},
          {"signal", outcome.signal != 0 ? json(outcome.signal) : json()},
          {"core_dumped", outcome.core_dumped},
          {"out_of_memory", outcome.out_of_memory},
          {"lingered", outcome.lingered},
          {"wall_ms", outcome.wall.count()},
          {"user_ms", outcome.user.count()},
          {"system_ms", outcome.system.count()},
          {"max_rss_kib", outcome.max_rss_kib},
          {"output_bytes", outcome.out.size() + outcome.err.size()},
          {"check_exit", outcome.check_ran ? json(outcome.check_exit) : json()}};
}

json diagnosis_json(const Diagnosis& diagnosis) {
  return {{"category", kind_or_null(diagnosis.category)},
          {"cause", kind_or_null(diagnosis.cause)},
          {"severity", kind_or_null(diagnosis.severity)},
          {"summary", text_or_null(diagnosis.summary)},
          {"signature", text_or_null(diagnosis.signature)},
          {"rule", text_or_null(diagnosis.rule)},
          {"advice", text_or_null(diagnosis.advice)}};
}

json decision_json(const Decision& decision) {
  return {{"action", to_string(decision.action)}, {"charge", to_string(decision.charge)},
          {"rule", text_or_null(decision.rule)},  {"why", text_or_null(decision.why)},
          {"delay_s", seconds(decision.delay)},   {"until", time_json(decision.until)},
          {"agent", text_or_null(decision.agent)}};
}

bool has_ended(const AttemptRecord& attempt) { return attempt.state != AttemptState::running; }

}  // namespace

std::string_view to_string(Kind kind) {
  static constexpr std::array<std::string_view, 9> kNames = {
      "run_started",  "cycle_started", "attempt_started", "attempt_ended", "pool_parked",
      "pool_resumed", "cycle_ended",   "run_ended",       "tick"};
  return kNames[static_cast<std::size_t>(kind)];
}

json time_json(Time time) { return time == Time{} ? json() : json(format_utc(time)); }

json counts_json(const Counts& counts) {
  json result = json::object();
  for (std::size_t i = 0; i < kTaskStates; ++i) {
    result[std::string(to_string(static_cast<TaskState>(i)))] = counts.by_state[i];
  }
  result["healed"] = counts.healed;
  return result;
}

json attempt_json(const AttemptRecord& attempt) {
  json result = {{"number", attempt.number},
                 {"cycle", attempt.cycle},
                 {"kind", to_string(attempt.kind)},
                 {"state", to_string(attempt.state)},
                 {"agent", text_or_null(attempt.agent)},
                 {"batch", text_or_null(attempt.batch)},
                 {"claimed", time_json(attempt.claimed)},
                 {"started", time_json(attempt.outcome.started)}};
  if (!has_ended(attempt)) {
    return result;
  }
  result["ended"] = time_json(attempt.outcome.ended);
  result["duration_s"] = seconds(attempt.outcome.wall);
  result["cost_usd"] = attempt.report.cost_usd ? json(*attempt.report.cost_usd) : json();
  result["tokens"] = attempt.report.tokens_in + attempt.report.tokens_out;
  result["score"] = attempt.verdict.score ? json(*attempt.verdict.score) : json();
  result["outcome"] = outcome_json(attempt.outcome);
  result["diagnosis"] = diagnosis_json(attempt.diagnosis);
  result["decision"] = decision_json(attempt.decision);
  return result;
}

json event_json(const EngineEvent& event) {
  json result = {
      {"v", kEventVersion}, {"event", to_string(event.kind)}, {"at", time_json(event.at)}};
  if (event.run != nullptr) {
    result["run"] = event.run->id;
    result["cycle"] = event.run->cycle;
  }
  if (event.task != nullptr) {
    result["task"] = {{"id", event.task->spec.id},
                      {"state", to_string(event.task->state)},
                      {"healed", event.task->healed}};
  }
  if (event.attempt != nullptr) {
    result["attempt"] = attempt_json(*event.attempt);
    result["cycle"] = event.attempt->cycle;
  }
  if (!event.batch.empty()) {
    result["batch"] = event.batch;
  }
  if (!event.pool.empty()) {
    result["pool"] = event.pool;
  }
  if (event.until != Time{} || event.kind == Kind::cycle_ended) {
    result["until"] = time_json(event.until);
  }
  if (event.kind == Kind::run_ended && event.run != nullptr) {
    result["state"] = to_string(event.run->state);
  }
  if (event.counts.total() > 0) {  // rebuilt events have no counts of their moment
    result["counts"] = counts_json(event.counts);
    result["running"] = event.running;
    result["retries"] = event.retries;
    result["cost_usd"] = event.cost_usd;
  }
  return result;
}

}  // namespace darn
