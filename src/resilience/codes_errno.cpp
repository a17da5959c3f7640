// errno by POSIX.1-2017 (<errno.h>); the texts are those of glibc. Ambiguous are those that come
// when a request may already have gone out: not ECONNREFUSED or EHOSTUNREACH, where nobody
// listened.
#include <cerrno>

#include "resilience/code_rows.hpp"

namespace darn::tables {
namespace {

// What an operation that failed with them may become. Those that a program fails to start with have
// their advice in kStartErrors.
constexpr NumberMeaning kErrors[] = {
    {ECONNREFUSED, "errno.econnrefused", kNetwork, "Connection refused"},
    {ECONNRESET, "errno.econnreset", kLost, "Connection reset by peer"},
    {ECONNABORTED, "errno.econnaborted", kLost, "Software caused connection abort"},
    {EHOSTUNREACH, "errno.ehostunreach", kNetwork, "No route to host"},
    {ENETUNREACH, "errno.enetunreach", kNetwork, "Network is unreachable"},
    {ENETDOWN, "errno.enetdown", kNetwork, "Network is down"},
    {ENETRESET, "errno.enetreset", kLost, "Network dropped connection on reset"},
    {ENOTCONN, "errno.enotconn", kNetwork, "Transport endpoint is not connected"},
    {EPIPE, "errno.epipe", kLost, "Broken pipe"},
    {EADDRINUSE, "errno.eaddrinuse", kStopped, "Address already in use"},
    {EADDRNOTAVAIL, "errno.eaddrnotavail", kResource, "Cannot assign requested address"},
    {ETIMEDOUT, "errno.etimedout", kTime, "Connection timed out"},
    {ENOBUFS, "errno.enobufs", kResource, "No buffer space available"},
    {EDQUOT, "errno.edquot", kResource, "Disk quota exceeded"},
    {EINTR, "errno.eintr", kStopped, "Interrupted system call"},
    {EBUSY, "errno.ebusy", kStopped, "Device or resource busy"},
    {EDEADLK, "errno.edeadlk", kStopped, "Resource deadlock avoided"},
    {ENOLCK, "errno.enolck", kStopped, "No locks available"},
    {ECANCELED,
     "errno.ecanceled",
     {Category::transient, Cause::environment, Severity::medium, kMaybeDone},
     "Operation canceled"},
    {ESTALE, "errno.estale", kStopped, "Stale file handle"},
    {EINVAL, "errno.einval", kData, "Invalid argument"},
    {EBADF, "errno.ebadf", kCode, "Bad file descriptor"},
    {EEXIST, "errno.eexist", kData, "File exists"},
    {EISDIR, "errno.eisdir", kConf, "Is a directory"},
    {ENOTEMPTY, "errno.enotempty", kData, "Directory not empty"},
    {EROFS, "errno.erofs", kEnvironment, "Read-only file system"},
    {EFBIG, "errno.efbig", kData, "File too large"},
    {EXDEV, "errno.exdev", kConf, "Invalid cross-device link"},
    {ENOSYS, "errno.enosys", kEnvironment, "Function not implemented"},
    {ENOTSUP, "errno.enotsup", kEnvironment, "Operation not supported"},
    {EDOM, "errno.edom", kData, "Numerical argument out of domain"},
    {ERANGE, "errno.erange", kData, "Numerical result out of range"},
    {EAFNOSUPPORT, "errno.eafnosupport", kEnvironment, "Address family not supported by protocol"},
    {EALREADY, "errno.ealready", kStopped, "Operation already in progress"},
    {EBADMSG, "errno.ebadmsg", kLost, "Bad message"},
    {ECHILD, "errno.echild", kCode, "No child processes"},
    {EDESTADDRREQ, "errno.edestaddrreq", kCode, "Destination address required"},
    {EFAULT, "errno.efault", kCode, "Bad address"},
    {EIDRM, "errno.eidrm", kCode, "Identifier removed"},
    {EILSEQ, "errno.eilseq", kData, "Invalid or incomplete multibyte or wide character"},
    {EINPROGRESS, "errno.einprogress", kStopped, "Operation now in progress"},
    {EISCONN, "errno.eisconn", kCode, "Transport endpoint is already connected"},
    {EMLINK, "errno.emlink", kData, "Too many links"},
    {EMSGSIZE, "errno.emsgsize", kData, "Message too long"},
    {ENODEV, "errno.enodev", kEnvironment, "No such device"},
    {ENOLINK, "errno.enolink", kLost, "Link has been severed"},
    {ENOMSG, "errno.enomsg", kStopped, "No message of desired type"},
    {ENOPROTOOPT, "errno.enoprotoopt", kEnvironment, "Protocol not available"},
    {ENOTRECOVERABLE, "errno.enotrecoverable", kData, "State not recoverable"},
    {ENOTSOCK, "errno.enotsock", kCode, "Socket operation on non-socket"},
    {ENOTTY, "errno.enotty", kCode, "Inappropriate ioctl for device"},
    {ENXIO, "errno.enxio", kEnvironment, "No such device or address"},
    {EOVERFLOW, "errno.eoverflow", kData, "Value too large for defined data type"},
    {EOWNERDEAD, "errno.eownerdead", kStopped, "Owner died"},
    {EPROTO, "errno.eproto", kLost, "Protocol error"},
    {EPROTONOSUPPORT, "errno.eprotonosupport", kEnvironment, "Protocol not supported"},
    {EPROTOTYPE, "errno.eprototype", kCode, "Protocol wrong type for socket"},
    {ESPIPE, "errno.espipe", kCode, "Illegal seek"},
    {ESRCH, "errno.esrch", kData, "No such process"},
// Not of POSIX.
#ifdef EHOSTDOWN
    {EHOSTDOWN, "errno.ehostdown", kNetwork, "Host is down"},
#endif
#ifdef ESHUTDOWN
    {ESHUTDOWN, "errno.eshutdown", kLost, "Cannot send after transport endpoint shutdown"},
#endif
#ifdef EREMOTEIO
    {EREMOTEIO,
     "errno.eremoteio",
     {Category::unknown, Cause::environment, Severity::high, kMaybeDone},
     "Remote I/O error"},
#endif
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
     {Category::unknown, Cause::environment, Severity::critical, kMaybeDone},
     "Input/output error"},
};

}  // namespace

const NumberMeaning* start_error(int error_number) {
  return find(std::span(kStartErrors), error_number);
}

const NumberMeaning* error_number(int number) {
  const auto* general = find(std::span(kErrors), number);
  return general != nullptr ? general : start_error(number);
}

}  // namespace darn::tables
