// Rows to records: the column lists of the SELECTs and the functions that read them, side by side
// so that they cannot drift apart unseen. Inside store/ only.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "store/sqlite.hpp"
#include "store/store.hpp"

namespace darn {

// Of runs r JOIN totals n; settings are NULL unless asked for.
inline constexpr std::string_view kRunColumns =
    "r.key, r.id, r.state, r.cycle, r.root, r.parent, r.created, r.ended, r.cancel_requested, "
    "r.host, r.boot_id, r.pid, r.seed, r.source, r.format, r.cwd, r.columns, n.attempts, "
    "n.cost_usd, n.tokens, n.healed, n.waiting, n.ready, n.running, n.delayed, n.succeeded, "
    "n.failed, n.skipped, n.cancelled, n.abandoned";
Result<RunRecord> read_run(const Query& row, bool with_settings);

// Of totals: the last ten of kRunColumns.
inline constexpr std::string_view kCountColumns =
    "healed, waiting, ready, running, delayed, succeeded, failed, skipped, cancelled, abandoned";
Counts read_counts(const Query& row, int first);

// Of tasks t, and s.spec last where it is wanted (NULL otherwise).
inline constexpr std::string_view kTaskColumns =
    "t.key, t.id, t.state, t.pool, t.priority, t.not_before, t.cycle, t.attempts, t.alone, "
    "t.healed, t.category, t.cause, t.severity, t.signature, t.summary, t.advice, t.exit, "
    "t.signal, t.score, t.cost_usd, t.tokens, t.duration, t.started, t.ended, t.workspace, "
    "t.session, t.output_path, t.next_agent, ";
Result<TaskRecord> read_task(const Query& row);

// Of attempts a JOIN tasks t.
inline constexpr std::string_view kAttemptColumns =
    "a.key, a.task, t.id, a.number, a.cycle, a.kind, a.state, a.agent, a.key_name, a.slot, "
    "a.claimed, a.reserved_usd, a.reserved_tokens, a.output_before, a.workspace, a.batch, "
    "a.details, a.excerpt";
Result<AttemptRecord> read_attempt(const Query& row);

// The JSON column of an attempt.
std::string attempt_details(const AttemptRecord& attempt);

// JSON as it is stored: compact; bytes that are not UTF-8 become U+FFFD instead of an exception.
std::string dump(const nlohmann::json& value);
// Text of the store's own back; an error names it as damaged.
Result<nlohmann::json> parse_stored(std::string_view text);
Error damaged_record(const std::string& what);

// Calls a reader of model/'s, which throws on what does not fit.
template <class Read>
auto read_stored(Read&& read) -> Result<decltype(read())> {
  try {
    return read();
  } catch (const std::exception& e) {
    return tl::unexpected<Error>(damaged_record(e.what()));
  }
}

}  // namespace darn
