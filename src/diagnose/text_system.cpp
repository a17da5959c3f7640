// What the machine says: memory, disks, limits, locks, permissions, files, logins.
#include "diagnose/tables.hpp"

namespace darn::tables {
namespace {

constexpr Kind kResource{Category::resource, Cause::resource, Severity::high};
constexpr Kind kDisk{Category::resource, Cause::environment, Severity::high};
constexpr Kind kBusy{Category::transient, Cause::environment, Severity::low};
constexpr Kind kEnv{Category::permanent, Cause::environment, Severity::high};
constexpr Kind kFile{Category::permanent, Cause::environment, Severity::medium};
constexpr Kind kDep{Category::permanent, Cause::dependency, Severity::high};
constexpr Kind kAuth{Category::permanent, Cause::authentication, Severity::critical};
constexpr Kind kCrash{Category::unknown, Cause::crash, Severity::high};

constexpr TextRule kRules[] = {
    {"sys.disk",
     R"re(no space left|ENOSPC\b|disk (?:is )?full|(?:not enough|insufficient) (?:free )?disk space|out of disk space|not enough space on|you don.t have enough free space)re",
     kDisk, 6, "free some disk space"},
    {"sys.disk_quota", R"re(disk quota exceeded|EDQUOT\b)re", kDisk, 6,
     "free some of your disk quota"},
    {"sys.memory",
     R"re(out of memory|OOM ?Killed|oom[-_]kill|cannot allocate memory|\bENOMEM\b|\bMemoryError\b|bad_alloc|OutOfMemory(?:Error|Exception)|heap out of memory|memory exhausted)re"
     R"re(|memory allocation of \d+ bytes failed|failed to allocate memory|GC overhead limit|exceeded (?:the )?memory limit|killed signal terminated program|unable to allocate .*(?:memory|array))re",
     kResource, 6, "give it more memory, or run fewer tasks at a time"},
    {"sys.watchers", R"re(number of file watchers reached|inotify (?:watch|instance)es? limit)re",
     kDisk, 5, "raise fs.inotify.max_user_watches"},
    {"sys.files",
     R"re(too many open files|no buffer space available|\bENOBUFS\b|\bEMFILE\b|\bENFILE\b)re",
     kResource, 5, "raise the limit on open files (ulimit -n)"},
    {"sys.lock",
     R"re(could not get lock|database (?:table )?is locked|SQLITE_BUSY|unable to (?:acquire|obtain|lock) .*lock|unable to lock the administration|waiting for (?:file )?lock|index\.lock')re"
     R"re(|another git process|text file busy|ETXTBSY|device or resource busy|\bEBUSY\b|deadlock (?:found|detected)|resource deadlock|could not serialize access|serialization failure|lock wait timeout|lock file .*exists|(?:is|was) (?:already )?locked by|could not lock config file|acquiring the state lock|dpkg frontend lock)re",
     kBusy, 5, "wait for the other process, or end it"},
    {"sys.port",
     R"re(address already in use|EADDRINUSE|port is already allocated|port \d+ is (?:already )?in use)re",
     kBusy, 5, "end what uses the port, or choose another"},
    {"sys.processes",
     R"re(resource temporarily unavailable|\bEAGAIN\b|can.t start new thread|unable to create (?:new )?native thread|cannot fork|fork: retry|fork failed|pthread_create failed)re",
     kResource, 4, "run fewer tasks at a time, or raise the limit on processes (ulimit -u)"},
    {"sys.stale",
     R"re(stale (?:NFS )?file handle|\bESTALE\b|transport endpoint is not connected|interrupted system call|\bEINTR\b)re",
     kBusy, 4},
    {"sys.read_only", R"re(read-only file system|\bEROFS\b)re", kEnv, 5,
     "write to another place, or remount"},
    {"sys.unsupported",
     R"re(function not implemented|operation not supported|protocol not supported|address family not supported|\bENOSYS\b|\bENOTSUP\b|\bEOPNOTSUPP\b|\bEAFNOSUPPORT\b)re",
     kEnv, 3, "use a system or file system that can do it"},
    {"sys.io",
     R"re(input/output error|\bEIO\b)re",
     {Category::unknown, Cause::environment, Severity::critical},
     4,
     "check the disk"},

    {"auth.ssh",
     R"re(permission denied \((?:publickey|password|keyboard)|host key verification failed|too many authentication failures)re",
     kAuth, 5, "check the SSH key and the known hosts"},
    {"auth.git",
     R"re(could not read (?:username|password)|support for password authentication was removed|invalid username or (?:password|token)|terminal prompts disabled|remote: repository not found)re",
     kAuth, 5, "check the login of the repository"},
    {"auth.login",
     R"re(authentication (?:failed|failure|required)|\bunauthorized\b|error from server \(forbidden\)|is forbidden: |not authorized|access (?:is )?denied|(?:invalid|bad|wrong) (?:credentials|token|password)|login (?:failed|required)|token (?:has |is )?expired)re"
     R"re(|not authenticated|password authentication failed|no basic auth credentials|denied: requested access|invalid_grant|credentials (?:not found|have expired|are invalid|could not be)|unable to locate credentials)re"
     R"re(|ENEEDAUTH|\bE401\b|\bE403\b|requires authentication|AuthenticationError|PermissionDeniedError)re",
     kAuth, 4},

    {"env.command",
     R"re(command not found|\b(?:da|ba|z|k|a)?sh: (?:line )?\d+: [^:]+: not found|not recognized as an internal or external|executable file not found|\bspawn \S+ ENOENT|no such file or directory: '[^'/.]+'\s*$)re"
     R"re(|cannot run program|/usr/bin/env: \S+ No such file|env: can.t execute|make: \S+: No such file or directory|^[^/ ]+: not found$)re",
     kDep, 5, "install the program or correct its name or PATH"},
    {"env.library",
     R"re(error while loading shared libraries|cannot open shared object file|dll load failed|image not found|GLIBC(?:XX)?_\S+.? not found)re",
     kDep, 5},
    {"env.exec",
     R"re(exec format error|bad interpreter|cannot execute binary|argument list too long|wrong ELF class|unsupported platform|EBADPLATFORM)re",
     kEnv, 5, "use a program built for this machine"},
    {"env.denied",
     R"re(permission denied|\bEACCES\b|\bEPERM\b|operation not permitted|insufficient permissions|must be (?:run as )?root|only root can|a terminal is required to read the password|are you root|PermissionError|requires? root)re",
     kEnv, 4, "check the permissions and the owner"},
    {"env.file",
     R"re(no such file or directory|\bENOENT\b|FileNotFoundError|NoSuchFileException|FileNotFoundException|cannot find the (?:file|path)|file not found|cannot stat|can.t open (?:file|input)|is a directory$|not a directory$)re",
     kFile, 3, "check that the file is there and its path right"},
    {"crash.text",
     R"re(segmentation fault|\bbus error\b|\(core dumped\)|stack smashing detected|double free or corruption|free\(\): invalid|malloc\(\): |corrupted size vs|access violation|illegal instruction|fatal signal \d+)re",
     kCrash, 3},
    {"killed.text",
     R"re(^(?:.*\b(?:line )?\d+:? +\d* *)?killed\b|\bsigkill\b|exited with code 137|signal: killed)re",
     kResource, 3, "probably out of memory: give it more, or run fewer tasks at a time"},
};

}  // namespace

std::span<const TextRule> system_rules() { return kRules; }

}  // namespace darn::tables
