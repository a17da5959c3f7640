// HTTP by RFC 9110, RFC 6585 and RFC 4918, 509 of servers in the wild, 52x of Cloudflare,
// 529 of Anthropic; gRPC by its guide "Status codes and their use"; exit statuses by sysexits.h and
// timeout(1); signals by POSIX.

#include <array>
#include <csignal>
#include <span>
#include <string>

#include "resilience/code_rows.hpp"

namespace darn::tables {
namespace {

constexpr std::string_view kPayAdvice = "top up the account or raise its limit, then run again";
constexpr std::string_view kMemoryAdvice =
    "probably out of memory: give it more, or run fewer tasks at a time";

// google-api-core retries 429, 500 and 503; botocore 429, 500, 502, 503, 504 and 509. Ambiguous are
// failures of a server that had begun, or that a gateway has lost sight of; 408, 421, 425, 429 and
// 503 are answers of somebody who did not do it.
constexpr CodeMeaning kHttp[] = {
    {"400", kData, "Bad Request"},
    {"401", kAuth, "Unauthorized"},
    {"402", kBilling, "Payment Required", kPayAdvice},
    {"403", kAuth, "Forbidden"},
    {"404", kConf, "Not Found", "check the address, the name or the model asked for"},
    {"405", kCode, "Method Not Allowed"},
    {"406", kData, "Not Acceptable"},
    {"407", kConf, "Proxy Authentication Required", "check the proxy's settings and password"},
    {"408", kDown, "Request Timeout"},
    {"409", kConflict, "Conflict"},
    {"410", kConf, "Gone", "the address is no longer served: find its successor"},
    {"411", kCode, "Length Required"},
    {"412", kConflict, "Precondition Failed"},
    {"413", kData, "Content Too Large", "send less in one request"},
    {"414", kData, "URI Too Long"},
    {"415", kData, "Unsupported Media Type"},
    {"416", kData, "Range Not Satisfiable"},
    {"421", kDown, "Misdirected Request"},
    {"422", kData, "Unprocessable Content"},
    {"423", kDown, "Locked"},
    {"424", kDown, "Failed Dependency"},
    {"425", kDown, "Too Early"},
    {"429", kLimited, "Too Many Requests"},
    {"431", kData, "Request Header Fields Too Large"},
    {"451", kAuth, "Unavailable For Legal Reasons"},
    {"500", kBroke, "Internal Server Error"},
    {"501", kCode, "Not Implemented"},
    {"502", kBroke, "Bad Gateway"},
    {"503", kDown, "Service Unavailable"},
    {"504", kBroke, "Gateway Timeout"},
    {"505", kCode, "HTTP Version Not Supported"},
    {"507", kResource, "Insufficient Storage"},
    {"509", kLimited, "Bandwidth Limit Exceeded"},
    {"511", kConf, "Network Authentication Required", "log in to the network first"},
    {"520", kBroke, "Web Server Returned an Unknown Error"},
    {"521", kDown, "Web Server Is Down"},
    {"522", kBroke, "Connection Timed Out"},
    {"523", kDown, "Origin Is Unreachable"},
    {"524", kBroke, "A Timeout Occurred"},
    {"525", kNetwork, "SSL Handshake Failed"},
    {"526", kConf, "Invalid SSL Certificate", "correct the server's certificate"},
    {"529", kLimited, "Overloaded"},
};

// ABORTED (a transaction that lost, a failed compare-and-set) passes, but by the guide the caller
// has to begin again above this call, at the read that came before; FAILED_PRECONDITION does not
// pass until somebody mends the state. UNAVAILABLE may come from a connection that was lost
// half-way
// ("it is not always safe to retry non-idempotent operations").
// Compared without '_' and case: "ResourceExhausted" is RESOURCE_EXHAUSTED.
constexpr CodeMeaning kGrpc[] = {
    {"cancelled", kBroke, "CANCELLED"},
    {"unknown", {Category::unknown, Cause::unknown, Severity::medium, kMaybeDone}, "UNKNOWN"},
    {"invalidargument", kData, "INVALID_ARGUMENT"},
    {"deadlineexceeded", kTime, "DEADLINE_EXCEEDED"},
    {"notfound", kConf, "NOT_FOUND", "check the name asked for"},
    {"alreadyexists", kData, "ALREADY_EXISTS"},
    {"permissiondenied", kAuth, "PERMISSION_DENIED"},
    {"resourceexhausted", kLimited, "RESOURCE_EXHAUSTED"},
    {"failedprecondition", kData, "FAILED_PRECONDITION"},
    {"aborted", kDown, "ABORTED"},
    {"outofrange", kData, "OUT_OF_RANGE"},
    {"unimplemented", kCode, "UNIMPLEMENTED"},
    {"internal", kBroke, "INTERNAL"},
    {"unavailable", kBroke, "UNAVAILABLE"},
    {"dataloss", {Category::permanent, Cause::data, Severity::critical, kMaybeDone}, "DATA_LOSS"},
    {"unauthenticated", kAuth, "UNAUTHENTICATED"},
};

// sysexits.h, timeout(1), and what shells answer with.
constexpr NumberMeaning kExits[] = {
    {64, "exit.64", kConf, "wrong usage (exit 64)", "check the command's arguments"},
    {65, "exit.65", kData, "bad input data (exit 65)"},
    {66, "exit.66", kEnvironment, "an input cannot be opened (exit 66)"},
    {69, "exit.69", kDown, "a service is unavailable (exit 69)"},
    {75, "exit.75", kDown, "temporary failure, try again later (exit 75)"},
    {76, "exit.76", kDown, "a remote end broke the protocol (exit 76)"},
    {77, "exit.77", kEnvironment, "permission denied (exit 77)"},
    {78, "exit.78", kConf, "configuration error (exit 78)"},
    {124, "exit.124", kTime, "timed out (exit 124 of timeout)"},
    {126, "exit.126", kEnvironment, "found but cannot be executed (exit 126)",
     "make the program executable, or pass long arguments by file"},
    {127, "exit.127", kDependency, "command not found (exit 127)",
     "install the program or correct its name or PATH"},
};

constexpr NumberMeaning kSignals[] = {
    {SIGHUP, "signal.hup", kStopped, "SIGHUP"},
    {SIGINT, "signal.int", kStopped, "SIGINT"},
    {SIGQUIT, "signal.quit", kStopped, "SIGQUIT"},
    {SIGILL,
     "signal.ill",
     {Category::permanent, Cause::environment, Severity::high},
     "SIGILL",
     "the program was built for another processor, or its code is broken"},
    {SIGTRAP, "signal.trap", kCrash, "SIGTRAP"},
    {SIGABRT, "signal.abrt", kCrash, "SIGABRT"},
    {SIGBUS, "signal.bus", kCrash, "SIGBUS"},
    {SIGFPE,
     "signal.fpe",
     {Category::permanent, Cause::code, Severity::high},
     "SIGFPE",
     "a division by zero or the like: correct the code or its input"},
    {SIGKILL, "signal.kill", kResource, "SIGKILL", kMemoryAdvice},
    {SIGSEGV, "signal.segv", kCrash, "SIGSEGV"},
    {SIGPIPE, "signal.pipe", {Category::unknown, Cause::environment, Severity::low}, "SIGPIPE"},
    {SIGALRM, "signal.alrm", kTime, "SIGALRM"},
    {SIGTERM, "signal.term", kStopped, "SIGTERM"},
    {SIGXCPU,
     "signal.xcpu",
     {Category::resource, Cause::timeout, Severity::high},
     "SIGXCPU",
     "raise the limit on CPU time (ulimit -t)"},
    {SIGXFSZ,
     "signal.xfsz",
     {Category::resource, Cause::environment, Severity::high},
     "SIGXFSZ",
     "raise the limit on file size (ulimit -f)"},
    {SIGSYS, "signal.sys", kEnvironment, "SIGSYS",
     "a system call is forbidden here: check the sandbox's profile"},
};

// 128 + n, of shells and containers; only signals that end commands in practice, since agents and
// others use high statuses with meanings of their own.
constexpr NumberMeaning kShellSignals[] = {
    {129, "exit.129", kStopped, "ended by SIGHUP (exit 129)"},
    {130, "exit.130", kStopped, "ended by SIGINT (exit 130)"},
    {131, "exit.131", kStopped, "ended by SIGQUIT (exit 131)"},
    {132, "exit.132", kEnvironment, "illegal instruction (exit 132)"},
    {134, "exit.134", kCrash, "aborted (exit 134)"},
    {135, "exit.135", kCrash, "bus error (exit 135)"},
    {136,
     "exit.136",
     {Category::permanent, Cause::code, Severity::high},
     "arithmetic error (exit 136)"},
    {137, "exit.137", kResource, "killed (exit 137)", kMemoryAdvice},
    {139, "exit.139", kCrash, "segmentation fault (exit 139)"},
    {141,
     "exit.141",
     {Category::unknown, Cause::environment, Severity::low},
     "broken pipe (exit 141)"},
    {143, "exit.143", kStopped, "ended by SIGTERM (exit 143)"},
};

}  // namespace

std::optional<CodeMeaning> http_status(int status) {
  if (const auto known = find(std::span(kHttp), std::to_string(status))) {
    return known;
  }
  if (status >= 500 && status <= 599) {
    return CodeMeaning{"5xx", kBroke, "server error"};
  }
  if (status >= 400 && status <= 499) {
    return CodeMeaning{"4xx", kData, "client error"};
  }
  return std::nullopt;
}

std::optional<CodeMeaning> grpc_code(std::string_view name) {
  std::string key;
  for (const char c : name) {
    if (c != '_') {
      key += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
  }
  if (key == "canceled") {
    key = "cancelled";
  }
  return find(std::span(kGrpc), key);
}

const NumberMeaning* exit_status(int status) {
  const auto* plain = find(std::span(kExits), status);
  return plain != nullptr ? plain : find(std::span(kShellSignals), status);
}

const NumberMeaning* signal_number(int signal) { return find(std::span(kSignals), signal); }

std::string_view grpc_name(int status) {
  constexpr std::array<std::string_view, 17> kNames{"OK",
                                                    "CANCELLED",
                                                    "UNKNOWN",
                                                    "INVALID_ARGUMENT",
                                                    "DEADLINE_EXCEEDED",
                                                    "NOT_FOUND",
                                                    "ALREADY_EXISTS",
                                                    "PERMISSION_DENIED",
                                                    "RESOURCE_EXHAUSTED",
                                                    "FAILED_PRECONDITION",
                                                    "ABORTED",
                                                    "OUT_OF_RANGE",
                                                    "UNIMPLEMENTED",
                                                    "INTERNAL",
                                                    "UNAVAILABLE",
                                                    "DATA_LOSS",
                                                    "UNAUTHENTICATED"};
  return status >= 0 && static_cast<std::size_t>(status) < kNames.size()
             ? kNames[static_cast<std::size_t>(status)]
             : "";
}

}  // namespace darn::tables
