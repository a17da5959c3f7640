// Where in a text a time to come back is announced; time_hint.cpp reads it.
#include <re2/re2.h>

#include "diagnose/diagnose.hpp"
#include "diagnose/time_hint.hpp"

namespace darn {
namespace {

// Words that announce such a time, and what may stand between them and it. A time elsewhere in an
// output (a log's timestamp) announces nothing. Group 1 is the announcement.
const re2::RE2& announcement() {
  static const re2::RE2 pattern(
      R"re(((?:retry|try(?:ing)?|wait|available|start|use it|continue)(?: it| again)?[-_ ]?(?:after|delay)?(?:[-_]?(?:ms|millis(?:econds)?|seconds|secs))?|resets?(?:[-_]?(?:at|in|after|time|s))?(?:[-_](?:seconds|secs|ms))?|x-ratelimit-reset[a-z-]*|until|limit reached))re"
      R"re((?:["'\]:=|, ]|\xc2\xb7|\xe2\x88\x99|\\")*(?:(?:at|in|on|after|for|until|again|about|around|approximately|is|will be|to be|seconds|secs|time|please|the|next)(?:["':=, ]|\\")+)*)re",
      [] {
        re2::RE2::Options o;
        o.set_encoding(re2::RE2::Options::EncodingLatin1);
        o.set_case_sensitive(false);
        return o;
      }());
  return pattern;
}

// What a bare number after an announcement counts: "Retry-After: 30", "retry_after_ms=1500".
std::optional<Duration> unit_after(std::string_view words) {
  const auto ends = [&](std::string_view end) {
    return words.size() >= end.size() && words.substr(words.size() - end.size()) == end;
  };
  if (ends("ms") || ends("millis") || ends("milliseconds")) {
    return Duration{1};
  }
  const bool header = words.find("after") != std::string_view::npos ||
                      words.find("delay") != std::string_view::npos ||
                      words.find("seconds") != std::string_view::npos ||
                      words.find("secs") != std::string_view::npos ||
                      words.find("ratelimit") != std::string_view::npos ||
                      words.find("reset_in") != std::string_view::npos ||
                      words.find("resets_in") != std::string_view::npos;
  return header ? std::optional<Duration>(std::chrono::seconds{1}) : std::nullopt;
}

bool lies_ahead(const TimeHint& hint, Time now) {
  const Duration ahead = hint.after ? *hint.after : *hint.at - now;
  return ahead > Duration{0} && ahead <= kFarthestReset;
}

}  // namespace

std::optional<TimeHint> find_time_hint(std::string_view text, Time now) {
  re2::StringPiece rest(text.data(), text.size());
  re2::StringPiece words;
  while (re2::RE2::FindAndConsume(&rest, announcement(), &words)) {
    std::string announced(words);
    for (char& c : announced) {
      c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    const auto hint = parse_time_hint({rest.data(), rest.size()}, now, unit_after(announced));
    if (hint && lies_ahead(*hint, now)) {
      return hint;
    }
  }
  return std::nullopt;
}

std::optional<Time> find_reset_time(std::string_view text, Time now) {
  const auto hint = find_time_hint(text, now);
  if (!hint) {
    return std::nullopt;
  }
  return hint->at ? hint->at : std::optional(now + *hint->after);
}

}  // namespace darn
