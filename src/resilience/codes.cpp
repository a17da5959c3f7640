// HTTP and gRPC by their standards (RFC 9110, RFC 6585, the gRPC status code guide; google-api-core
// retries 429, 500, 503); AWS names and their traits from botocore's service models and retry
// tables; errno by POSIX.
#include "resilience/codes.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <span>
#include <string>

namespace darn::tables {
namespace {

constexpr Kind kLimited{Category::rate_limit, Cause::service, Severity::low};
constexpr Kind kDown{Category::transient, Cause::service, Severity::medium};
constexpr Kind kAuth{Category::permanent, Cause::authentication, Severity::critical};
constexpr Kind kBilling{Category::permanent, Cause::quota, Severity::critical};
constexpr Kind kData{Category::permanent, Cause::data, Severity::medium};
constexpr Kind kConf{Category::permanent, Cause::configuration, Severity::high};
constexpr Kind kCode{Category::permanent, Cause::code, Severity::medium};
constexpr Kind kConflict{Category::unknown, Cause::data, Severity::medium};
constexpr Kind kEnvironment{Category::permanent, Cause::environment, Severity::high};
constexpr Kind kDependency{Category::permanent, Cause::dependency, Severity::high};
constexpr Kind kResource{Category::resource, Cause::resource, Severity::high};
constexpr Kind kNetwork{Category::network, Cause::network, Severity::medium};
constexpr Kind kTime{Category::timeout, Cause::timeout, Severity::medium};
constexpr Kind kStopped{Category::transient, Cause::environment, Severity::medium};
constexpr Kind kCrash{Category::unknown, Cause::crash, Severity::high};
constexpr Kind kUnknown{Category::unknown, Cause::unknown, Severity::medium};

constexpr std::string_view kPayAdvice = "top up the account or raise its limit, then run again";
constexpr std::string_view kMemoryAdvice =
    "probably out of memory: give it more, or run fewer tasks at a time";

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
    {"500", kDown, "Internal Server Error"},
    {"501", kCode, "Not Implemented"},
    {"502", kDown, "Bad Gateway"},
    {"503", kDown, "Service Unavailable"},
    {"504", kDown, "Gateway Timeout"},
    {"505", kCode, "HTTP Version Not Supported"},
    {"507", kResource, "Insufficient Storage"},
    {"509", kLimited, "Bandwidth Limit Exceeded"},
    {"511", kConf, "Network Authentication Required", "log in to the network first"},
    {"520", kDown, "Web Server Returned an Unknown Error"},
    {"521", kDown, "Web Server Is Down"},
    {"522", kDown, "Connection Timed Out"},
    {"523", kDown, "Origin Is Unreachable"},
    {"524", kDown, "A Timeout Occurred"},
    {"529", kLimited, "Overloaded"},
};

// Compared without '_' and case: "ResourceExhausted" is RESOURCE_EXHAUSTED.
constexpr CodeMeaning kGrpc[] = {
    {"cancelled", kDown, "CANCELLED"},
    {"unknown", kUnknown, "UNKNOWN"},
    {"invalidargument", kData, "INVALID_ARGUMENT"},
    {"deadlineexceeded", kTime, "DEADLINE_EXCEEDED"},
    {"notfound", kConf, "NOT_FOUND", "check the name asked for"},
    {"alreadyexists", kConflict, "ALREADY_EXISTS"},
    {"permissiondenied", kAuth, "PERMISSION_DENIED"},
    {"resourceexhausted", kLimited, "RESOURCE_EXHAUSTED"},
    {"failedprecondition", kData, "FAILED_PRECONDITION"},
    {"aborted", kDown, "ABORTED"},
    {"outofrange", kData, "OUT_OF_RANGE"},
    {"unimplemented", kCode, "UNIMPLEMENTED"},
    {"internal", kDown, "INTERNAL"},
    {"unavailable", kDown, "UNAVAILABLE"},
    {"dataloss", {Category::permanent, Cause::data, Severity::critical}, "DATA_LOSS"},
    {"unauthenticated", kAuth, "UNAUTHENTICATED"},
};

constexpr CodeMeaning kAws[] = {
    // botocore: throttling codes, and those with the trait `throttling`
    {"Throttling", kLimited, ""},
    {"ThrottlingException", kLimited, ""},
    {"ThrottledException", kLimited, ""},
    {"ThrottledRequestException", kLimited, ""},
    {"RequestThrottledException", kLimited, ""},
    {"RequestThrottled", kLimited, ""},
    {"TooManyRequestsException", kLimited, ""},
    {"TooManyRequestException", kLimited, ""},
    {"ProvisionedThroughputExceededException", kLimited, ""},
    {"TransactionInProgressException", kLimited, ""},
    {"RequestLimitExceeded", kLimited, ""},
    {"BandwidthLimitExceeded", kLimited, ""},
    {"LimitExceededException", kLimited, ""},
    {"SlowDown", kLimited, ""},
    {"EC2ThrottledException", kLimited, ""},
    {"ModelNotReadyException", kLimited, ""},
    {"QueryLimitExceededException", kLimited, ""},
    // botocore: transient codes, and those with the trait `retryable`
    {"RequestTimeout", kDown, ""},
    {"RequestTimeoutException", kDown, ""},
    {"PriorRequestNotComplete", kDown, ""},
    {"InternalServerException", kDown, ""},
    {"InternalServerErrorException", kDown, ""},
    {"InternalServiceException", kDown, ""},
    {"InternalErrorException", kDown, ""},
    {"InternalError", kDown, ""},
    {"InternalFailure", kDown, ""},
    {"ServiceException", kDown, ""},
    {"ServiceUnavailable", kDown, ""},
    {"ServiceUnavailableException", kDown, ""},
    {"DirectoryUnavailableException", kDown, ""},
    {"ClientTimeoutException", kDown, ""},
    {"ExecutionTimeoutException", kDown, ""},
    {"QueryTimeoutException", kDown, ""},
    {"TimeLimitExceededException", kDown, ""},
    {"ModelTimeoutException", kDown, ""},
    {"ModelErrorException", kDown, ""},
    {"DependencyException", kDown, ""},
    {"RetryableConflictException", kDown, ""},
    {"ReplicatedWriteConflictException", kDown, ""},
    {"ConcurrentModificationException", kDown, ""},
    {"InsufficientCapacityException", kDown, ""},
    {"InsufficientInstanceCapacity", kDown, ""},
    {"MemoryLimitExceededException", kResource, ""},
    // what only a person can mend
    {"ServiceQuotaExceededException",
     {Category::permanent, Cause::quota, Severity::high},
     "",
     "raise the quota of the service or delete what is no longer needed"},
    {"AccessDenied", kAuth, ""},
    {"AccessDeniedException", kAuth, ""},
    {"UnauthorizedOperation", kAuth, ""},
    {"UnauthorizedException", kAuth, ""},
    {"ForbiddenException", kAuth, ""},
    {"NotAuthorizedException", kAuth, ""},
    {"AuthFailure", kAuth, ""},
    {"ExpiredToken", kAuth, "", "renew the credentials (e.g. aws sso login)"},
    {"ExpiredTokenException", kAuth, "", "renew the credentials (e.g. aws sso login)"},
    {"InvalidClientTokenId", kAuth, ""},
    {"UnrecognizedClientException", kAuth, ""},
    {"InvalidAccessKeyId", kAuth, ""},
    {"InvalidSignatureException", kAuth, ""},
    {"SignatureDoesNotMatch", kAuth, ""},
    {"MissingAuthenticationToken", kAuth, ""},
    {"OptInRequired", kAuth, ""},
    {"ResourceNotFoundException", kConf, ""},
    {"NotFoundException", kConf, ""},
    {"NoSuchBucket", kConf, ""},
    {"NoSuchKey", kConf, ""},
    {"NoSuchEntity", kConf, ""},
    {"ValidationException", kData, ""},
    {"ValidationError", kData, ""},
    {"BadRequestException", kData, ""},
    {"InvalidRequestException", kData, ""},
    {"InvalidParameterException", kData, ""},
    {"InvalidParameterValue", kData, ""},
    {"InvalidInputException", kData, ""},
    {"InvalidArgument", kData, ""},
    {"MalformedPolicyDocument", kData, ""},
    {"ConflictException", kConflict, ""},
    {"ResourceInUseException", kConflict, ""},
    {"ResourceAlreadyExistsException", kConflict, ""},
    {"BucketAlreadyExists", kConflict, ""},
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

// What an operation that failed with them may become. Those that a program fails to start with have
// their advice in kStartErrors.
constexpr NumberMeaning kErrors[] = {
    {ECONNREFUSED, "errno.econnrefused", kNetwork, "Connection refused"},
    {ECONNRESET, "errno.econnreset", kNetwork, "Connection reset by peer"},
    {ECONNABORTED, "errno.econnaborted", kNetwork, "Software caused connection abort"},
    {EHOSTUNREACH, "errno.ehostunreach", kNetwork, "No route to host"},
    {ENETUNREACH, "errno.enetunreach", kNetwork, "Network is unreachable"},
    {ENETDOWN, "errno.enetdown", kNetwork, "Network is down"},
    {ENETRESET, "errno.enetreset", kNetwork, "Network dropped connection on reset"},
    {ENOTCONN, "errno.enotconn", kNetwork, "Transport endpoint is not connected"},
    {EPIPE, "errno.epipe", kNetwork, "Broken pipe"},
    {EADDRINUSE, "errno.eaddrinuse", kStopped, "Address already in use"},
    {EADDRNOTAVAIL, "errno.eaddrnotavail", kResource, "Cannot assign requested address"},
    {ETIMEDOUT, "errno.etimedout", kTime, "Connection timed out"},
    {ENOBUFS, "errno.enobufs", kResource, "No buffer space available"},
    {EDQUOT, "errno.edquot", kResource, "Disk quota exceeded"},
    {EINTR, "errno.eintr", kStopped, "Interrupted system call"},
    {EBUSY, "errno.ebusy", kStopped, "Device or resource busy"},
    {EDEADLK, "errno.edeadlk", kStopped, "Resource deadlock avoided"},
    {ENOLCK, "errno.enolck", kStopped, "No locks available"},
    {ECANCELED, "errno.ecanceled", kStopped, "Operation canceled"},
    {ESTALE, "errno.estale", kStopped, "Stale file handle"},
    {EINVAL, "errno.einval", kData, "Invalid argument"},
    {EBADF, "errno.ebadf", kCode, "Bad file descriptor"},
    {EEXIST, "errno.eexist", kConflict, "File exists"},
    {EISDIR, "errno.eisdir", kConf, "Is a directory"},
    {ENOTEMPTY, "errno.enotempty", kConflict, "Directory not empty"},
    {EROFS, "errno.erofs", kEnvironment, "Read-only file system"},
    {EFBIG, "errno.efbig", kData, "File too large"},
    {EXDEV, "errno.exdev", kConf, "Invalid cross-device link"},
    {ENOSYS, "errno.enosys", kEnvironment, "Function not implemented"},
    {ENOTSUP, "errno.enotsup", kEnvironment, "Operation not supported"},
    {EDOM, "errno.edom", kData, "Numerical argument out of domain"},
    {ERANGE, "errno.erange", kData, "Numerical result out of range"},
};

constexpr NumberMeaning kStartErrors[] = {
    {ENOENT, "errno.enoent", kDependency, "No such file or directory",
     "install the program, or correct its name, PATH or working directory"},
    {EACCES, "errno.eacces", kEnvironment, "Permission denied", "make the program executable"},
    {EPERM, "errno.eperm", kEnvironment, "Operation not permitted"},
    {ENOEXEC, "errno.enoexec", kEnvironment, "Exec format error",
     "add a #! line, or use a program built for this machine"},
    {ENOTDIR, "errno.enotdir", kEnvironment, "Not a directory"},
    {ELOOP, "errno.eloop", kEnvironment, "Too many levels of symbolic links"},
    {ENAMETOOLONG, "errno.enametoolong", kConf, "File name too long"},
    {E2BIG, "errno.e2big", kConf, "Argument list too long",
     "pass long text by file or standard input (an argument holds 128 KiB)"},
    {ETXTBSY, "errno.etxtbsy", kStopped, "Text file busy"},
    {EAGAIN, "errno.eagain", kResource, "Resource temporarily unavailable"},
    {ENOMEM, "errno.enomem", kResource, "Cannot allocate memory"},
    {EMFILE, "errno.emfile", kResource, "Too many open files"},
    {ENFILE, "errno.enfile", kResource, "Too many open files in system"},
    {ENOSPC,
     "errno.enospc",
     {Category::resource, Cause::environment, Severity::high},
     "No space left on device",
     "free some disk space"},
    {EIO,
     "errno.eio",
     {Category::unknown, Cause::environment, Severity::critical},
     "Input/output error"},
};

const NumberMeaning* find(std::span<const NumberMeaning> table, int number) {
  const auto it = std::find_if(table.begin(), table.end(),
                               [&](const auto& row) { return row.number == number; });
  return it == table.end() ? nullptr : &*it;
}

std::optional<CodeMeaning> find(std::span<const CodeMeaning> table, std::string_view code) {
  const auto it =
      std::find_if(table.begin(), table.end(), [&](const auto& row) { return row.code == code; });
  return it == table.end() ? std::nullopt : std::optional(*it);
}

}  // namespace

std::optional<CodeMeaning> http_status(int status) {
  if (const auto known = find(std::span(kHttp), std::to_string(status))) {
    return known;
  }
  if (status >= 500 && status <= 599) {
    return CodeMeaning{"5xx", kDown, "server error"};
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

std::optional<CodeMeaning> aws_code(std::string_view name) { return find(std::span(kAws), name); }

const NumberMeaning* exit_status(int status) {
  const auto* plain = find(std::span(kExits), status);
  return plain != nullptr ? plain : find(std::span(kShellSignals), status);
}

const NumberMeaning* signal_number(int signal) { return find(std::span(kSignals), signal); }

const NumberMeaning* start_error(int error_number) {
  return find(std::span(kStartErrors), error_number);
}

const NumberMeaning* error_number(int number) {
  const auto* general = find(std::span(kErrors), number);
  return general != nullptr ? general : start_error(number);
}

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
