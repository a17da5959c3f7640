// One call on its way through the policies: what they and the callee know of it. A call belongs to
// the thread that runs it; only its stop token may be used from others.
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "darn/clock.hpp"

namespace darn {

// What the caller says about one call. All of it is optional.
struct call_options {
  std::stop_token stop{};                   // ends sleeps and waits, and is given to the callee
  time_point deadline = time_point::max();  // nothing is started or waited for beyond it
  std::string_view traceparent{};           // W3C Trace Context; not valid: a new trace begins
  darn::clock* clock = nullptr;             // none: the machine's
  darn::random_source* random = nullptr;    // none: this thread's
};

namespace detail {

// A stretch of a call that can be stopped by itself: by its deadline, by whoever owns it, or from
// outside. Costs two words until somebody asks for the token; only then is there a stop_source, and
// a timer when there is a deadline.
class stop_scope {
 public:
  explicit stop_scope(const std::stop_token& caller) : caller_(&caller) {}
  stop_scope(stop_scope& parent, clock& clock, time_point deadline)
      : parent_(&parent), clock_(&clock), deadline_(deadline) {}
  ~stop_scope() {
    if (armed_) {
      disarm();
    }
  }
  stop_scope(const stop_scope&) = delete;
  stop_scope& operator=(const stop_scope&) = delete;

  const std::stop_token& token() {
    if (caller_ != nullptr) {
      return *caller_;
    }
    if (!armed_) {
      arm();
    }
    return armed_token();
  }
  // From any thread, once token() has been asked for: whoever runs this stretch is not wanted any
  // more.
  void abandon();
  // The same, because its time is over: for those who measure that themselves.
  void expire();
  // Whether the caller or the owner of a stretch wants out; a deadline that has passed is not that.
  bool abandoned() const;

 private:
  struct Armed;
  struct Delete {
    void operator()(Armed* armed) const;
  };
  void arm();
  void disarm();
  const std::stop_token& armed_token() const;

  const std::stop_token* caller_ = nullptr;
  stop_scope* parent_ = nullptr;
  clock* clock_ = nullptr;
  time_point deadline_ = time_point::max();
  std::unique_ptr<Armed, Delete> armed_;
  std::atomic<bool> abandoned_{false};
};

// https://www.w3.org/TR/trace-context/: version 00, the trace, the caller's span, the flags.
struct trace_ids {
  std::uint64_t trace_high = 0;
  std::uint64_t trace_low = 0;
  std::uint64_t span = 0;
  std::uint8_t flags = 1;  // sampled
  bool valid() const { return (trace_high | trace_low) != 0; }
};
trace_ids parse_traceparent(std::string_view text);  // not valid when the text is not

// An error is about to be thrown out of a pipeline: a retry above has to know it again (retry.hpp).
void note_thrown(const error& e);

}  // namespace detail

class call {
 public:
  call(const call_options& options, detail::stop_scope& scope, bool wants_stop)
      : options_(&options), scope_(&scope), deadline_(options.deadline), wants_stop_(wants_stop) {}

  // Which try of this is it, from 1; and which of the copies that a hedge has running, from 0.
  int attempt() const { return attempt_; }
  int hedge() const { return hedge_; }

  // Nobody waits for an answer beyond it. max(): no deadline.
  time_point deadline() const { return deadline_; }

  // Stops when the caller wants out, at the deadline of a timeout, or when another copy has won.
  const std::stop_token& stop_token() { return scope_->token(); }
  bool stop_requested() { return stop_token().stop_requested(); }
  // Stopped by the caller or because another copy has won; not by a timeout.
  bool abandoned() const { return scope_->abandoned(); }

  // The header to send: this trace, a span of its own for each attempt.
  std::string traceparent();
  std::string trace_id();  // 32 hex digits, the same in all attempts; for logs

  time_point now() const {
    return options_->clock == nullptr ? detail::steady_now() : options_->clock->now();
  }
  darn::clock& clock() const {
    return options_->clock == nullptr ? real_clock() : *options_->clock;
  }
  std::uint64_t random() const {
    return options_->random == nullptr ? real_random().next() : options_->random->next();
  }
  // False when the call was stopped before the end.
  bool sleep_until(time_point until) { return clock().sleep_until(until, stop_token()); }

  // For policies.
  bool wants_stop() const { return wants_stop_; }  // whether the callee can be told to stop
  void set_attempt(int attempt) { attempt_ = attempt; }
  // Within a stretch of its own; the caller puts back what this returns by enter() again.
  struct stretch {
    detail::stop_scope* scope;
    time_point deadline;
  };
  stretch enter(stretch now) {
    const stretch before{scope_, deadline_};
    scope_ = now.scope;
    deadline_ = now.deadline;
    return before;
  }
  detail::stop_scope& scope() const { return *scope_; }
  // A copy for another thread, with a scope and a number of its own.
  call copy_for_hedge(int hedge, detail::stop_scope& scope);
  // A reading between now() - tick and now() for a fifth of the price.
  time_point coarse_now() const {
    return options_->clock == nullptr ? detail::coarse_now() : options_->clock->now();
  }
  duration coarse_tick() const {
    return options_->clock == nullptr ? detail::kCoarseTick : duration{0};
  }

 private:
  void need_trace();

  const call_options* options_;
  detail::stop_scope* scope_;
  time_point deadline_;
  detail::trace_ids trace_;
  int attempt_ = 1;
  int span_attempt_ = 0;  // the attempt that trace_.span is of
  int hedge_ = 0;
  bool wants_stop_;
};

}  // namespace darn
