// For tests: a disk that fails. Wraps SQLite's own VFS as the default one for as long as it lives:
// the nth write fails as a full disk or an I/O error, and what a power cut leaves of the files can
// be had at any write: what was synced is there, of each later write all, nothing, or some sectors.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <sqlite3.h>

namespace darn::test {

class FaultyVfs {
 public:
  FaultyVfs() {
    the() = this;
    real_ = sqlite3_vfs_find(nullptr);
    vfs_ = *real_;
    vfs_.zName = "darn-faulty";
    vfs_.pAppData = real_;
    vfs_.szOsFile = static_cast<int>(sizeof(File)) + real_->szOsFile;
    vfs_.xOpen = &open;
    vfs_.xDelete = [](sqlite3_vfs*, const char* name, int) {
      return the()->real_->xDelete(the()->real_, name, 0);
    };
    sqlite3_vfs_register(&vfs_, 1);
  }
  ~FaultyVfs() {
    sqlite3_vfs_register(real_, 1);
    sqlite3_vfs_unregister(&vfs_);
    the() = nullptr;
  }
  FaultyVfs(const FaultyVfs&) = delete;
  FaultyVfs& operator=(const FaultyVfs&) = delete;

  std::int64_t writes = 0;      // so far: writes, truncations and syncs
  std::int64_t fail_at = -1;    // the number of the write that fails
  std::int64_t fail_times = 1;  // it and those after it
  int code = SQLITE_FULL;
  std::function<void()> before_write;

  // The files as a power cut at this moment could leave them, into a directory.
  void cut_power(const std::filesystem::path& to, std::mt19937_64& random) const {
    for (const auto& [path, image] : images_) {
      std::string bytes = image.synced;
      // All that follows may be there or not; often everything, often nothing.
      const auto kept = static_cast<unsigned>(random() % 3);
      for (const Write& write : image.later) {
        apply_torn(bytes, write, kept, random);
      }
      std::ofstream(to / std::filesystem::path(path).filename(), std::ios::binary) << bytes;
    }
  }

 private:
  struct Write {
    std::size_t at = 0;
    std::string bytes;
    bool truncates = false;  // to `at`
  };
  struct Image {
    std::string synced;
    std::vector<Write> later;
  };
  struct File {
    sqlite3_file base;
    Image* image;  // null: a temporary file
    sqlite3_file* inner() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  };

  static FaultyVfs*& the() {
    static FaultyVfs* instance = nullptr;
    return instance;
  }
  static File* cast(sqlite3_file* file) { return reinterpret_cast<File*>(file); }

  static void apply(std::string& bytes, const Write& write) {
    if (write.truncates) {
      bytes.resize(std::min(bytes.size(), write.at));
      return;
    }
    bytes.resize(std::max(bytes.size(), write.at + write.bytes.size()));
    std::copy(write.bytes.begin(), write.bytes.end(),
              bytes.begin() + static_cast<std::ptrdiff_t>(write.at));
  }
  static void apply_torn(std::string& bytes, const Write& write, unsigned kept,
                         std::mt19937_64& random) {
    constexpr std::size_t kSector = 512;
    if (kept == 0 || (kept == 1 && random() % 2 == 0)) {
      return;
    }
    if (write.truncates || kept == 2 || random() % 4 != 0) {
      return apply(bytes, write);
    }
    for (std::size_t from = 0; from < write.bytes.size(); from += kSector) {
      if (random() % 2 == 0) {
        apply(bytes, {write.at + from, write.bytes.substr(from, kSector), false});
      }
    }
  }

  // Counts, and says whether this one fails.
  static bool fails() {
    FaultyVfs& self = *the();
    if (self.before_write) {
      self.before_write();
    }
    const std::int64_t number = self.writes++;
    return self.fail_at >= 0 && number >= self.fail_at && number < self.fail_at + self.fail_times;
  }

