#include "resilience/phrases.hpp"

#include <array>

namespace darn::tables {
namespace {

using Category = category;
using Severity = severity;

// The first that is in the text decides: what is more exact stands before what is more general. The
// texts are those of strerror, getaddrinfo, OpenSSL, libcurl, of databases, and of the statuses of
// HTTP and gRPC. The runner's diagnosis reads them the same way (diagnose/phrases_test.cpp).
constexpr auto kPhrases = std::to_array<Phrase>({
    {"disk quota exceeded", Category::resource, Severity::high},
    {"too many requests", Category::rate_limit, Severity::low},
    {"rate limit*", Category::rate_limit, Severity::low},
    {"rate-limit*", Category::rate_limit, Severity::low},
    {"ratelimit*", Category::rate_limit, Severity::low},
    {"*throttl*", Category::rate_limit, Severity::low},
    {"quota exceeded", Category::rate_limit, Severity::low},
    {"resource_exhausted", Category::rate_limit, Severity::low},
    {"no space left", Category::resource, Severity::high},
    {"disk full", Category::resource, Severity::high},
    {"disk is full", Category::resource, Severity::high},
    {"out of memory", Category::resource, Severity::high},
    {"cannot allocate memory", Category::resource, Severity::high},
    {"bad_alloc", Category::resource, Severity::high},
    {"too many open files", Category::resource, Severity::high},
    {"no buffer space available", Category::resource, Severity::high},
    {"gateway timeout", Category::transient, Severity::medium, true},
    {"gateway time-out", Category::transient, Severity::medium, true},
    {"lock wait timeout", Category::transient},
    {"deadline exceeded", Category::timeout, Severity::medium, true},
    {"deadline_exceeded", Category::timeout, Severity::medium, true},
    {"timed out", Category::timeout, Severity::medium, true},
    {"*timeout", Category::timeout, Severity::medium, true},
    {"*timeouterror", Category::timeout, Severity::medium, true},
    {"*timeoutexception", Category::timeout, Severity::medium, true},
    {"time-out", Category::timeout, Severity::medium, true},
    {"connection refused", Category::network},
    {"connection reset", Category::network, Severity::medium, true},
    {"connection aborted", Category::network, Severity::medium, true},
    {"connection closed", Category::network, Severity::medium, true},
    {"closed connection", Category::network, Severity::medium, true},
    {"connection lost", Category::network, Severity::medium, true},
    {"broken pipe", Category::network, Severity::medium, true},
    {"unexpected eof", Category::network, Severity::medium, true},
    {"empty reply from server", Category::network, Severity::medium, true},
    {"socket hang up", Category::network, Severity::medium, true},
    {"no route to host", Category::network},
    {"network is unreachable", Category::network},
    {"network is down", Category::network},
    {"host is unreachable", Category::network},
    {"host is down", Category::network},
    {"could not resolve", Category::network},
    {"couldn't resolve", Category::network},
    {"in name resolution", Category::network},
    {"name or service not known", Category::network},
    {"could not connect", Category::network},
    {"couldn't connect", Category::network},
    {"failed to connect", Category::network},
    {"is overloaded", Category::rate_limit, Severity::low},
    {"overloaded_error", Category::rate_limit, Severity::low},
    {"service unavailable", Category::transient},
    {"resource temporarily unavailable", Category::resource, Severity::high},
    {"temporarily unavailable", Category::transient},
    {"temporary failure", Category::transient},
    {"try again later", Category::transient},
    {"bad gateway", Category::transient, Severity::medium, true},
    {"internal server error", Category::transient, Severity::medium, true},
    {"server is busy", Category::transient},
    {"database is locked", Category::transient},
    {"serialization failure*", Category::transient},
    {"deadlock found", Category::transient},
    {"deadlock detected", Category::transient},
    {"resource deadlock", Category::transient},
    {"device or resource busy", Category::transient},
    {"interrupted system call", Category::transient},
    {"permission denied", Category::permanent, Severity::high},
    {"access denied", Category::permanent, Severity::high},
    {"operation not permitted", Category::permanent, Severity::high},
    {"unauthorized", Category::permanent, Severity::critical},
    {"unauthenticated", Category::permanent, Severity::critical},
    {"authentication failed", Category::permanent, Severity::critical},
    {"invalid api key", Category::permanent, Severity::critical},
    {"forbidden", Category::permanent, Severity::critical},
    {"certificate verify failed", Category::permanent, Severity::high},
    {"certificate verification failed", Category::permanent, Severity::high},
    {"certificate has expired", Category::permanent, Severity::high},
    {"self-signed certificate*", Category::permanent, Severity::high},
    {"self signed certificate*", Category::permanent, Severity::high},
    {"no such file or directory", Category::permanent},
    {"not found", Category::permanent},
    {"does not exist", Category::permanent},
    {"already exists", Category::permanent},
    {"invalid argument", Category::permanent},
    {"bad request", Category::permanent},
    {"syntax error", Category::permanent},
    {"not implemented", Category::permanent},
    {"not supported", Category::permanent},
    {"unsupported", Category::permanent},
});

}  // namespace

std::span<const Phrase> phrases() { return kPhrases; }

}  // namespace darn::tables
