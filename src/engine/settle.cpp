// What ended: its output is read back, judged, understood and decided upon, then recorded
// (record.cpp) together with the task's new state in the wake's one transaction.
#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "agent/report.hpp"
#include "base/random.hpp"
#include "base/text.hpp"
#include "diagnose/diagnose.hpp"
#include "engine/verify.hpp"
#include "engine/worker.hpp"
#include "policy/decide.hpp"
#include "process/output.hpp"

namespace darn {
namespace {

constexpr std::size_t kTail = 64U << 10U;         // read back of a command's output
constexpr std::size_t kAgentOutput = 64U << 20U;  // ... of an agent's
constexpr std::size_t kExcerptBytes = 4U << 10U;
constexpr std::size_t kExcerptLines = 20;

bool exited_well(const Outcome& outcome) {
  return outcome.end == End::exited && outcome.exit_code == 0;
}

// Also of a segment that is damaged there is something to show; what is wrong goes to `trouble`.
std::string tail_of(const std::string& dir, const OutputRef& ref, std::size_t bytes,
                    std::string& trouble) {
  if (const Status whole = check_output_length(dir, ref); !whole && trouble.empty()) {
    trouble = whole.error().message;
  }
  if (ref.file.empty() || ref.size() == 0) {
    return {};
  }
  return read_output_tail(dir, ref, bytes).value_or(std::string{});
}

bool is_judged_by_output(const TaskSpec& spec, const AgentDef* agent) {
  if (!spec.failed_when.empty() || spec.score != ScoreRule{}) {
    return true;
  }
  return agent != nullptr && (!agent->failed_when.empty() || !agent->failed_when_text.empty() ||
                              !agent->terminal.empty() || agent->quota != AgentQuota{});
}

// What people are shown of a failed attempt: its check's words, the agent's own, or its last lines.
std::string excerpt_of(const AttemptRecord& attempt, const std::string& out, const std::string& err,
                       const std::string& check) {
  const Outcome& outcome = attempt.outcome;
  const bool check_failed = exited_well(outcome) && outcome.check_ran;
  const std::string& own =
      !attempt.report.error.empty() ? attempt.report.error : attempt.report.result;
  const std::string& text = check_failed && !check.empty() ? check
                            : !own.empty()                 ? own
                            : err.empty()                  ? out
                                                           : err;
  std::string lines = printable(last_lines(text, kExcerptLines));
  if (lines.size() > kExcerptBytes) {
    lines.erase(0, lines.size() - kExcerptBytes);
    lines = to_utf8(lines);
  }
  return lines;
}

PastAttempt past(const AttemptRecord& attempt, int cycles_before) {
  PastAttempt p;
  p.cycle = cycles_before + attempt.cycle;
  p.end = attempt.outcome.end;
  p.succeeded = attempt.state == AttemptState::succeeded;
  p.category = attempt.diagnosis.category;
  p.cause = attempt.diagnosis.cause;
  p.signature = attempt.diagnosis.signature;
  p.charge = attempt.decision.charge;
  p.changed_before = attempt.kind == AttemptKind::fallback || attempt.kind == AttemptKind::remedy;
  p.agent = attempt.agent;
  p.started = attempt.outcome.started;
  p.ended = attempt.outcome.ended;
  return p;
}

}  // namespace

Status Worker::settle(const Ended& ended) {
  const auto found = live_.find(ended.attempt);
  if (found == live_.end()) {
    return {};
  }
  leave_slot(found->second);
  look_again_ = true;
  if (ended.returned) {
    returned_.push_back(ended.attempt);
    return {};
  }
  Live live = std::move(found->second);
  live_.erase(found);
  reserved_usd_ -= live.attempt.reserved_usd;
  reserved_tokens_ -= live.attempt.reserved_tokens;
  live.attempt.outcome = ended.outcome;
  to_release_.push_back(live.attempt.key);
  if (run_.settings.durability == "power") {
    for (const OutputRef* ref :
         {&ended.outcome.out, &ended.outcome.err, &ended.outcome.check_out}) {
      if (ref->head > 0) {
        to_sync_.insert(ref->file);
      }
    }
  }
  if (!live.task.spec.race.empty()) {
    // Whatever it ended with: the race is over.
    DARN_ASSIGN(const TaskRecord now, store_.task_by_key(live.task.key));
    if (now.state == TaskState::succeeded) {
      live.stopped = Stopped::race_lost;
      return settle_stopped(live);
    }
  }
  if (ended.outcome.end == End::cancelled) {
    return settle_stopped(live);
  }
  if (live.pool == kCommandPool && live.command()) {
    queues_.learn(live.attempt.outcome.wall);
  }
  return settle_judged(live);
}

// darn itself ended it: no judgement, no try used up.
Status Worker::settle_stopped(Live& live) {
  AttemptRecord& attempt = live.attempt;
  const Output output = read_back(live);
  if (live.agent != nullptr) {
    attempt.report = read_report(*live.agent, attempt.outcome.exit_code, output.out, output.err,
                                 attempt.outcome.ended);
    DARN_TRY(count_own_tokens(live));
  }
  attempt.state = AttemptState::cancelled;
  attempt.diagnosis.cause = Cause::cancelled;
  attempt.decision.charge = Charge::none;
  switch (live.stopped) {
    case Stopped::race_lost:
      attempt.decision.action = Action::give_up;
      attempt.decision.rule = "race.lost";
      attempt.decision.why = "another agent of the race was first";
      return record(live, false, {});
    case Stopped::cancelled:
      attempt.decision.action = Action::abandon;
      attempt.decision.rule = "cancelled";
      attempt.decision.why = "cancelled by the user";
      break;
    default:
      attempt.decision.action = Action::retry;
      attempt.decision.rule = "interrupted";
      attempt.decision.why =
          live.trouble.empty() ? "ended by the user; 'darn resume' goes on" : live.trouble;
      // Only what never began may simply begin again.
      if (!live.task.spec.idempotent && live.trouble.empty()) {
        attempt.decision.action = Action::abandon;
        attempt.decision.why = "ended half way, and idempotent=false: not started again";
      }
      break;
  }
  attempt.diagnosis.summary = attempt.decision.why;
  // While another of its race is alive, the task's state is that one's to write.
  return record(live, !rivals_live(live), {});
}

// A session that was gone on with may count again what an earlier attempt of it used.
Status Worker::count_own_tokens(Live& live) {
  if (live.agent == nullptr || !live.agent->tokens.cumulative || live.attempt.number <= 1) {
    return {};
  }
  DARN_ASSIGN(const auto attempts, store_.attempts(run_.key, live.task.spec.id));
  std::vector<AgentReport> earlier;
  for (const AttemptRecord& attempt : attempts) {
    if (attempt.number < live.attempt.number) {
      earlier.push_back(attempt.report);
    }
  }
  subtract_earlier(*live.agent, earlier, live.attempt.report);
  return {};
}

Status Worker::settle_judged(Live& live) {
  const Output output = read_back(live);
  AttemptRecord& attempt = live.attempt;
  // A judgement that needs the output is none without it.
  if (live.trouble.empty() && exited_well(attempt.outcome) &&
      is_judged_by_output(live.task.spec, live.agent)) {
    live.trouble = output.trouble;
  }
  assess(live, output);
  DARN_TRY(count_own_tokens(live));
  const bool succeeded = exited_well(attempt.outcome) && attempt.verdict.proven;
  attempt.state = succeeded                          ? AttemptState::succeeded
                  : attempt.outcome.end == End::lost ? AttemptState::lost
                                                     : AttemptState::failed;
  if (!succeeded) {
    attempt.excerpt = excerpt_of(attempt, output.out, output.err, output.check);
  }
  DARN_ASSIGN(auto history, history_with(live));
  attempt.decision = decide_next(live, history, output);
  history.back().charge = attempt.decision.charge;
  note_limits(live);
  keep_files(live);
  if (rivals_live(live)) {
    if (!succeeded) {
      attempt.decision.rule = "race.waits";
      attempt.decision.why = "another agent of the race is still running";
      return record(live, false, history);
    }
    stop_rivals(live);
  }
  return record(live, true, history);
}

// Only as much as is needed: a command that succeeded and promised nothing is not read at all.
Worker::Output Worker::read_back(const Live& live) const {
  const Outcome& outcome = live.attempt.outcome;
  const TaskSpec& spec = live.task.spec;
  Output output;
  if (live.command()) {
    if (exited_well(outcome) && !outcome.check_ran && !is_judged_by_output(spec, nullptr)) {
      return output;
    }
    output.out = tail_of(run_dir_, outcome.out, kTail, output.trouble);
  } else {
    output.out = tail_of(run_dir_, outcome.out, kAgentOutput, output.trouble);
  }
  output.err =
      tail_of(run_dir_, outcome.err, live.command() ? kTail : kAgentOutput, output.trouble);
  if (outcome.check_ran) {
    output.check = tail_of(run_dir_, outcome.check_out, kTail, output.trouble);
  }
  return output;
}

void Worker::assess(Live& live, const Output& output) const {
  AttemptRecord& attempt = live.attempt;
  const Time now = attempt.outcome.ended;
  if (live.agent != nullptr) {
    attempt.report =
        read_report(*live.agent, attempt.outcome.exit_code, output.out, output.err, now);
  }
  if (!live.trouble.empty()) {
    attempt.verdict.proven = false;
    attempt.verdict.cause = Cause::environment;
    attempt.verdict.why = live.trouble;
  } else if (exited_well(attempt.outcome)) {
    VerifyInput input;
    input.task = &live.task.spec;
    input.agent = live.agent;
    input.outcome = &attempt.outcome;
    input.report = live.agent != nullptr ? &attempt.report : nullptr;
    input.output_path = live.output_path;
    input.output_before = attempt.output_before;
    if (live.agent != nullptr && live.task.spec.workspace != WorkspaceMode::none) {
      input.workspace = attempt.workspace;
    }
    input.output = output.out;
    input.errors = output.err;
    input.check_output = output.check;
    attempt.verdict = verify(input);
    if (attempt.verdict.proven) {
      return;
    }
  } else {
    attempt.verdict.proven = false;
  }
  Evidence evidence;
  evidence.outcome = &attempt.outcome;
  const bool judged = exited_well(attempt.outcome) || !live.trouble.empty();
  evidence.verdict = judged ? &attempt.verdict : nullptr;
  evidence.report = live.agent != nullptr ? &attempt.report : nullptr;
  const std::string_view out = output.out;
  const std::string_view err = output.err;
  evidence.output = out.substr(out.size() - std::min(out.size(), kTail));
  evidence.errors = err.substr(err.size() - std::min(err.size(), kTail));
  evidence.check_output = output.check;
  evidence.now = now;
  attempt.diagnosis = diagnose(evidence);
  if (live.agent != nullptr) {
    apply_exit_meaning(*live.agent, attempt.outcome, attempt.diagnosis);
  }
}

Result<std::vector<PastAttempt>> Worker::history_with(const Live& live) {
  std::vector<PastAttempt> history;
  // The first attempt of a root run has no past: the common case asks nothing. In a race it may
  // have: another racer's, that ended before it.
  if (live.attempt.number > 1 || !run_.parent.empty() || !live.task.spec.race.empty()) {
    DARN_ASSIGN(history, store_.history(run_.key, live.task.spec.id));
  }
  history.push_back(past(live.attempt, cycles_before_));
  return history;
}

Decision Worker::decide_next(const Live& live, const std::vector<PastAttempt>& history,
                             const Output& output) {
  const AttemptRecord& attempt = live.attempt;
  const TaskSpec& spec = live.task.spec;
  Knowledge knowledge;
  knowledge.now = attempt.outcome.ended;
  knowledge.seed = run_.seed;
  knowledge.task = hash64(spec.id);
  knowledge.cycle = cycles_before_ + attempt.cycle;
  knowledge.task_retries = spec.retries;
  knowledge.retry_after = attempt.diagnosis.retry_after;
  knowledge.resets_at = attempt.diagnosis.resets_at;
  knowledge.idempotent = spec.idempotent || live.may_run_again;
  knowledge.cancelled = cancelling_;
  if (spec.deadline) {
    Time first = attempt.claimed;
    for (const PastAttempt& p : history) {
      if (p.cycle == knowledge.cycle && p.started != Time{}) {
        first = std::min(first, p.started);
      }
    }
    knowledge.deadline = first + *spec.deadline;
  }
  // A fallback is named by the task or its agent, and used once a cycle.
  const std::string fallback = !spec.fallback.empty()
                                   ? spec.fallback
                                   : (live.agent != nullptr ? live.agent->fallback : std::string{});
  const bool used = std::any_of(history.begin(), history.end(), [&](const PastAttempt& p) {
    return p.cycle == knowledge.cycle && p.agent == fallback;
  });
  if (!used && spec.race.empty() && agent_of(fallback) != nullptr) {
    knowledge.fallback_agent = fallback;
  }
  if (attempt.state != AttemptState::succeeded) {
    const std::string& text = output.err.empty() ? output.out : output.err;
    knowledge.rule =
        rules_.match(attempt.outcome, attempt.diagnosis, text, [&](const std::string& predicate) {
          if (live.agent == nullptr) {
            return false;
          }
          return holds(predicate, result_object(*live.agent, output.out, output.err))
              .value_or(false);
        });
  }
  return decide(history, run_.settings.policy, knowledge);
}

// A limit of somebody else slows its pool down; a success speeds it up again.
void Worker::note_limits(Live& live) {
  AttemptRecord& attempt = live.attempt;
  const Time now = attempt.outcome.ended;
  if (attempt.state == AttemptState::succeeded) {
    pools_.succeeded(live.pool, now);
    return;
  }
  const bool limited = attempt.diagnosis.category == Category::rate_limit;
  if (!limited && attempt.decision.action != Action::snooze) {
    return;
  }
  Time until = now + run_.settings.policy.rest_without_hint;
  if (attempt.decision.action == Action::snooze) {
    until = attempt.decision.until;
  }
  pools_.limited(live.pool, attempt.key_name, live.agent, now, until);
  if (live.pool == kCommandPool) {
    take_back(queues_.waiting());
  }
  // Another key is at hand: the task need not wait for this one.
  if (attempt.decision.action == Action::snooze && live.agent != nullptr &&
      !live.agent->keys.empty() && pools_.next_key(live.pool, *live.agent, now)) {
    attempt.decision.until = now;
    attempt.decision.why += "; another key goes on";
  }
}

}  // namespace darn
