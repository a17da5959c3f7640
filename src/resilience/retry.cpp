#include "darn/retry.hpp"

#include <algorithm>

#include "darn/detail/no_throw.hpp"

namespace darn {
namespace {

// A hook is the user's; what it throws must not end the call.
void tell(const retry_hook& hook, const retry_event& event) {
  if (!hook) {
    return;
  }
  detail::catching([&] { hook(event); }, [](const std::exception_ptr&) {});
}

}  // namespace

std::array<category_strategy, kCategories> retry_options::default_strategies() {
  std::array<category_strategy, kCategories> all{};
  all[static_cast<std::size_t>(category::permanent)].retry = false;
  return all;
}

namespace detail {

retry_state::retry_state(retry_options o)
    : options(std::move(o)),
      who(intern(options.name.empty() ? "retry" : "retry " + options.name)) {}

bool retry_session::may_retry(const error& e) const {
  const retry_options& o = state_.options;
  if (e.exhausted && !o.retry_exhausted) {
    return false;  // whoever is below has tried
  }
  if (e.ambiguous && !o.idempotent) {
    return false;
  }
  return o.should_retry ? o.should_retry(e) : o.of(e.category).retry;
}

std::optional<duration> retry_session::next(error& e) {
  const retry_options& o = state_.options;
  const category_strategy& strategy = o.of(e.category);
  state_.failures[static_cast<std::size_t>(e.category)].add();
  if (o.adaptive) {
    o.adaptive->record(o.adaptive_key, false);
  }
  if (!e.rejected) {
    ++tried_;
    cause_ = e;
  }
  const int most =
      strategy.max_attempts > 0 ? std::min(strategy.max_attempts, o.max_attempts) : o.max_attempts;
  if (attempt_ >= most || call_.stop_requested() || !may_retry(e)) {
    give_up(e);
    return std::nullopt;
  }

  const darn::backoff& backoff = strategy.backoff ? *strategy.backoff : o.backoff;
  duration delay = backoff.delay(attempt_, call_.random(), last_delay_);
  last_delay_ = delay;
  const duration cap = strategy.max_delay.value_or(backoff.cap);
  if (o.adaptive) {
    const double factor = o.adaptive->factor(o.adaptive_key);
    delay = duration{static_cast<duration::rep>(
        std::min(static_cast<double>(delay.count()) * factor, static_cast<double>(cap.count())))};
  }
  delay =
      respect_retry_after(std::min(delay, cap), e.retry_after, o.max_retry_after, call_.random());

  const time_point now = call_.now();
  time_point last_start = call_.deadline();
  if (o.deadline) {
    last_start = std::min(last_start, began_ + *o.deadline);
  }
  if (last_start != time_point::max() && delay >= last_start - now) {
    give_up(e);
    return std::nullopt;
  }
  if (o.budget && !o.budget->reserve(strategy.budget_cost, now)) {
    state_.over_budget.add();
    give_up(e);
    return std::nullopt;
  }
  reserved_ = o.budget ? strategy.budget_cost : 0;
  reserved_at_ = now;
  tell(o.on_retry, {call_, &e, delay});
  return delay;
}

void retry_session::give_up(error& e) {
  state_.gave_up.add();
  if (e.rejected && cause_) {
    // Who refused in the end is said; why the callee had failed is not hidden by it.
    const std::string_view refused_by = e.decided_by;
    e = *cause_;
    e.decided_by = refused_by;
  } else if (e.decided_by.empty()) {
    e.decided_by = state_.who;
  }
  e.attempts = tried_;
  e.exhausted = e.exhausted || attempt_ > 1;
  tell(state_.options.on_give_up, {call_, &e, {}});
}

retry_session::~retry_session() { refund(); }

void retry_session::refund() {
  if (reserved_ > 0) {
    state_.options.budget->refund(reserved_, reserved_at_);
    reserved_ = 0;
  }
}

void retry_session::stopped(error& e) {
  state_.stopped.add();
  refund();
  give_up(e);
}

void retry_session::begin_attempt() {
  reserved_ = 0;
  state_.retries.add();
  call_.set_attempt(++attempt_);
}

void retry_session::succeeded() {
  const retry_options& o = state_.options;
  state_.healed.add();
  if (o.adaptive) {
    o.adaptive->record(o.adaptive_key, true);
  }
  if (o.budget) {
    o.budget->succeeded();
  }
  tell(o.on_healed, {call_, nullptr, {}});
}

void retry_frame::note_thrown(const error& e) {
  if (retry_frame* frame = current(); frame != nullptr && e.exhausted) {
    frame->exhausted_ = e.exception;
  }
}

void retry_frame::mark(error& e) const {
  if (exhausted_ && e.exception == exhausted_) {
    e.exhausted = true;
  }
}

void note_thrown(const error& e) { retry_frame::note_thrown(e); }

}  // namespace detail

void retry::collect(metrics& into) const {
  const detail::retry_state& s = *state_;
  const std::string label = metric_label("policy", s.who);
  const auto add = [&](std::string_view name, std::string_view help, const std::string& labels,
                       const counter& c) { into.add(name, help, labels, c); };
  add("darn_retry_calls_total", "Calls through a retry", label, s.calls);
  add("darn_retry_retries_total", "Attempts after the first one", label, s.retries);
  add("darn_retry_healed_total", "Calls that succeeded, but not at once", label, s.healed);
  add("darn_retry_gave_up_total", "Calls that failed in the end", label, s.gave_up);
  add("darn_retry_over_budget_total", "Retries that the budget did not allow", label,
      s.over_budget);
  add("darn_retry_stopped_total", "Calls stopped while they waited for a retry", label, s.stopped);
  for (std::size_t i = 1; i < kCategories; ++i) {
    add("darn_retry_failures_total", "Failed attempts by category",
        label + "," + metric_label("category", to_string(static_cast<category>(i))), s.failures[i]);
  }
}

std::string retry::text() const {
  const retry_options& o = state_->options;
  std::string out = "retry(" + std::to_string(o.max_attempts) + " attempts, " + o.backoff.text();
  if (o.deadline) {
    out += ", within " + to_string(*o.deadline);
  }
  if (o.attempt_timeout) {
    out += ", each " + to_string(*o.attempt_timeout);
  }
  if (!o.idempotent) {
    out += ", not idempotent";
  }
  if (o.budget) {
    out += ", budgeted";
  }
  return out + (o.name.empty() ? ")" : ", " + o.name + ")");
}

}  // namespace darn
