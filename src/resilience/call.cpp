#include "darn/call.hpp"

#include <array>
#include <optional>

namespace darn {
namespace detail {

struct stop_scope::Armed {
  struct Forward {
    std::stop_source* to;
    void operator()() const { to->request_stop(); }
  };
  std::stop_source source;
  std::stop_token token = source.get_token();
  std::optional<std::stop_callback<Forward>> from_parent;
  clock::timer timer = 0;
};

void stop_scope::Delete::operator()(Armed* armed) const { delete armed; }

void stop_scope::arm() {
  armed_.reset(new Armed);
  armed_->from_parent.emplace(parent_->token(), Armed::Forward{&armed_->source});
  if (deadline_ != time_point::max()) {
    // The timer has its own hold on the stop state; disarm() waits for it all the same.
    armed_->timer =
        clock_->call_at(deadline_, [source = armed_->source]() mutable { source.request_stop(); });
  }
}

void stop_scope::disarm() {
  if (armed_->timer != 0) {
    clock_->cancel(armed_->timer);
  }
  armed_.reset();
}

void stop_scope::abandon() {
  abandoned_.store(true, std::memory_order_release);
  armed_->source.request_stop();
}

void stop_scope::expire() { armed_->source.request_stop(); }

bool stop_scope::abandoned() const {
  return caller_ != nullptr ? caller_->stop_requested()
                            : abandoned_.load(std::memory_order_acquire) || parent_->abandoned();
}

const std::stop_token& stop_scope::armed_token() const { return armed_->token; }

namespace {

// n lower-case hex digits as a number; nothing else is allowed by the standard.
std::optional<std::uint64_t> hex(std::string_view digits) {
  std::uint64_t value = 0;
  for (const char c : digits) {
    const bool decimal = c >= '0' && c <= '9';
    if (!decimal && !(c >= 'a' && c <= 'f')) {
      return std::nullopt;
    }
    value = value << 4U | static_cast<std::uint64_t>(decimal ? c - '0' : c - 'a' + 10);
  }
  return value;
}

void put_hex(std::string& out, std::uint64_t value, unsigned digits) {
  for (unsigned i = digits; i-- > 0;) {
    out += "0123456789abcdef"[value >> (4 * i) & 0xfU];
  }
}

}  // namespace

trace_ids parse_traceparent(std::string_view text) {
  // 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01; a later version may append more.
  constexpr std::size_t kLength = 55;
  if (text.size() < kLength || text[2] != '-' || text[35] != '-' || text[52] != '-') {
    return {};
  }
  const auto version = hex(text.substr(0, 2));
  const bool more = text.size() > kLength;
  if (!version || *version == 0xff || (more && (*version == 0 || text[kLength] != '-'))) {
    return {};
  }
  const auto high = hex(text.substr(3, 16));
  const auto low = hex(text.substr(19, 16));
  const auto span = hex(text.substr(36, 16));
  const auto flags = hex(text.substr(53, 2));
  if (!high || !low || !span || !flags || *span == 0) {
    return {};
  }
  return {*high, *low, *span, static_cast<std::uint8_t>(*flags)};
}

}  // namespace detail

void call::need_trace() {
  if (!trace_.valid()) {
    trace_ = detail::parse_traceparent(options_->traceparent);
  }
  while (!trace_.valid()) {
    trace_.trace_high = random();
    trace_.trace_low = random();
  }
}

std::string call::trace_id() {
  need_trace();
  std::string out;
  detail::put_hex(out, trace_.trace_high, 16);
  detail::put_hex(out, trace_.trace_low, 16);
  return out;
}

std::string call::traceparent() {
  std::string out = "00-" + trace_id() + "-";
  if (span_attempt_ != attempt_) {
    span_attempt_ = attempt_;
    do {
      trace_.span = random();
    } while (trace_.span == 0);
  }
  detail::put_hex(out, trace_.span, 16);
  out += '-';
  detail::put_hex(out, trace_.flags & 3U, 2);
  return out;
}

call call::copy_for_hedge(int hedge, detail::stop_scope& scope) {
  need_trace();  // the copies are of one trace
  call copy = *this;
  copy.hedge_ = hedge;
  copy.scope_ = &scope;
  copy.span_attempt_ = 0;
  return copy;
}

}  // namespace darn
