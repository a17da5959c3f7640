// What can be told from the words of a message alone: the least certain of all sources, asked when
// there is no type, no code and no status.
#include <array>
#include <string>

#include "darn/classify.hpp"

namespace darn {
namespace {

struct Phrase {
  std::string_view words;  // lower case
  category kind;
  severity how_bad = severity::medium;
  bool ambiguous = false;
};

// The first that is in the text decides: what is more exact stands before what is more general. The
// texts are those of strerror, getaddrinfo, OpenSSL, libcurl and the statuses of HTTP and gRPC.
constexpr auto kPhrases = std::to_array<Phrase>({
    {"too many requests", category::rate_limit, severity::low},
    {"rate limit", category::rate_limit, severity::low},
    {"rate-limit", category::rate_limit, severity::low},
    {"ratelimit", category::rate_limit, severity::low},
    {"throttl", category::rate_limit, severity::low},
    {"quota exceeded", category::rate_limit, severity::low},
    {"resource_exhausted", category::rate_limit, severity::low},
    {"disk quota", category::resource, severity::high},
    {"no space left", category::resource, severity::high},
    {"disk full", category::resource, severity::high},
    {"disk is full", category::resource, severity::high},
    {"out of memory", category::resource, severity::high},
    {"cannot allocate memory", category::resource, severity::high},
    {"bad_alloc", category::resource, severity::high},
    {"too many open files", category::resource, severity::high},
    {"no buffer space", category::resource, severity::high},
    {"deadline exceeded", category::timeout, severity::medium, true},
    {"deadline_exceeded", category::timeout, severity::medium, true},
    {"timed out", category::timeout, severity::medium, true},
    {"timeout", category::timeout, severity::medium, true},
    {"time-out", category::timeout, severity::medium, true},
    {"connection refused", category::network},
    {"connection reset", category::network, severity::medium, true},
    {"connection aborted", category::network, severity::medium, true},
    {"connection closed", category::network, severity::medium, true},
    {"closed connection", category::network, severity::medium, true},
    {"connection lost", category::network, severity::medium, true},
    {"broken pipe", category::network, severity::medium, true},
    {"unexpected eof", category::network, severity::medium, true},
    {"empty reply from server", category::network, severity::medium, true},
    {"socket hang up", category::network, severity::medium, true},
    {"no route to host", category::network},
    {"network is unreachable", category::network},
    {"network is down", category::network},
    {"host is unreachable", category::network},
    {"host is down", category::network},
    {"could not resolve", category::network},
    {"couldn't resolve", category::network},
    {"name resolution", category::network},
    {"name or service not known", category::network},
    {"could not connect", category::network},
    {"couldn't connect", category::network},
    {"failed to connect", category::network},
    {"service unavailable", category::transient},
    {"temporarily unavailable", category::transient},
    {"temporary failure", category::transient},
    {"try again", category::transient},
    {"bad gateway", category::transient, severity::medium, true},
    {"internal server error", category::transient, severity::medium, true},
    {"server is busy", category::transient},
    {"overloaded", category::transient},
    {"database is locked", category::transient},
    {"deadlock", category::transient},
    {"lock wait", category::transient},
    {"serialization failure", category::transient},
    {"resource busy", category::transient},
    {"interrupted system call", category::transient},
    {"permission denied", category::permanent, severity::high},
    {"access denied", category::permanent, severity::high},
    {"operation not permitted", category::permanent, severity::high},
    {"unauthorized", category::permanent, severity::critical},
    {"unauthenticated", category::permanent, severity::critical},
    {"authentication failed", category::permanent, severity::critical},
    {"invalid api key", category::permanent, severity::critical},
    {"forbidden", category::permanent, severity::critical},
    {"certificate", category::permanent, severity::high},
    {"no such file", category::permanent},
    {"not found", category::permanent},
    {"does not exist", category::permanent},
    {"already exists", category::permanent},
    {"invalid argument", category::permanent},
    {"bad request", category::permanent},
    {"syntax error", category::permanent},
    {"not implemented", category::permanent},
    {"not supported", category::permanent},
    {"unsupported", category::permanent},
});

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// "HTTP 503", "HTTP/1.1 429", "status code: 502", "status=500": a number of three digits soon after
// one of these words.
std::optional<int> http_status_in(std::string_view text) {
  for (const std::string_view word : {"http", "status"}) {
    for (auto at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
      constexpr std::size_t kNear = 20;
      const auto near = text.substr(at + word.size(), kNear);
      for (std::size_t i = 0; i + 3 <= near.size(); ++i) {
        const bool three = is_digit(near[i]) && is_digit(near[i + 1]) && is_digit(near[i + 2]);
        const bool alone = (i == 0 || (!is_digit(near[i - 1]) && near[i - 1] != '.')) &&
                           (i + 3 == near.size() || !is_digit(near[i + 3]));
        if (three && alone && (near[i] == '4' || near[i] == '5')) {
          return (near[i] - '0') * 100 + (near[i + 1] - '0') * 10 + (near[i + 2] - '0');
        }
        if (near[i] == '\n' || (near[i] == ':' && near.substr(i).starts_with("://"))) {
          break;
        }
      }
    }
  }
  return std::nullopt;
}

}  // namespace

error classify_message(std::string_view text) {
  constexpr std::size_t kMost = 64 * 1024;  // of a text that is long only its end is looked at
  const auto end = text.size() > kMost ? text.substr(text.size() - kMost) : text;
  std::string lower(end);
  for (char& c : lower) {
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  error result;
  const auto status = http_status_in(lower);
  if (status) {
    result = classify_http(*status);
  } else {
    for (const Phrase& phrase : kPhrases) {
      if (lower.find(phrase.words) != std::string::npos) {
        result.category = phrase.kind;
        result.severity = phrase.how_bad;
        result.ambiguous = phrase.ambiguous;
        break;
      }
    }
  }
  result.message = text.substr(0, text.find('\n'));
  return result;
}

}  // namespace darn
