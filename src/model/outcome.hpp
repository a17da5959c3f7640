// What an attempt ended with, what darn understood of it, and what was decided. Plain data, stored
// with the attempt; everything that `darn explain` prints is here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/clock.hpp"
#include "model/kinds.hpp"

namespace darn {

// Where the captured bytes of one stream lie: head bytes at `offset`, then up to `tail` bytes kept
// in a circular area right behind them, of which the oldest is at tail_start. Between the two,
// `dropped` bytes were not kept.
struct OutputRef {
  std::string file;  // relative to the run's state directory; empty: nothing was captured
  std::uint64_t offset = 0;
  std::uint64_t head = 0;
  std::uint64_t tail = 0;
  std::uint64_t tail_start = 0;
  std::uint64_t dropped = 0;
  std::uint64_t unwritten = 0;  // of the dropped ones: those that the disk did not take
  std::uint64_t checksum = 0;   // of the head (base/byte_hash.hpp); 0: not known
  std::uint64_t size() const { return head + tail + dropped; }  // as written by the task
  bool operator==(const OutputRef&) const = default;
};

struct Outcome {
  End end = End::exited;
  int exit_code = -1;  // when end is exited
  int signal = 0;      // when a signal ended it (also after a timeout)
  bool core_dumped = false;
  bool out_of_memory = false;  // killed by the kernel's OOM killer
  int start_errno = 0;         // when end is not_started
  Time started{};
  Time ended{};
  Duration wall{};
  Duration user{};
  Duration system{};
  std::int64_t max_rss_kib = 0;
  bool lingered = false;  // descendants outlived it and were killed
  OutputRef out;          // both streams when they were merged
  OutputRef err;
  // The task's check, when one ran.
  bool check_ran = false;
  End check_end = End::exited;
  int check_exit = -1;
  OutputRef check_out;
  bool operator==(const Outcome&) const = default;
};

// What an agent's own report says (agent/report.hpp reads it).
struct AgentReport {
  std::string result;              // its final words, shortened
  std::string error;               // its error message
  std::string session;             // to resume
  std::optional<int> status;       // an HTTP status behind the error
  std::optional<double> cost_usd;  // printed, or tokens times prices
  std::int64_t tokens_in = 0;
  std::int64_t tokens_cached = 0;
  std::int64_t tokens_out = 0;
  std::string failed_when;  // the predicate that held
  std::string terminal;     // "max_turns", "budget": ended by a limit of its own
  bool limited = false;     // a rate limit or quota
  bool quota = false;       // ... of the account: waits for the reset
  std::optional<Time> limited_until;
  bool operator==(const AgentReport&) const = default;
};

// One located message of a tool.
struct Diagnostic {
  std::string file;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::string message;
  bool operator==(const Diagnostic&) const = default;
};

struct Diagnosis {
  Category category = Category::none;
  Cause cause = Cause::none;
  Severity severity = Severity::none;
  std::string summary;    // one line for people: "HTTP 429 Too Many Requests (retry after 5s)"
  std::string signature;  // "<version>:<32 hex digits>"; empty on success
  std::string rule;       // which entry of which table decided: "exit.127", "text.econnreset"
  std::string advice;     // the next step to take, for people
  std::optional<Duration> retry_after;  // a server's floor
  std::optional<Time> resets_at;        // a printed time
  std::vector<Diagnostic> located;
  bool operator==(const Diagnosis&) const = default;
};

// What is proven about an attempt whose process ended well.
struct Verdict {
  bool proven = true;
  Cause cause = Cause::none;  // missing_output, check_failed, ...
  std::string why;
  std::optional<double> score;
  bool operator==(const Verdict&) const = default;
};

struct Decision {
  Action action = Action::succeed;
  Charge charge = Charge::retry;  // what the attempt that just ended used up
  Duration delay{};               // retry: from the end of the attempt
  Time until{};                   // snooze
  std::string agent;              // the next attempt's agent when it changes (fallback)
  std::string rule;               // which rule decided: "category.network", "deterministic"
  std::string why;                // one sentence for people
  bool operator==(const Decision&) const = default;
};

// An attempt as the decision sees it.
struct PastAttempt {
  int cycle = 1;  // counted along the lineage: a re-run goes on after its parent's cycles
  End end = End::exited;
  bool succeeded = false;
  Category category = Category::none;
  Cause cause = Cause::none;
  std::string signature;
  Charge charge = Charge::retry;
  bool changed_before = false;  // something changed since the attempt before: a fix, another agent
  std::string agent;
  Time started{};
  Time ended{};
};

// Sparse, as for tasks.
std::string json_text(const OutputRef&);
std::string json_text(const Outcome&);
std::string json_text(const Diagnosis&);
std::string json_text(const Verdict&);
std::string json_text(const Decision&);
std::string json_text(const AgentReport&);
Outcome outcome_from_json(const nlohmann::json&);
Diagnosis diagnosis_from_json(const nlohmann::json&);
Verdict verdict_from_json(const nlohmann::json&);
Decision decision_from_json(const nlohmann::json&);
AgentReport report_from_json(const nlohmann::json&);

}  // namespace darn
