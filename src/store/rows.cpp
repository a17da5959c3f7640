#include "store/rows.hpp"

#include <bit>

#include <nlohmann/json.hpp>

namespace darn {

using nlohmann::json;

namespace {

template <class T>
std::optional<T> optional(const Query& row, int column, T (Query::*get)(int) const) {
  return row.null(column) ? std::nullopt : std::optional<T>((row.*get)(column));
}

const json& part(const json& details, const char* name) {
  static const json empty = json::object();
  const auto it = details.find(name);
  return it == details.end() ? empty : *it;
}

}  // namespace

std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

Error damaged_record(const std::string& what) {
  return Error{ErrorKind::io,
               "a damaged record in the state (" + what + ")",
               "restore a copy of .darn/darn.db, or start the run anew",
               {}};
}

Result<json> parse_stored(std::string_view text) {
  return read_stored([&] { return json::parse(text); });
}

Counts read_counts(const Query& row, int first) {
  Counts counts;
  counts.healed = row.integer(first);
  for (std::size_t i = 0; i < kTaskStates; ++i) {
    counts.by_state[i] = row.integer(first + 1 + static_cast<int>(i));
  }
  return counts;
}

Result<RunRecord> read_run(const Query& row, bool with_settings) {
  RunRecord run;
  run.key = row.integer(0);
  run.id = row.text(1);
  run.state = row.kind<RunState>(2);
  run.cycle = row.number(3);
  run.root = row.text(4);
  run.parent = row.text(5);
  run.created = row.time(6);
  run.ended = row.time(7);
  run.cancel_requested = row.flag(8);
  run.host = row.text(9);
  run.boot_id = row.text(10);
  run.pid = row.number(11);
  run.seed = std::bit_cast<std::uint64_t>(row.integer(12));
  run.source = row.text(13);
  run.format = row.text(14);
  run.cwd = row.text(15);
  DARN_ASSIGN(run.columns, read_stored([&] {
                return json::parse(row.view(16)).get<std::vector<std::string>>();
              }));
  run.attempts = row.integer(17);
  run.cost_usd = row.real(18);
  run.tokens = row.integer(19);
  run.counts = read_counts(row, 20);
  if (with_settings) {
    DARN_ASSIGN(run.settings,
                read_stored([&] { return settings_from_json(json::parse(row.view(30))); }));
  }
  return run;
}

Result<TaskRecord> read_task(const Query& row) {
  TaskRecord task;
  if (row.null(28)) {
    task.spec.id = row.text(1);
    task.spec.priority = row.number(4);
  } else {
    DARN_ASSIGN(task.spec, read_stored([&] { return task_from_json(json::parse(row.view(28))); }));
  }
  task.key = row.integer(0);
  task.seq = task.key & 0xffffffff;
  task.state = row.kind<TaskState>(2);
  task.pool = row.text(3);
  task.not_before = row.time(5);
  task.cycle = row.number(6);
  task.attempts = row.number(7);
  task.alone = row.flag(8);
  task.healed = row.flag(9);
  task.category = row.kind<Category>(10);
  task.cause = row.kind<Cause>(11);
  task.severity = row.kind<Severity>(12);
  task.signature = row.text(13);
  task.summary = row.text(14);
  task.advice = row.text(15);
  task.exit = optional(row, 16, &Query::number);
  task.signal = optional(row, 17, &Query::number);
  task.score = optional(row, 18, &Query::real);
  task.cost_usd = row.real(19);
  task.tokens = row.integer(20);
  task.duration = row.duration(21);
  task.started = row.time(22);
  task.ended = row.time(23);
  task.workspace = row.text(24);
  task.session = row.text(25);
  task.output_path = row.text(26);
  task.next_agent = row.text(27);
  return task;
}

std::string attempt_details(const AttemptRecord& attempt) {
  std::string out = "{";
  const auto put = [&out](const char* name, const std::string& part) {
    if (part != "{}") {
      out += out.size() > 1 ? "," : "";
      (((out += '"') += name) += "\":") += part;
    }
  };
  put("outcome", json_text(attempt.outcome));
  put("diagnosis", json_text(attempt.diagnosis));
  put("verdict", json_text(attempt.verdict));
  put("report", json_text(attempt.report));
  put("decision", json_text(attempt.decision));
  return out + '}';
}

Result<AttemptRecord> read_attempt(const Query& row) {
  AttemptRecord attempt;
  attempt.key = row.integer(0);
  attempt.task = row.integer(1);
  attempt.task_id = row.text(2);
  attempt.number = row.number(3);
  attempt.cycle = row.number(4);
  attempt.kind = row.kind<AttemptKind>(5);
  attempt.state = row.kind<AttemptState>(6);
  attempt.agent = row.text(7);
  attempt.key_name = row.text(8);
  attempt.slot = row.number(9);
  attempt.claimed = row.time(10);
  attempt.reserved_usd = row.real(11);
  attempt.reserved_tokens = row.integer(12);
  attempt.output_before = row.text(13);
  attempt.workspace = row.text(14);
  attempt.batch = row.text(15);
  attempt.excerpt = row.text(17);
  DARN_TRY(read_stored([&] {
    const json details = json::parse(row.view(16));
    attempt.outcome = outcome_from_json(part(details, "outcome"));
    attempt.diagnosis = diagnosis_from_json(part(details, "diagnosis"));
    attempt.verdict = verdict_from_json(part(details, "verdict"));
    attempt.report = report_from_json(part(details, "report"));
    attempt.decision = decision_from_json(part(details, "decision"));
    return true;
  }));
  return attempt;
}

}  // namespace darn
