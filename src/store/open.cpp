#include "store/open.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <sqlite3.h>

#include "base/retried.hpp"
#include "store_sql.embed.hpp"

namespace darn {
namespace {

constexpr const char* kElsewhere = "name another state directory with --state DIR";
constexpr std::int64_t kApplicationId = 0x6461726e;  // "darn", as in schema.sql
// A file up to this size is checked whole when it is opened (a few milliseconds); of a larger one
// only the structure, so that status on a million tasks stays quick.
constexpr std::int64_t kWholeCheckBytes = 1 << 20;

Status refuse_network(const std::string& directory) {
  struct statfs info {};
  if (::statfs(directory.c_str(), &info) != 0) {
    return {};  // opening it will say what is wrong
  }
  if (const char* name = network_file_system(static_cast<std::uint64_t>(info.f_type))) {
    return fail(
        ErrorKind::config,
        fmt::format("{}: on a network file system ({}), where the state cannot be kept safely",
                    directory, name),
        "name a directory on a local disk with --state DIR");
  }
  return {};
}

// The header's numbers, as one pragma each.
Result<std::int64_t> pragma(Database& db, std::string_view name) {
  DARN_ASSIGN(const auto value, db.integer(fmt::format("PRAGMA {}", name)));
  return value.value_or(0);
}

Result<Identity> identity(Database& db) {
  Identity of;
  DARN_ASSIGN(of.application_id, pragma(db, "application_id"));
  DARN_ASSIGN(of.version, pragma(db, "user_version"));
  DARN_ASSIGN(const auto objects, db.integer("SELECT count(*) FROM sqlite_schema"));
  of.objects = objects.value_or(0);
  return of;
}

Status check_health(Database& db) {
  DARN_ASSIGN(const std::int64_t pages, pragma(db, "page_count"));
  DARN_ASSIGN(const std::int64_t page_size, pragma(db, "page_size"));
  if (pages * page_size > kWholeCheckBytes) {
    // Looks into the first page of every table and index.
    return db.each("SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0",
                   [&](Query& row) -> Status {
                     DARN_TRY(db.integer(fmt::format("SELECT 1 FROM \"{}\" LIMIT 1", row.view(0))));
                     return {};
                   });
  }
  return db.each("PRAGMA quick_check(1)", [&](Query& row) -> Status {
    if (row.view(0) == "ok") {
      return {};
    }
    return tl::unexpected<Error>(db.error(SQLITE_CORRUPT));
  });
}

// Brings the file to the newest version in one transaction; whoever comes second finds it done.
Status create_or_migrate(Database& db, const Schema& schema) {
  DARN_ASSIGN(std::int64_t version, pragma(db, "user_version"));
  if (version == schema.version()) {
    return {};
  }
  DARN_TRY(db.begin());
  const auto steps = [&]() -> Status {
    DARN_ASSIGN(version, pragma(db, "user_version"));
    if (version == 0) {
      return db.script(std::string(schema.sql));
    }
    for (; version < schema.version(); ++version) {
      DARN_TRY(db.script(std::string(schema.migrations[static_cast<std::size_t>(version) - 1])));
    }
    return db.script(fmt::format("PRAGMA user_version = {}", version));
  };
  if (auto done = steps(); !done) {
    db.rollback();
    return done;
  }
  return db.commit();
}

// Switching a new file to WAL does not wait for others as a transaction does.
Status use_wal(Database& db) {
  using namespace std::chrono_literals;
  return retried(
      {.max_attempts = 3000, .backoff = backoff::constant(10ms), .deadline = 30s}, [&]() -> Status {
        DARN_ASSIGN(Query query, db.query("PRAGMA journal_mode = WAL"));
        DARN_TRY(query.step());
        if (query.view(0) == "wal") {
          return {};
        }
        return fail(ErrorKind::io, db.path() + ": this file system does not allow shared memory",
                    "name a directory on a local disk with --state DIR");
      });
}

Status configure(Database& db, const StoreOptions& options) {
  return db.script(
      fmt::format("PRAGMA foreign_keys = ON;"
                  "PRAGMA cell_size_check = ON;"
                  "PRAGMA trusted_schema = OFF;"
                  "PRAGMA synchronous = {};"
                  "PRAGMA cache_size = -{};"  // KiB: a plan's index over a million ids stays in it
                  "PRAGMA journal_size_limit = {};"   // bytes, of the -wal between transactions
                  "PRAGMA wal_autocheckpoint = {};",  // pages: fewer pages are written twice
                  options.power_durability ? "FULL" : "NORMAL", 64 * 1024, 64 * 1024 * 1024, 4000));
}

Status make_parent(const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) {
    return fail(ErrorKind::io, "cannot create " + directory + ": " + error.message(), kElsewhere);
  }
  return {};
}

// SQLite would say less: it tries again to read what it may not write.
Status check_writable(const std::string& path, const std::string& directory) {
  const bool there = ::faccessat(AT_FDCWD, path.c_str(), F_OK, AT_EACCESS) == 0;
  const std::string& what = there ? path : directory;
  if (::faccessat(AT_FDCWD, what.c_str(), W_OK | (there ? 0 : X_OK), AT_EACCESS) != 0) {
    Error error = fail_errno(path + ": cannot be written to").value();
    error.mend = kElsewhere;
    return tl::unexpected<Error>(std::move(error));
  }
  return {};
}

// One process at a time opens for writing: whoever comes second finds a whole database, never the
// moment between its creation, its schema and the switch to WAL. Held on the directory, for a few
// milliseconds; the kernel drops it when the process dies.
class Opening {
 public:
  static Result<Opening> alone(const std::string& directory) {
    Opening opening;
    opening.fd_ = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (opening.fd_ < 0) {
      return fail_errno("cannot open " + directory);
    }
    while (::flock(opening.fd_, LOCK_EX) != 0) {
      if (errno != EINTR) {
        return fail_errno("cannot lock " + directory);
      }
    }
    return opening;
  }
  Opening() = default;
  Opening(Opening&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Opening& operator=(Opening&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Opening() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }

 private:
  int fd_ = -1;
};

}  // namespace

const char* network_file_system(std::uint64_t magic) {
  struct Known {
    std::uint64_t magic;
    const char* name;
  };
  // statfs(2) and linux/magic.h; the last three from their own sources.
  static constexpr std::array<Known, 14> known = {{
      {0x6969, "NFS"},
      {0x517b, "SMB"},
      {0xff534d42, "CIFS"},
      {0xfe534d42, "SMB2"},
      {0x564c, "NCP"},
      {0x01021997, "9p"},
      {0x73757245, "Coda"},
      {0x5346414f, "AFS"},
      {0x6b414653, "AFS"},
      {0x00c36400, "Ceph"},
      {0x01161970, "GFS2"},
      {0x0bd00bd0, "Lustre"},
      {0x47504653, "GPFS"},
      {0x19830326, "BeeGFS"},
  }};
  for (const Known& one : known) {
    if (one.magic == (magic & 0xffffffffU)) {
      return one.name;
    }
  }
  return nullptr;
}

Status check_identity(const std::string& path, const Identity& of, const Schema& schema) {
  if (of.application_id != kApplicationId && (of.application_id != 0 || of.objects != 0)) {
    return fail(ErrorKind::io, path + ": a database of another program", kElsewhere);
  }
  if (of.version > schema.version()) {
    return fail(ErrorKind::config,
                fmt::format("{}: written by a newer darn (version {}; this one knows {})", path,
                            of.version, schema.version()),
                "upgrade darn, or name another state directory with --state DIR");
  }
  return {};
}

const Schema& store_schema() {
  static const Schema schema = [] {
    Schema all;
    for (const embedded::File& file : embedded::store_sql()) {  // in the order of their names
      if (file.name == "schema.sql") {
        all.sql = file.content;
      } else {
        all.migrations.push_back(file.content);
      }
    }
    return all;
  }();
  return schema;
}

Result<std::unique_ptr<Database>> open_database(const std::string& path,
                                                const StoreOptions& options, const Schema& schema) {
  const bool memory = path == ":memory:";
  int flags = options.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  flags |= SQLITE_OPEN_NOMUTEX;
  Opening opening;
  if (!memory) {
    std::string directory = std::filesystem::path(path).parent_path().string();
    if (directory.empty()) {
      directory = ".";
    }
    if (!options.read_only) {
      DARN_TRY(make_parent(directory));
      DARN_TRY(check_writable(path, directory));
    }
    struct stat info {};
    if (options.read_only && ::stat(path.c_str(), &info) != 0 && errno == ENOENT) {
      return fail(ErrorKind::usage, "no runs here: " + path + " does not exist",
                  "go to where darn run was started, or name its state with --state DIR");
    }
    DARN_TRY(refuse_network(directory));
    if (!options.read_only) {
      DARN_ASSIGN(opening, Opening::alone(directory));
    }
  }
  DARN_ASSIGN(auto db, Database::open(path, flags));
  DARN_TRY(configure(*db, options));
  DARN_ASSIGN(const Identity of, identity(*db));
  DARN_TRY(check_identity(path, of, schema));
  if (options.read_only) {
    DARN_ASSIGN(const std::int64_t version, pragma(*db, "user_version"));
    if (version == 0) {  // what is left of a run that could not be planned
      return fail(ErrorKind::usage, "no runs here: " + path + " is empty",
                  "start one with 'darn run FILE'");
    }
    if (version < schema.version()) {
      return fail(ErrorKind::config, path + ": written by an older darn",
                  "any command that writes, such as darn run or darn resume, brings it up to date");
    }
  } else {
    DARN_TRY(create_or_migrate(*db, schema));
    if (!memory) {
      DARN_TRY(use_wal(*db));
    }
  }
  if (!options.unchecked) {
    DARN_TRY(check_health(*db));
  }
  return db;
}

}  // namespace darn