  static int open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
    FaultyVfs& self = *the();
    File* f = cast(file);
    f->base.pMethods = nullptr;
    f->image = nullptr;
    const int code = self.real_->xOpen(self.real_, name, f->inner(), flags, out_flags);
    if (code != SQLITE_OK) {
      return code;
    }
    if (name != nullptr && (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)) != 0) {
      std::ifstream in(name, std::ios::binary);
      f->image = &self.images_[name];
      f->image->synced.resize(std::filesystem::file_size(name));
      in.read(f->image->synced.data(), static_cast<std::streamsize>(f->image->synced.size()));
      f->image->later.clear();
    }
    f->base.pMethods = &methods();
    return SQLITE_OK;
  }

  static int write(sqlite3_file* file, const void* data, int size, sqlite3_int64 at) {
    File* f = cast(file);
    if (f->image != nullptr) {
      if (fails()) {
        return the()->code;
      }
      f->image->later.push_back({static_cast<std::size_t>(at),
                                 {static_cast<const char*>(data), static_cast<std::size_t>(size)},
                                 false});
    }
    return f->inner()->pMethods->xWrite(f->inner(), data, size, at);
  }
  static int truncate(sqlite3_file* file, sqlite3_int64 size) {
    File* f = cast(file);
    if (f->image != nullptr) {
      if (fails()) {
        return SQLITE_IOERR_TRUNCATE;
      }
      f->image->later.push_back({static_cast<std::size_t>(size), {}, true});
    }
    return f->inner()->pMethods->xTruncate(f->inner(), size);
  }
  static int sync(sqlite3_file* file, int) {
    File* f = cast(file);
    if (f->image == nullptr) {
      return SQLITE_OK;  // the real disk need not be waited for
    }
    if (fails()) {
      return SQLITE_IOERR_FSYNC;
    }
    for (const Write& one : f->image->later) {
      apply(f->image->synced, one);
    }
    f->image->later.clear();
    return SQLITE_OK;
  }

  static const sqlite3_io_methods& methods() {
    static const sqlite3_io_methods table = [] {
      sqlite3_io_methods m{};
      m.iVersion = 2;  // no memory mapping of the database
      m.xClose = [](sqlite3_file* f) {
        return cast(f)->inner()->pMethods->xClose(cast(f)->inner());
      };
      m.xRead = [](sqlite3_file* f, void* to, int size, sqlite3_int64 at) {
        return cast(f)->inner()->pMethods->xRead(cast(f)->inner(), to, size, at);
      };
      m.xWrite = &write;
      m.xTruncate = &truncate;
      m.xSync = &sync;
      m.xFileSize = [](sqlite3_file* f, sqlite3_int64* size) {
        return cast(f)->inner()->pMethods->xFileSize(cast(f)->inner(), size);
      };
      m.xLock = [](sqlite3_file* f, int lock) {
        return cast(f)->inner()->pMethods->xLock(cast(f)->inner(), lock);
      };
      m.xUnlock = [](sqlite3_file* f, int lock) {
        return cast(f)->inner()->pMethods->xUnlock(cast(f)->inner(), lock);
      };
      m.xCheckReservedLock = [](sqlite3_file* f, int* out) {
        return cast(f)->inner()->pMethods->xCheckReservedLock(cast(f)->inner(), out);
      };
      m.xFileControl = [](sqlite3_file* f, int what, void* arg) {
        return cast(f)->inner()->pMethods->xFileControl(cast(f)->inner(), what, arg);
      };
      m.xSectorSize = [](sqlite3_file* f) {
        return cast(f)->inner()->pMethods->xSectorSize(cast(f)->inner());
      };
      m.xDeviceCharacteristics = [](sqlite3_file* f) {
        return cast(f)->inner()->pMethods->xDeviceCharacteristics(cast(f)->inner());
      };
      m.xShmMap = [](sqlite3_file* f, int page, int size, int extend, void volatile** to) {
        return cast(f)->inner()->pMethods->xShmMap(cast(f)->inner(), page, size, extend, to);
      };
      m.xShmLock = [](sqlite3_file* f, int offset, int n, int flags) {
        return cast(f)->inner()->pMethods->xShmLock(cast(f)->inner(), offset, n, flags);
      };
      m.xShmBarrier = [](sqlite3_file* f) {
        cast(f)->inner()->pMethods->xShmBarrier(cast(f)->inner());
      };
      m.xShmUnmap = [](sqlite3_file* f, int remove) {
        return cast(f)->inner()->pMethods->xShmUnmap(cast(f)->inner(), remove);
      };
      return m;
    }();
    return table;
  }

  sqlite3_vfs* real_ = nullptr;
  sqlite3_vfs vfs_{};
  std::map<std::string, Image> images_;
};

}  // namespace darn::test
