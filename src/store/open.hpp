// Opening the database file: what is refused, how it is created and migrated. Inside store/ only.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "store/sqlite.hpp"
#include "store/store.hpp"

namespace darn {

// Versions count from 1; migrations[i] leads from version i + 1 to i + 2.
struct Schema {
  std::string_view sql;  // of the newest version
  std::vector<std::string_view> migrations;
  std::int64_t version() const { return static_cast<std::int64_t>(migrations.size()) + 1; }
};
const Schema& store_schema();

// What a file says of itself, and how many tables and indexes it lists.
struct Identity {
  std::int64_t application_id = 0;
  std::int64_t version = 0;
  std::int64_t objects = 0;
};
// Fails for another program's file and for one that a newer darn has written. An older one is fine.
Status check_identity(const std::string& path, const Identity& of, const Schema& schema);

Result<std::unique_ptr<Database>> open_database(const std::string& path,
                                                const StoreOptions& options, const Schema& schema);

// The name of a network file system by its statfs magic; nullptr for a local one.
const char* network_file_system(std::uint64_t magic);

}  // namespace darn
